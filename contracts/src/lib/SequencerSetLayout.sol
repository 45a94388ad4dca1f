// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title SequencerSetLayout
/// @notice Where `SequencerSet` keeps on L2 what is proven on L1.
/// @dev Two mappings stand first in its storage, and never move:
///
/// | slot | what                                  | word of epoch e at                |
/// |------|---------------------------------------|-----------------------------------|
/// | 0    | mapping(uint256 epoch => Entry)       | keccak256(uint256(e) ‖ uint256(0)) |
/// | 1    | mapping(uint256 epoch => bytes32 hash of the closed `EpochRecord`) | keccak256(uint256(e) ‖ uint256(1)) |
///
/// Either takes one account proof and one storage proof of `eth_getProof`.
library SequencerSetLayout {
    /// @notice Address of the predeploy on L2.
    address internal constant SEQUENCER_SET = 0x4200000000000000000000000000000000000100;

    uint256 private constant ENTRIES = 0;
    uint256 private constant RECORDS = 1;

    /// @notice Slot of the `Entry` of an epoch.
    function entrySlot(uint256 epoch) internal pure returns (bytes32) {
        return keccak256(abi.encode(epoch, ENTRIES));
    }

    /// @notice Slot of the hash of the closed record of an epoch.
    function recordSlot(uint256 epoch) internal pure returns (bytes32) {
        return keccak256(abi.encode(epoch, RECORDS));
    }
}
