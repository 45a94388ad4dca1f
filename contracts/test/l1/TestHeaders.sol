// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";

/// @dev L2 headers as nodes seal them (metis_node/codec/headers.py).
library TestHeaders {
    using RLP for RLP.Encoder;

    struct Content {
        uint64 number;
        uint64 epoch;
        uint64 stakeBlock;
        bytes32 stateRoot;
    }

    function encode(Content memory content) internal pure returns (bytes memory) {
        return encode(content, extraData(1, content.epoch, content.stakeBlock));
    }

    function encode(Content memory content, bytes memory extra) internal pure returns (bytes memory) {
        RLP.Encoder memory list = RLP.encoder();
        list = list.push(keccak256("parent")).push(keccak256("ommers")).push(address(0xB0B)).push(content.stateRoot);
        list = list.push(keccak256("transactions")).push(keccak256("receipts")).push(new bytes(256));
        list = list.push(uint256(0)).push(uint256(content.number)).push(uint256(60_000_000)).push(uint256(21_000));
        list = list.push(uint256(1_800_000_000)).push(extra).push(keccak256("randomness")).push(new bytes(8));
        list = list.push(uint256(1 gwei)).push(keccak256("withdrawals")).push(uint256(0)).push(uint256(0));
        return list.push(keccak256("origin")).push(keccak256("requests")).encode();
    }

    function extraData(uint8 version, uint64 epoch, uint64 stakeBlock) internal pure returns (bytes memory) {
        return abi.encodePacked(version, epoch, uint16(3), uint64(99), stakeBlock, uint16(999));
    }
}
