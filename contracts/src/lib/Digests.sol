// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title Digests
/// @notice What sequencers sign, as EIP-712 digests (https://eips.ethereum.org/EIPS/eip-712).
/// @dev The domain is name `MetisSequencer`, version "1" (raised by one with every restart of the
/// chain), the chain id of **L2**, and the proxy of `LockingPool` as verifying contract. The same
/// digests in Python: metis_node/codec/signing.py; one fixture file is checked by both.
library Digests {
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant VOTE_TYPEHASH =
        keccak256("Vote(uint8 kind,uint64 height,uint32 round,bytes32 blockHash)");
    bytes32 internal constant PROPOSAL_TYPEHASH =
        keccak256("Proposal(uint64 height,uint32 round,int32 validRound,bytes32 blockHash)");
    bytes32 internal constant YIELD_TYPEHASH = keccak256("Yield(uint64 height,uint32 round)");
    bytes32 internal constant BATCH_TYPEHASH =
        keccak256("Batch(uint64 first,uint64 last,bytes32 lastBlockHash,bytes32 dataHash)");
    bytes32 internal constant SIGNER_PROOF_TYPEHASH = keccak256("SignerProof(address owner)");
    bytes32 private constant NAME_HASH = keccak256("MetisSequencer");

    /// @notice Separator of the signing domain.
    /// @param version 1, and one more for every restart of the chain
    /// @param l2ChainId chain id of the L2 chain that is sequenced
    /// @param lockingPool proxy of the pool that holds the stake
    function domainSeparator(uint256 version, uint256 l2ChainId, address lockingPool) internal pure returns (bytes32) {
        bytes32 versionHash = keccak256(bytes(Strings.toString(version)));
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, versionHash, l2ChainId, lockingPool));
    }

    /// @notice Digest of a vote.
    /// @param kind 1 prevote, 2 precommit
    /// @param blockHash zero votes nil
    function vote(bytes32 domain, uint8 kind, uint64 height, uint32 round, bytes32 blockHash)
        internal
        pure
        returns (bytes32)
    {
        return _digest(domain, keccak256(abi.encode(VOTE_TYPEHASH, kind, height, round, blockHash)));
    }

    /// @notice Digest of a proposal.
    /// @param validRound round of the polka that it rests on, -1 for none
    function proposal(bytes32 domain, uint64 height, uint32 round, int32 validRound, bytes32 blockHash)
        internal
        pure
        returns (bytes32)
    {
        return _digest(domain, keccak256(abi.encode(PROPOSAL_TYPEHASH, height, round, validRound, blockHash)));
    }

    /// @notice Digest of a hand-over. Named so because `yield` may become a word of the language.
    function yielding(bytes32 domain, uint64 height, uint32 round) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(YIELD_TYPEHASH, height, round)));
    }

    /// @notice Digest of a batch: its blocks, the hash of the last of them, and the data posted.
    /// @param dataHash see `BatchData`
    function batch(bytes32 domain, uint64 first, uint64 last, bytes32 lastBlockHash, bytes32 dataHash)
        internal
        pure
        returns (bytes32)
    {
        return _digest(domain, keccak256(abi.encode(BATCH_TYPEHASH, first, last, lastBlockHash, dataHash)));
    }

    /// @notice Digest by which a signer key agrees to serve the stake of `owner`.
    function signerProof(bytes32 domain, address owner) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(SIGNER_PROOF_TYPEHASH, owner)));
    }

    function _digest(bytes32 domain, bytes32 structHash) private pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }
}
