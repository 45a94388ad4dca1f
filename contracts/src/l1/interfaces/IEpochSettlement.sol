// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochRecord} from "../../lib/EpochRecord.sol";
import {BatchProof} from "./ISequencerInbox.sol";

/// @title IEpochSettlement
/// @notice Pays and fines sequencers for what `SequencerSet` on L2 recorded of an epoch.
interface IEpochSettlement {
    /// @notice An epoch is settled; `credited` and `fined` are sums over its sequencers, wei of METIS.
    /// What is really fined is bounded by what a sequencer is owed.
    event EpochSettled(uint64 indexed epoch, uint64 stakeBlock, uint256 credited, uint256 fined);

    /// @notice Epochs are settled in order.
    error NotNextEpoch(uint64 epoch, uint64 next);
    /// @notice The record is not the one whose hash L2 stored.
    error WrongRecord(bytes32 recordHash, bytes32 proven);
    /// @notice The owner (the timelock) can't be renounced.
    error OwnerIsNeeded();

    /// @notice Settle the next epoch. Anybody may.
    /// @param epoch `nextEpoch`
    /// @param record as in the event `EpochClosed` of `SequencerSet`
    /// @param proof of `SequencerSetLayout.recordSlot(epoch)`, against any batch after the record closed
    function settleEpoch(uint64 epoch, EpochRecord calldata record, BatchProof calldata proof) external;

    /// @notice The epoch to settle next.
    function nextEpoch() external view returns (uint64);

    /// @notice The pool that owes the rewards.
    function pool() external view returns (address);

    /// @notice The inbox whose state roots records are proven against.
    function inbox() external view returns (address);
}
