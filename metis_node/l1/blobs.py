"""Blobs (EIP-4844): bytes to field elements and back, commitments, sidecars, the pooled encoding.

A sidecar is version 0 (a proof per blob) before Osaka and version 1 (128 cell proofs per blob,
EIP-7594) from Osaka on; endpoints do not all enforce it, so it is enforced here. Everything slow
(commitments, proofs) belongs in a worker thread. Layout of a blob: rules L1 to L4 of
`docs/protocol/batches.md`.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import ckzg

from metis_node.codec import rlp
from metis_node.errors import InvalidBatch
from metis_node.types.primitives import Hash32

FIELD_ELEMENTS = 4096
ELEMENT_BYTES = 32
DATA_BYTES = ELEMENT_BYTES - 1  # the first byte stays 0: below the field's modulus
BLOB_BYTES = FIELD_ELEMENTS * ELEMENT_BYTES
BLOB_VERSION = 1
HEAD_BYTES = 4  # version u8 ‖ length u24
BLOB_CAPACITY = FIELD_ELEMENTS * DATA_BYTES - HEAD_BYTES
VERSIONED_HASH_KZG = b"\x01"
MAX_BLOBS_PER_TRANSACTION = 6  # the least of all forks (Osaka)
GAS_PER_BLOB = 1 << 17

_SETUP_LOCK = threading.Lock()


def encode_blob(data: bytes) -> bytes:
    """At most BLOB_CAPACITY bytes as one blob."""
    assert len(data) <= BLOB_CAPACITY
    head = bytes((BLOB_VERSION,)) + len(data).to_bytes(3, "big")
    padded = (head + data).ljust(FIELD_ELEMENTS * DATA_BYTES, b"\0")
    starts = range(0, len(padded), DATA_BYTES)
    return b"\0" + b"\0".join([padded[start : start + DATA_BYTES] for start in starts])


def decode_blob(blob: bytes) -> bytes:
    """The inverse. Raises InvalidBatch where `blob` is not what `encode_blob` makes."""
    if len(blob) != BLOB_BYTES:
        raise InvalidBatch(f"a blob of {len(blob)} bytes, expected {BLOB_BYTES}")
    if blob[::ELEMENT_BYTES].strip(b"\0"):
        raise InvalidBatch("a field element of the blob does not begin with a zero byte")
    starts = range(1, BLOB_BYTES, ELEMENT_BYTES)
    padded = b"".join([blob[start : start + DATA_BYTES] for start in starts])
    if padded[0] != BLOB_VERSION:
        raise InvalidBatch(f"blob version {padded[0]} is unknown, {BLOB_VERSION} is known")
    length = int.from_bytes(padded[1:HEAD_BYTES], "big")
    if length > BLOB_CAPACITY:
        raise InvalidBatch(f"a blob claims {length} bytes, it holds at most {BLOB_CAPACITY}")
    if padded[HEAD_BYTES + length :].strip(b"\0"):
        raise InvalidBatch("a blob has bytes after its end")
    return padded[HEAD_BYTES : HEAD_BYTES + length]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What travels beside a blob transaction and is no part of its hash."""

    version: int
    blobs: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    proofs: tuple[bytes, ...]  # one per blob (version 0), 128 per blob (version 1)
    versioned_hashes: tuple[Hash32, ...]


def make_sidecar(blobs: Sequence[bytes], *, version: int) -> Sidecar:
    """Commit to the blobs and prove them. Slow: 70 ms a blob (version 0), 330 ms (version 1)."""
    if version not in (0, 1):
        raise ValueError(f"sidecar version {version}, expected 0 or 1")
    if not 0 < len(blobs) <= MAX_BLOBS_PER_TRANSACTION:
        raise ValueError(f"{len(blobs)} blobs, expected 1 to {MAX_BLOBS_PER_TRANSACTION}")
    setup = trusted_setup()
    commitments = [ckzg.blob_to_kzg_commitment(blob, setup) for blob in blobs]
    if version == 0:
        proofs = [
            ckzg.compute_blob_kzg_proof(blob, commitment, setup)
            for blob, commitment in zip(blobs, commitments, strict=True)
        ]
    else:
        proofs = [p for b in blobs for p in ckzg.compute_cells_and_kzg_proofs(b, setup)[1]]
    return Sidecar(
        version=version,
        blobs=tuple(blobs),
        commitments=tuple(commitments),
        proofs=tuple(proofs),
        versioned_hashes=tuple(versioned_hash(commitment) for commitment in commitments),
    )


def pooled_encoding(signed: bytes, sidecar: Sidecar) -> bytes:
    """A signed type-3 transaction with its sidecar, as `eth_sendRawTransaction` takes it."""
    assert signed[:1] == b"\x03"
    body = rlp.decode(signed[1:])
    lists = (list(sidecar.blobs), list(sidecar.commitments), list(sidecar.proofs))
    version = (b"\x01",) if sidecar.version else ()
    return b"\x03" + rlp.encode([body, *version, *lists])


def versioned_hash(commitment: bytes) -> Hash32:
    return Hash32(VERSIONED_HASH_KZG + hashlib.sha256(commitment).digest()[1:])


def hash_of_blob(blob: bytes) -> Hash32:
    """The versioned hash that a blob must have been announced under. 40 ms: worker thread."""
    if len(blob) != BLOB_BYTES:
        raise InvalidBatch(f"a blob of {len(blob)} bytes, expected {BLOB_BYTES}")
    try:
        return versioned_hash(ckzg.blob_to_kzg_commitment(blob, trusted_setup()))
    except RuntimeError as error:
        raise InvalidBatch(f"not a blob: {error}") from error


def trusted_setup() -> Any:
    """The KZG ceremony's output, loaded once (2 s). It comes with eth-account."""
    with _SETUP_LOCK:
        return _load_setup()


@functools.cache
def _load_setup() -> Any:
    folder = resources.files("eth_account") / "typed_transactions" / "blob_transactions"
    with resources.as_file(folder / "kzg_trusted_setup.txt") as path:
        return ckzg.load_trusted_setup(str(path), 0)
