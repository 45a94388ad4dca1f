// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Digests} from "../../lib/Digests.sol";
import {ILockingPool} from "../interfaces/ILockingPool.sol";
import {PoolStorage} from "./PoolStorage.sol";

/// @title SignerKeys
/// @notice Who may become a signer, and the EIP-712 domain that all signatures of sequencers share.
/// @dev The domain names the chain id of the L2, not of the chain that this contract runs on, so that one
/// key signs votes, batches and proofs in one domain.
abstract contract SignerKeys is PoolStorage, EIP712Upgradeable {
    string private constant DOMAIN_NAME = "MetisSequencer";
    string private constant DOMAIN_VERSION = "1";

    uint256 private constant PUBKEY_BYTES = 64;
    uint256 private constant PROOF_BYTES = 65;

    /// @inheritdoc ILockingPool
    function domainSeparator() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                Digests.DOMAIN_TYPEHASH,
                keccak256(bytes(DOMAIN_NAME)),
                keccak256(bytes(DOMAIN_VERSION)),
                _pool().l2ChainId,
                address(this)
            )
        );
    }

    /// @inheritdoc ILockingPool
    function signerProofDigest(address owner_) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(Digests.SIGNER_PROOF_TYPEHASH, owner_)));
    }

    /// @notice The domain as ERC-5267 tells it; its chain id is that of the L2.
    function eip712Domain()
        public
        view
        virtual
        override
        returns (
            bytes1 fields,
            string memory name,
            string memory version_,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", DOMAIN_NAME, DOMAIN_VERSION, _pool().l2ChainId, address(this), 0, new uint256[](0));
    }

    /// @dev Everything signed for this contract, delegations of votes too, is in the one domain.
    function _hashTypedDataV4(bytes32 structHash) internal view virtual override returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domainSeparator(), structHash);
    }

    /// @dev Binds an address to a sequencer for ever, after its key proved that it wants that owner.
    /// @param signerPubkey 64 bytes of public key, 65 bytes of proof
    /// @return signer address of the key
    function _bindSigner(uint256 sequencerId, address owner_, bytes calldata signerPubkey)
        internal
        returns (address signer)
    {
        if (signerPubkey.length != PUBKEY_BYTES + PROOF_BYTES) revert BadPubkeyLength(signerPubkey.length);
        signer = _addressOf(signerPubkey);
        bytes32 digest = signerProofDigest(owner_);
        // Whatever is wrong with a signature, nobody is recovered, and that is refused below.
        // slither-disable-next-line unused-return
        (address recovered,,) = ECDSA.tryRecover(digest, signerPubkey[PUBKEY_BYTES:]);
        if (recovered != signer) revert BadSignerProof(signer, digest);
        mapping(address => uint256) storage signers = _pool().signers;
        uint256 usedBy = signers[signer];
        if (usedBy != 0) revert SignerUsed(signer, usedBy);
        signers[signer] = sequencerId;
    }

    function _addressOf(bytes calldata signerPubkey) internal pure returns (address) {
        return address(uint160(uint256(keccak256(signerPubkey[:PUBKEY_BYTES]))));
    }

    function _bare(bytes calldata signerPubkey) internal pure returns (bytes calldata) {
        return signerPubkey[:PUBKEY_BYTES];
    }
}
