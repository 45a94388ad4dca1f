// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Digests} from "../lib/Digests.sol";
import {Entry, EpochEntry} from "../lib/EpochEntry.sol";
import {SequencerSetLayout} from "../lib/SequencerSetLayout.sol";
import {StateProof} from "../lib/StateProof.sol";
import {ParameterKeys} from "./ParameterKeys.sol";
import {ILockingPool} from "./interfaces/ILockingPool.sol";
import {INetworkParameters} from "./interfaces/INetworkParameters.sol";
import {BatchProof, ISequencerInbox} from "./interfaces/ISequencerInbox.sol";
import {ISlasher} from "./interfaces/ISlasher.sol";

/// @title Slasher
/// @notice Takes evidence of equivocation, slashes and jails; the second time for ever.
/// @dev UUPS behind an ERC-1967 proxy; the owner is the timelock. An epoch proven on L2 says which stake
/// block decided and which version of the signing domain was in force, so that neither a height that
/// never was, nor a key that did not count, nor a vote from before a restart, is evidence.
contract Slasher is ISlasher, OwnableUpgradeable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:metis.storage.Slasher
    struct Dock {
        ILockingPool pool;
        ISequencerInbox inbox;
        mapping(uint256 sequencerId => Offences) offences;
    }

    struct Culprit {
        uint256 id;
        address signer;
        uint64 stakeBlock;
    }

    /// @notice Version of this code.
    string public constant VERSION = "1.0.0";

    uint8 private constant PROPOSAL = 0;
    uint8 private constant PRECOMMIT = 2;

    /// @dev keccak256(abi.encode(uint256(keccak256("metis.storage.Slasher")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant SLASHER_STORAGE = 0x89378756a461617f83aa0c5224608bd1dd28252d0bc1daf4017006e7218c6000;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Begin with a clean slate.
    /// @param owner_ who governs: in the end the timelock, until then the deployer
    /// @param pool_ proxy of the pool that is slashed, which must name this contract as its slasher
    /// @param inbox_ proxy of the inbox whose state roots count
    function initialize(address owner_, ILockingPool pool_, ISequencerInbox inbox_) external initializer {
        __Ownable_init(owner_);
        Dock storage dock = _dock();
        dock.pool = pool_;
        dock.inbox = inbox_;
    }

    /// @inheritdoc ISlasher
    function reportEquivocation(
        Message calldata a,
        bytes calldata signatureA,
        Message calldata b,
        bytes calldata signatureB,
        uint64 epoch,
        BatchProof calldata proof
    ) external {
        _requireConflict(a, b);
        Entry memory entry = _provenEntry(_dock().inbox, a.height, epoch, proof);
        // slither-disable-next-line uninitialized-local
        Culprit memory culprit; // filled below, field by field
        culprit.stakeBlock = entry.stakeBlock;
        culprit.signer = _commonSigner(_dock().pool, entry.version, a, signatureA, b, signatureB);
        _requireValidator(_dock(), culprit);
        _punish(_dock(), culprit, a);
    }

    /// @notice Never: without an owner nothing could be mended any more.
    function renounceOwnership() public pure override {
        revert OwnerIsNeeded();
    }

    /// @inheritdoc ISlasher
    function offencesOf(uint256 sequencerId) external view returns (Offences memory) {
        return _dock().offences[sequencerId];
    }

    /// @inheritdoc ISlasher
    function pool() external view returns (address) {
        return address(_dock().pool);
    }

    /// @inheritdoc ISlasher
    function inbox() external view returns (address) {
        return address(_dock().inbox);
    }

    // ---- conditions ----

    function _requireConflict(Message calldata a, Message calldata b) private pure {
        if (a.kind > PRECOMMIT) revert UnknownKind(a.kind);
        if (a.kind != b.kind || a.height != b.height || a.round != b.round) revert DifferentTurns();
        if (a.blockHash == b.blockHash) revert SameBlock(a.blockHash);
    }

    function _provenEntry(ISequencerInbox inbox_, uint64 height, uint64 epoch, BatchProof calldata proof)
        private
        view
        returns (Entry memory entry)
    {
        ISequencerInbox.Batch memory batch = inbox_.batch(proof.batch);
        if (batch.last < height) revert HeightNotOnL1(height, batch.last);
        uint256 word = StateProof.storageAt(
            batch.stateRoot,
            SequencerSetLayout.SEQUENCER_SET,
            SequencerSetLayout.entrySlot(epoch),
            proof.accountProof,
            proof.storageProof
        );
        entry = EpochEntry.unpack(word);
        if (height < entry.start || height > entry.end) revert HeightNotInEpoch(height, entry.start, entry.end);
    }

    function _commonSigner(
        ILockingPool pool_,
        uint64 version,
        Message calldata a,
        bytes calldata signatureA,
        Message calldata b,
        bytes calldata signatureB
    ) private view returns (address signer) {
        bytes32 domain = Digests.domainSeparator(version, pool_.l2ChainId(), address(pool_));
        signer = ECDSA.recoverCalldata(_digest(domain, a), signatureA);
        address other = ECDSA.recoverCalldata(_digest(domain, b), signatureB);
        if (signer != other) revert DifferentSigners(signer, other);
    }

    function _digest(bytes32 domain, Message calldata message) private pure returns (bytes32) {
        if (message.kind == PROPOSAL) {
            return Digests.proposal(domain, message.height, message.round, message.validRound, message.blockHash);
        }
        return Digests.vote(domain, message.kind, message.height, message.round, message.blockHash);
    }

    /// @dev Finds the sequencer by its key, for ever: a signer address belongs to one id.
    function _requireValidator(Dock storage dock, Culprit memory culprit) private view {
        uint256 id = dock.pool.signerSequencer(culprit.signer);
        if (id == 0) revert UnknownSigner(culprit.signer);
        (address keyThen, uint64 power) = dock.pool.seatAt(id, culprit.stakeBlock);
        if (keyThen != culprit.signer) revert NotItsKeyThen(id, culprit.signer, keyThen);
        if (power == 0) revert NoValidatorThen(id, culprit.stakeBlock);
        uint256 time = dock.inbox.provenTime(culprit.stakeBlock);
        uint256 exitDelay = INetworkParameters(dock.pool.parameters()).get(ParameterKeys.EXIT_DELAY);
        if (block.timestamp >= time + exitDelay) revert EvidenceTooOld(culprit.stakeBlock, time);
        culprit.id = id;
    }

    // ---- punishment ----

    /// @dev A key that leaked signs any number of past heights: all that lie in epochs fixed before the
    /// last punishment are covered by it, so that one leak costs one fraction, and time to rotate the key.
    function _punish(Dock storage dock, Culprit memory culprit, Message calldata a) private {
        Offences memory offences = dock.offences[culprit.id];
        bool tombstone = offences.count != 0;
        if (tombstone && culprit.stakeBlock <= offences.lastPunishedAt) {
            revert AlreadyPunished(culprit.id, offences.lastPunishedAt, culprit.stakeBlock);
        }
        dock.offences[culprit.id] = Offences({count: offences.count + 1, lastPunishedAt: uint64(block.number)});
        INetworkParameters parameters = INetworkParameters(dock.pool.parameters());
        uint256 fraction = parameters.valueAt(ParameterKeys.SLASH_FRACTION, culprit.stakeBlock);
        (uint256 slashed, uint256 rewarded) = dock.pool.slash(culprit.id, fraction, msg.sender, tombstone);
        emit EquivocationPunished(
            culprit.id, msg.sender, culprit.signer, a.kind, a.height, a.round, slashed, rewarded, tombstone
        );
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _dock() private pure returns (Dock storage dock) {
        assembly ("memory-safe") {
            dock.slot := SLASHER_STORAGE
        }
    }
}
