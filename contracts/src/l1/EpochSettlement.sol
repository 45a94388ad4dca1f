// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {EpochRecord, EpochRecords} from "../lib/EpochRecord.sol";
import {EpochRewards} from "../lib/EpochRewards.sol";
import {SequencerSetLayout} from "../lib/SequencerSetLayout.sol";
import {StateProof} from "../lib/StateProof.sol";
import {ParameterKeys} from "./ParameterKeys.sol";
import {IEpochSettlement} from "./interfaces/IEpochSettlement.sol";
import {ILockingPool} from "./interfaces/ILockingPool.sol";
import {INetworkParameters} from "./interfaces/INetworkParameters.sol";
import {BatchProof, ISequencerInbox} from "./interfaces/ISequencerInbox.sol";

/// @title EpochSettlement
/// @notice Credits and fines the sequencers of each epoch, in order, from the record that L2 kept, proven
/// against the state root of an accepted batch. It touches owed rewards only, never stake, and moves no
/// token: an empty fund leaves a debt.
/// @dev UUPS behind an ERC-1967 proxy; the owner is the timelock. Rules: `EpochRewards`.
contract EpochSettlement is IEpochSettlement, OwnableUpgradeable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:metis.storage.EpochSettlement
    struct Settlement {
        ILockingPool pool;
        uint64 nextEpoch;
        ISequencerInbox inbox;
    }

    /// @notice Version of this code.
    string public constant VERSION = "1.0.0";

    /// @dev keccak256(abi.encode(uint256(keccak256("metis.storage.EpochSettlement")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant SETTLEMENT_STORAGE = 0xf749e232d0783e2b0f421b27f23718592ad7494a3644d08f2ca27b763e907200;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Begin with epoch 0.
    /// @param owner_ who governs: in the end the timelock, until then the deployer
    /// @param pool_ proxy of the pool that owes rewards
    /// @param inbox_ proxy of the inbox whose state roots count
    function initialize(address owner_, ILockingPool pool_, ISequencerInbox inbox_) external initializer {
        __Ownable_init(owner_);
        Settlement storage settlement = _settlement();
        settlement.pool = pool_;
        settlement.inbox = inbox_;
    }

    /// @inheritdoc IEpochSettlement
    function settleEpoch(uint64 epoch, EpochRecord calldata record, BatchProof calldata proof) external {
        Settlement storage settlement = _settlement();
        if (epoch != settlement.nextEpoch) revert NotNextEpoch(epoch, settlement.nextEpoch);
        settlement.nextEpoch = epoch + 1;
        _requireProven(settlement.inbox, epoch, record, proof);
        (uint256 credited, uint256 fined) = _settle(settlement.pool, record);
        emit EpochSettled(epoch, record.stakeBlock, credited, fined);
    }

    /// @notice Never: without an owner nothing could be mended any more.
    function renounceOwnership() public pure override {
        revert OwnerIsNeeded();
    }

    /// @inheritdoc IEpochSettlement
    function nextEpoch() external view returns (uint64) {
        return _settlement().nextEpoch;
    }

    /// @inheritdoc IEpochSettlement
    function pool() external view returns (address) {
        return address(_settlement().pool);
    }

    /// @inheritdoc IEpochSettlement
    function inbox() external view returns (address) {
        return address(_settlement().inbox);
    }

    function _requireProven(ISequencerInbox inbox_, uint64 epoch, EpochRecord calldata record, BatchProof calldata proof)
        private
        view
    {
        bytes32 proven = bytes32(
            StateProof.storageAt(
                inbox_.batch(proof.batch).stateRoot,
                SequencerSetLayout.SEQUENCER_SET,
                SequencerSetLayout.recordSlot(epoch),
                proof.accountProof,
                proof.storageProof
            )
        );
        bytes32 found = EpochRecords.hash(epoch, record);
        if (found != proven) revert WrongRecord(found, proven);
    }

    function _settle(ILockingPool pool_, EpochRecord memory record) private returns (uint256 credited, uint256 fined) {
        uint256 size = record.sequencers.length;
        uint256[] memory ids = new uint256[](size);
        uint64[] memory powers = new uint64[](size);
        for (uint256 i = 0; i < size; ++i) {
            ids[i] = record.sequencers[i].id;
            // slither-disable-next-line unused-return,calls-loop
            (, powers[i]) = pool_.seatAt(ids[i], record.stakeBlock);
        }
        uint64 total = pool_.totalPowerAt(record.stakeBlock);
        if (total == 0) return (0, 0); // a static set, which this pool knows nothing of
        (uint256[] memory credits, uint256[] memory fines) =
            EpochRewards.compute(record, powers, total, _rates(pool_, record.stakeBlock));
        for (uint256 i = 0; i < size; ++i) {
            credited += credits[i];
            fined += fines[i];
        }
        pool_.creditRewards(ids, credits);
        pool_.fine(ids, fines);
    }

    /// @dev Those of the stake block: what governance decides later changes no epoch that is over.
    function _rates(ILockingPool pool_, uint64 stakeBlock) private view returns (EpochRewards.Rates memory) {
        INetworkParameters parameters = INetworkParameters(pool_.parameters());
        return EpochRewards.Rates({
            perBlock: parameters.valueAt(ParameterKeys.REWARD_PER_BLOCK, stakeBlock),
            perVote: parameters.valueAt(ParameterKeys.REWARD_PER_VOTE, stakeBlock),
            perMiss: parameters.valueAt(ParameterKeys.VOTE_FINE, stakeBlock)
        });
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}

    function _settlement() private pure returns (Settlement storage settlement) {
        assembly ("memory-safe") {
            settlement.slot := SETTLEMENT_STORAGE
        }
    }
}
