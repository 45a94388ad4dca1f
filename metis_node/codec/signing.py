"""What sequencers sign, as EIP-712 digests. Signing, keys and policy are elsewhere.

The same digests in Solidity: contracts/src/lib/Digests.sol. Both are compared with
contracts/test/fixtures/digests.json, which eth_account's encoder wrote.
"""

from __future__ import annotations

from functools import lru_cache

from metis_node.codec.hashes import keccak256
from metis_node.types.primitives import Address, Hash32
from metis_node.types.signing import SigningDomain

PREVOTE = 1
PRECOMMIT = 2
NO_ROUND = -1  # validRound of a proposal that rests on no polka

_NAME_HASH = keccak256(b"MetisSequencer")
_DOMAIN_TYPE = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_VOTE_TYPE = keccak256(b"Vote(uint8 kind,uint64 height,uint32 round,bytes32 blockHash)")
_PROPOSAL_TYPE = keccak256(
    b"Proposal(uint64 height,uint32 round,int32 validRound,bytes32 blockHash)"
)
_YIELD_TYPE = keccak256(b"Yield(uint64 height,uint32 round)")
_BATCH_TYPE = keccak256(b"Batch(uint64 first,uint64 last,bytes32 lastBlockHash,bytes32 dataHash)")
_SIGNER_PROOF_TYPE = keccak256(b"SignerProof(address owner)")
_ANNOUNCEMENT_TYPE = keccak256(
    b"Announcement(string peer,string[] addresses,string version,bytes32 settings,uint64 time)"
)
_CALLDATA = b"\x00"
_BLOBS = b"\x01"
_DOMAINS_CACHED = 8  # a process signs in one domain, and checks evidence in a few older ones


@lru_cache(maxsize=_DOMAINS_CACHED)
def domain_separator(domain: SigningDomain) -> Hash32:
    """The hash that stands for `domain` in every digest."""
    version_hash = keccak256(str(domain.version).encode())
    pool = domain.locking_pool.rjust(32, b"\0")
    return Hash32(
        keccak256(_DOMAIN_TYPE + _NAME_HASH + version_hash + _unsigned(domain.chain_id, 256) + pool)
    )


def vote_digest(
    domain: SigningDomain, *, kind: int, height: int, round: int, block_hash: Hash32
) -> Hash32:
    """`kind` is PREVOTE or PRECOMMIT; the zero hash votes nil. Raises ValueError on a number out
    of its range, as every function here does."""
    return _digest(
        domain,
        _VOTE_TYPE
        + _unsigned(kind, 8)
        + _unsigned(height, 64)
        + _unsigned(round, 32)
        + _word(block_hash),
    )


def proposal_digest(
    domain: SigningDomain, *, height: int, round: int, valid_round: int, block_hash: Hash32
) -> Hash32:
    """`valid_round` is NO_ROUND for a fresh block."""
    return _digest(
        domain,
        _PROPOSAL_TYPE
        + _unsigned(height, 64)
        + _unsigned(round, 32)
        + _signed_32(valid_round)
        + _word(block_hash),
    )


def yield_digest(domain: SigningDomain, *, height: int, round: int) -> Hash32:
    """Hand-over of the turn (height, round)."""
    return _digest(domain, _YIELD_TYPE + _unsigned(height, 64) + _unsigned(round, 32))


def batch_digest(
    domain: SigningDomain, *, first: int, last: int, last_block_hash: Hash32, data_hash: Hash32
) -> Hash32:
    """Blocks `first` to `last`, and the data that carries them to L1 (`*_data_hash`)."""
    return _digest(
        domain,
        _BATCH_TYPE
        + _unsigned(first, 64)
        + _unsigned(last, 64)
        + _word(last_block_hash)
        + _word(data_hash),
    )


def signer_proof_digest(domain: SigningDomain, *, owner: Address) -> Hash32:
    """A signer key's consent to serve the stake of `owner`."""
    if len(owner) != 20:
        raise ValueError(f"owner has {len(owner)} bytes, expected 20")
    return _digest(domain, _SIGNER_PROOF_TYPE + owner.rjust(32, b"\0"))


def announcement_digest(
    domain: SigningDomain,
    *,
    peer: str,
    addresses: tuple[str, ...],
    version: str,
    settings_hash: Hash32,
    time_ms: int,
) -> Hash32:
    """What a sequencer says of itself to its peers; no contract checks it."""
    return _digest(
        domain,
        _ANNOUNCEMENT_TYPE
        + keccak256(peer.encode())
        + keccak256(b"".join([keccak256(address.encode()) for address in addresses]))
        + keccak256(version.encode())
        + _word(settings_hash)
        + _unsigned(time_ms, 64),
    )


def calldata_hash(data: bytes) -> Hash32:
    """Commitment to a batch that travels as calldata."""
    return Hash32(keccak256(_CALLDATA + data))


def blobs_hash(versioned_hashes: tuple[Hash32, ...]) -> Hash32:
    """Commitment to a batch that travels as blobs, in the order of their transaction."""
    return Hash32(keccak256(_BLOBS + b"".join([_word(value) for value in versioned_hashes])))


def _digest(domain: SigningDomain, encoded: bytes) -> Hash32:
    return Hash32(keccak256(b"\x19\x01" + domain_separator(domain) + keccak256(encoded)))


def _unsigned(value: int, bits: int) -> bytes:
    if value < 0 or value >> bits:
        raise ValueError(f"{value} does not fit uint{bits}")
    return value.to_bytes(32, "big")


def _signed_32(value: int) -> bytes:
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"{value} does not fit int32")
    return value.to_bytes(32, "big", signed=True)


def _word(value: bytes) -> bytes:
    if len(value) != 32:
        raise ValueError(f"a hash has {len(value)} bytes, expected 32")
    return value
