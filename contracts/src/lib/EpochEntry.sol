// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Where an epoch lies and what stake decides in it.
struct Entry {
    uint64 start; // first block
    uint64 end; // last block, inclusive
    uint64 stakeBlock; // L1 block that fixed set and parameters
    uint64 version; // of the signing domain: 1, and one more for every restart
}

/// @title EpochEntry
/// @notice An entry in one storage word, so that one proof on L1 opens all of it.
/// @dev version ‖ stakeBlock ‖ end ‖ start, most significant first, 64 bits each: Solidity's packing.
library EpochEntry {
    /// @notice The entry in a storage word.
    function unpack(uint256 word) internal pure returns (Entry memory) {
        return Entry({
            start: uint64(word),
            end: uint64(word >> 64),
            stakeBlock: uint64(word >> 128),
            version: uint64(word >> 192)
        });
    }
}
