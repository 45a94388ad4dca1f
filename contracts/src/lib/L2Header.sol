// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BlockHeader} from "@openzeppelin/contracts/utils/BlockHeader.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

/// @title L2Header
/// @notice What L1 reads from an L2 block header.
/// @dev Ethereum's 21 fields of Prague. `extraData` has 29 bytes, big-endian: version u8, epoch u64,
/// builder index u16, origin number u64, stake block u64, milliseconds u16.
library L2Header {
    using Memory for *;
    using RLP for *;

    uint256 internal constant FIELDS = 21;
    uint256 internal constant EXTRA_DATA_BYTES = 29;
    uint8 internal constant EXTRA_DATA_VERSION = 1;

    /// @notice A decoded header, as far as L1 cares.
    struct Fields {
        bytes32 hash;
        bytes32 stateRoot;
        uint64 number;
        uint64 timestamp;
        uint64 epoch;
        uint64 stakeBlock;
    }

    /// @notice Not a list of 21 RLP items.
    error HeaderFields(uint256 found);
    /// @notice `extraData` is not of the layout that this contract knows.
    error HeaderExtraData();
    /// @notice A number in the header doesn't fit 64 bits.
    error HeaderNumber();

    /// @notice Decode an encoded header. Malformed RLP reverts with `RLPInvalidEncoding`.
    function decode(bytes memory encoded) internal pure returns (Fields memory fields) {
        Memory.Slice[] memory items = encoded.decodeList();
        if (items.length != FIELDS) revert HeaderFields(items.length);
        fields.hash = keccak256(encoded);
        fields.stateRoot = _at(items, BlockHeader.HeaderField.StateRoot).readBytes32();
        fields.number = _uint64(_at(items, BlockHeader.HeaderField.Number));
        fields.timestamp = _uint64(_at(items, BlockHeader.HeaderField.Timestamp));
        bytes memory extra = _at(items, BlockHeader.HeaderField.ExtraData).readBytes();
        if (extra.length != EXTRA_DATA_BYTES || uint8(extra[0]) != EXTRA_DATA_VERSION) revert HeaderExtraData();
        uint256 word = uint256(bytes32(extra));
        fields.epoch = uint64(word >> 184);
        fields.stakeBlock = uint64(word >> 40);
    }

    function _at(Memory.Slice[] memory items, BlockHeader.HeaderField field) private pure returns (Memory.Slice) {
        return items[uint8(field)];
    }

    function _uint64(Memory.Slice item) private pure returns (uint64) {
        uint256 value = item.readUint256();
        if (value > type(uint64).max) revert HeaderNumber();
        return uint64(value);
    }
}
