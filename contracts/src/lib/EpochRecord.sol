// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What one sequencer did in an epoch.
struct SequencerRecord {
    uint64 id; // of LockingPool
    uint32 blocksBuilt;
    uint32 turnsMissed; // turns that went past it to the next in order
    uint32 votesRecorded; // precommits for heights of the epoch
    uint64 blockPay; // sum over paid blocks of the power whose votes it recorded there, in 1/10,000
}

/// @notice What the sequencers of an epoch did, in the order of that epoch (elected first).
struct EpochRecord {
    uint64 start; // first block
    uint64 end; // last block
    uint64 stakeBlock; // L1 block that fixed set and parameters
    SequencerRecord[] sequencers;
}

/// @title EpochRecords
/// @notice One hash for a record: written by `SequencerSet` on L2, proven and opened on L1.
library EpochRecords {
    /// @notice Hash of the record of epoch `epoch`: keccak256(abi.encode(epoch, record)).
    function hash(uint256 epoch, EpochRecord memory record) internal pure returns (bytes32) {
        return keccak256(abi.encode(epoch, record));
    }
}
