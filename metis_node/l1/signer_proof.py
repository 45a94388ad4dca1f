"""A signer key's consent to serve an owner: its public key and an EIP-712 signature over it.

`SignerProof(address owner)` in the domain of the network's sequencers, as `LockingPool` checks it.
Nobody can register a stranger's key, and no key can be taken to another owner, pool or L2.
"""

from __future__ import annotations

from metis_node.codec.hashes import keccak256
from metis_node.codec.signing import signer_proof_digest
from metis_node.errors import InvalidRequest
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain

PUBKEY_BYTES = 64
PROOF_BYTES = 65
FIRST_V = 27  # what Solidity's ecrecover calls parity 0


def signer_pubkey(private_key: bytes, domain: SigningDomain, *, owner: Address) -> bytes:
    """64 bytes of public key, then the proof (r, s, v): the `signerPubkey` of the pool."""
    from eth_keys.datatypes import PrivateKey

    key = PrivateKey(private_key)
    signature = key.sign_msg_hash(signer_proof_digest(domain, owner=owner)).to_bytes()
    proof = signature[:64] + bytes([signature[64] + FIRST_V])
    return bytes(key.public_key.to_bytes() + proof)


def address_of_pubkey(pubkey: bytes) -> Address:
    """Whose public key it is."""
    return Address(keccak256(pubkey[:PUBKEY_BYTES])[12:])


def require_proof(pubkey: bytes, domain: SigningDomain, *, owner: Address) -> Address:
    """The signer, if the proof is its own for this owner. InvalidRequest otherwise."""
    if len(pubkey) != PUBKEY_BYTES + PROOF_BYTES:
        raise InvalidRequest(
            f"a signer's public key with its proof has {PUBKEY_BYTES + PROOF_BYTES} bytes, this "
            f"has {len(pubkey)}: make it with `metis-node keys prove`"
        )
    if (
        _recovered(pubkey[PUBKEY_BYTES:], signer_proof_digest(domain, owner=owner))
        != (pubkey[:PUBKEY_BYTES])
    ):
        raise InvalidRequest(
            f"the proof of the signer 0x{address_of_pubkey(pubkey).hex()} was not made for the "
            f"owner 0x{owner.hex()} on this network: make it with `metis-node keys prove --owner` "
            "and that owner"
        )
    return address_of_pubkey(pubkey)


def _recovered(proof: bytes, digest: bytes) -> bytes:
    """The public key that signed; empty where it is no signature."""
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    parity = proof[64] - FIRST_V
    if parity not in (0, 1):
        return b""
    try:
        signature = Signature(proof[:64] + bytes([parity]))
        return bytes(signature.recover_public_key_from_msg_hash(digest).to_bytes())
    except (BadSignature, ValidationError):
        return b""
