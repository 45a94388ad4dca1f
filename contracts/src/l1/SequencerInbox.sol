// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {BatchData} from "../lib/BatchData.sol";
import {Digests} from "../lib/Digests.sol";
import {L2Header} from "../lib/L2Header.sol";
import {Quorum} from "../lib/Quorum.sol";
import {SubmitterCost} from "../lib/SubmitterCost.sol";
import {ParameterKeys} from "./ParameterKeys.sol";
import {SubmitterCredits} from "./inbox/SubmitterCredits.sol";
import {ILockingPool} from "./interfaces/ILockingPool.sol";
import {INetworkParameters} from "./interfaces/INetworkParameters.sol";
import {ISequencerInbox} from "./interfaces/ISequencerInbox.sol";

/// @title SequencerInbox
/// @notice Accepts batches of L2 blocks: contiguous, and signed by more than 2/3 of the power at the
/// stake block that the header of the last block names. Nobody is trusted to submit, and no commit
/// certificate moves it: what is signed is the data.
/// @dev UUPS behind an ERC-1967 proxy; the owner is the timelock. A batch that more than 2/3 of the power
/// signed may still name a false state root: what is paid out on its word must wait (see docs/contracts.md).
contract SequencerInbox is SubmitterCredits, OwnableUpgradeable, UUPSUpgradeable {
    using Checkpoints for Checkpoints.Trace208;

    /// @custom:storage-location erc7201:metis.storage.SequencerInbox
    struct Inbox {
        ILockingPool pool;
        uint64 lastBlock;
        uint64 lastAcceptedAt; // seconds; of the deployment before the first batch
        uint64 lastStakeBlock;
        Batch[] batches;
        Checkpoints.Trace208 times; // L1 block -> its time, seconds
        Restart restart;
    }

    struct Claim {
        L2Header.Fields header;
        bytes32 dataHash;
        bytes32 digest;
        uint256 blobs;
    }

    /// @notice Version of this code.
    string public constant VERSION = "1.0.0";
    /// @notice Times of L1 blocks are recorded this often within an exit delay, which is how exactly the
    /// age of a stake block is known.
    uint256 public constant TIMES_PER_EXIT_DELAY = 16;

    /// @dev keccak256(abi.encode(uint256(keccak256("metis.storage.SequencerInbox")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant INBOX_STORAGE = 0x0ce6e8727a1534e9df175fa13725d99cf5573594b48df491ad286c87c91d6300;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Begin with block 1 expected.
    /// @param owner_ who governs: in the end the timelock, until then the deployer
    /// @param pool_ proxy of the pool whose stake signs
    function initialize(address owner_, ILockingPool pool_) external initializer {
        __Ownable_init(owner_);
        Inbox storage inbox = _inbox();
        inbox.pool = pool_;
        inbox.lastAcceptedAt = uint64(block.timestamp);
        _recordTime(inbox);
    }

    /// @inheritdoc ISequencerInbox
    function submitBatch(
        uint64 first,
        uint64 last,
        bytes calldata lastBlockHeaderRlp,
        bytes calldata data,
        uint256[] calldata ids,
        bytes calldata signatures
    ) external {
        uint256 gasBefore = gasleft();
        Inbox storage inbox = _inbox();
        Claim memory claim = _claim(inbox, first, last, lastBlockHeaderRlp, data);
        Quorum.check(inbox.pool, claim.header.stakeBlock, claim.digest, ids, signatures);
        uint256 index = _accept(inbox, first, claim);
        SubmitterCost.Submission memory submission = SubmitterCost.Submission({
            gasUsed: gasBefore - gasleft(),
            dataBytes: data.length,
            headerBytes: lastBlockHeaderRlp.length,
            signers: ids.length,
            blobs: claim.blobs
        });
        _credit(INetworkParameters(inbox.pool.parameters()), index, submission);
    }

    /// @inheritdoc ISequencerInbox
    function recordTime() external {
        Inbox storage inbox = _inbox();
        uint256 due = _nextTimeAt(inbox);
        if (block.timestamp < due) revert TimeKnown(due);
        _recordTime(inbox);
    }

    /// @inheritdoc ISequencerInbox
    function restart(uint64 height, bytes32 parentHash, uint64 stakeBlock) external onlyOwner {
        Inbox storage inbox = _inbox();
        uint256 earliest = inbox.lastAcceptedAt + _parameter(inbox, ParameterKeys.RECOVERY_DELAY);
        if (block.timestamp < earliest) revert TooEarlyToRestart(earliest);
        if (height <= inbox.lastBlock) revert RestartBelowBatches(height, inbox.lastBlock);
        uint256 count = inbox.batches.length;
        if (count != 0 && height == inbox.lastBlock + 1 && parentHash != inbox.batches[count - 1].blockHash) {
            revert WrongParent(parentHash, inbox.batches[count - 1].blockHash);
        }
        _requireStakeBlock(inbox, stakeBlock);
        if (inbox.pool.totalPowerAt(stakeBlock) == 0) revert NoPowerAt(stakeBlock);
        uint64 number = inbox.restart.number + 1;
        inbox.restart = Restart({parentHash: parentHash, number: number, height: height, stakeBlock: stakeBlock});
        inbox.lastStakeBlock = stakeBlock;
        emit Restarted(number, height, parentHash, stakeBlock);
    }

    /// @notice Never: without an owner nothing could be mended any more.
    function renounceOwnership() public pure override {
        revert OwnerIsNeeded();
    }

    // ---- views ----

    /// @inheritdoc ISequencerInbox
    function batchCount() external view returns (uint256) {
        return _inbox().batches.length;
    }

    /// @inheritdoc ISequencerInbox
    function batch(uint256 index) external view returns (Batch memory) {
        Inbox storage inbox = _inbox();
        if (index >= inbox.batches.length) revert NoSuchBatch(index);
        return inbox.batches[index];
    }

    /// @inheritdoc ISequencerInbox
    function batchOf(uint64 blockNumber) external view returns (uint256 low) {
        Batch[] storage batches = _inbox().batches;
        uint256 high = batches.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (batches[middle].last < blockNumber) low = middle + 1;
            else high = middle;
        }
        if (blockNumber == 0 || low == batches.length) revert NoSuchBatch(low);
    }

    /// @inheritdoc ISequencerInbox
    function lastBlock() external view returns (uint64) {
        return _inbox().lastBlock;
    }

    /// @inheritdoc ISequencerInbox
    function lastRestart() external view returns (Restart memory) {
        return _inbox().restart;
    }

    /// @inheritdoc ISequencerInbox
    function domainVersion() external view returns (uint256) {
        return uint256(_inbox().restart.number) + 1;
    }

    /// @inheritdoc ISequencerInbox
    function provenTime(uint256 blockNumber) external view returns (uint256) {
        return _provenTime(_inbox(), blockNumber);
    }

    /// @inheritdoc ISequencerInbox
    function pool() external view returns (address) {
        return address(_inbox().pool);
    }

    // ---- rules of a batch ----

    function _claim(
        Inbox storage inbox,
        uint64 first,
        uint64 last,
        bytes calldata lastBlockHeaderRlp,
        bytes calldata data
    ) private view returns (Claim memory claim) {
        _requireNext(inbox, first, last);
        _requireReadable(data);
        claim.header = L2Header.decode(lastBlockHeaderRlp);
        if (claim.header.number != last) revert HeaderOfAnotherBlock(claim.header.number, last);
        _requireStakeBlock(inbox, claim.header.stakeBlock);
        (claim.dataHash, claim.blobs) = BatchData.hash(data);
        claim.digest = Digests.batch(_domain(inbox), first, last, claim.header.hash, claim.dataHash);
    }

    function _requireNext(Inbox storage inbox, uint64 first, uint64 last) private view {
        if (first != inbox.lastBlock + 1) revert NotContiguous(first, inbox.lastBlock + 1);
        if (last < first) revert EmptyBatch(first, last);
        if (last < inbox.restart.height) revert EndsBeforeRestart(last, inbox.restart.height);
    }

    /// @dev Calldata of a call inside of a transaction is in no block; only tracing nodes could read it.
    function _requireReadable(bytes calldata data) private view {
        if (data.length == 0) return;
        // slither-disable-next-line tx-origin
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert DataBehindContract(msg.sender);
    }

    /// @dev Stake younger than the exit delay is still in reach of the slasher, whoever left since.
    function _requireStakeBlock(Inbox storage inbox, uint64 stakeBlock) private view {
        if (stakeBlock >= block.number) revert StakeBlockInFuture(stakeBlock, block.number);
        if (stakeBlock < inbox.lastStakeBlock) revert StakeBlockWentBack(stakeBlock, inbox.lastStakeBlock);
        uint256 time = _provenTime(inbox, stakeBlock);
        if (block.timestamp >= time + _parameter(inbox, ParameterKeys.EXIT_DELAY)) {
            revert StakeBlockTooOld(stakeBlock, time);
        }
    }

    function _accept(Inbox storage inbox, uint64 first, Claim memory claim) private returns (uint256 index) {
        L2Header.Fields memory header = claim.header;
        index = inbox.batches.length;
        inbox.batches.push(
            Batch({
                blockHash: header.hash,
                stateRoot: header.stateRoot,
                last: header.number,
                epoch: header.epoch,
                stakeBlock: header.stakeBlock,
                acceptedAt: uint64(block.timestamp)
            })
        );
        inbox.lastBlock = header.number;
        inbox.lastStakeBlock = header.stakeBlock;
        inbox.lastAcceptedAt = uint64(block.timestamp);
        if (block.timestamp >= _nextTimeAt(inbox)) _recordTime(inbox);
        emit BatchAccepted(
            index,
            first,
            header.number,
            header.hash,
            header.stateRoot,
            claim.dataHash,
            header.epoch,
            header.stakeBlock,
            msg.sender
        );
    }

    // ---- time of L1 blocks ----

    function _recordTime(Inbox storage inbox) private {
        // slither-disable-next-line unused-return
        inbox.times.push(SafeCast.toUint48(block.number), SafeCast.toUint208(block.timestamp));
        emit TimeRecorded(block.number, block.timestamp);
    }

    /// @dev Not sooner, so that nobody can make the past of times long.
    function _nextTimeAt(Inbox storage inbox) private view returns (uint256) {
        return inbox.times.latest() + _parameter(inbox, ParameterKeys.EXIT_DELAY) / TIMES_PER_EXIT_DELAY;
    }

    /// @dev Time of the nearest recorded block at or below: never after that of the block itself.
    function _provenTime(Inbox storage inbox, uint256 blockNumber) private view returns (uint256) {
        return inbox.times.upperLookupRecent(SafeCast.toUint48(blockNumber));
    }

    // ---- wiring ----

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _parameter(Inbox storage inbox, bytes32 key) private view returns (uint256) {
        return INetworkParameters(inbox.pool.parameters()).get(key);
    }

    function _domain(Inbox storage inbox) private view returns (bytes32) {
        uint256 version = uint256(inbox.restart.number) + 1;
        return Digests.domainSeparator(version, inbox.pool.l2ChainId(), address(inbox.pool));
    }

    function _inbox() private pure returns (Inbox storage inbox) {
        assembly ("memory-safe") {
            inbox.slot := INBOX_STORAGE
        }
    }
}
