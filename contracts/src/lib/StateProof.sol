// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {RLP} from "@openzeppelin/contracts/utils/RLP.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

/// @title StateProof
/// @notice Storage of an L2 contract, proven against an L2 state root.
/// @dev Proofs are those of `eth_getProof` (EIP-1186). Only inclusion is proven: a slot of value zero
/// is not in the trie, and no caller asks for one.
library StateProof {
    using Memory for *;
    using RLP for *;

    uint256 private constant ACCOUNT_FIELDS = 4;
    uint256 private constant STORAGE_ROOT = 2;

    /// @notice The account in the trie is not a list of four fields.
    error MalformedAccount();

    /// @notice Value of `slot` of `account` under `stateRoot`. Never zero.
    /// @dev Reverts with `TrieProof.TrieProofTraversalError` or `RLP.RLPInvalidEncoding`.
    function storageAt(
        bytes32 stateRoot,
        address account,
        bytes32 slot,
        bytes[] memory accountProof,
        bytes[] memory storageProof
    ) internal pure returns (uint256) {
        bytes memory encoded =
            TrieProof.traverse(stateRoot, abi.encodePacked(keccak256(abi.encodePacked(account))), accountProof);
        Memory.Slice[] memory fields = encoded.decodeList();
        if (fields.length != ACCOUNT_FIELDS) revert MalformedAccount();
        bytes32 storageRoot = fields[STORAGE_ROOT].readBytes32();
        return TrieProof.traverse(storageRoot, abi.encodePacked(keccak256(abi.encode(slot))), storageProof)
            .decodeUint256();
    }
}
