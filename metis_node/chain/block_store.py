"""Headers, the number index and the chain's marks in the store: keys and values, no rules."""

from __future__ import annotations

from metis_node.codec.headers import open_sealed
from metis_node.errors import CorruptStore, InvalidBlock
from metis_node.storage.kv import Reader
from metis_node.storage.tables import (
    META_FINALIZED,
    META_GENESIS,
    META_HEAD,
    META_SAFE,
    be64,
    certificate_key,
    header_key,
    number_key,
)
from metis_node.types.blocks import BlockRef, SealedHeader
from metis_node.types.primitives import Hash32

__all__ = ["META_FINALIZED", "META_SAFE"]

Change = tuple[bytes, bytes | None]


def block_writes(sealed: SealedHeader) -> list[Change]:
    """Header, number index and head of a block that becomes the head."""
    number = be64(sealed.header.number)
    return [
        (header_key(sealed.header.number), sealed.rlp),
        (number_key(sealed.hash), number),
        (META_HEAD, number + sealed.hash),
    ]


def genesis_writes(canonical: bytes) -> list[Change]:
    return [(META_GENESIS, canonical)]


def certificate_write(number: int, encoded: bytes) -> Change:
    """The commit certificate of a decided block, as it goes over the wire."""
    return certificate_key(number), encoded


def read_certificate(store: Reader, number: int) -> bytes | None:
    """None for a block of a chain without validators, and for block 0."""
    return store.get(certificate_key(number))


def safe_write(number: int) -> Change:
    return META_SAFE, be64(number)


def finalized_write(number: int) -> Change:
    return META_FINALIZED, be64(number)


def read_genesis(store: Reader) -> bytes | None:
    return store.get(META_GENESIS)


def read_number(store: Reader, key: bytes) -> int:
    """A stored mark; 0 where it was never set."""
    value = store.get(key)
    return int.from_bytes(value, "big") if value is not None else 0


def read_head(store: Reader) -> BlockRef | None:
    value = store.get(META_HEAD)
    if value is None:
        return None
    if len(value) != 40:
        raise CorruptStore(f"the head mark has {len(value)} bytes, expected 40")
    return BlockRef(number=int.from_bytes(value[:8], "big"), hash=Hash32(value[8:]))


def read_header(store: Reader, number: int) -> SealedHeader | None:
    value = store.get(header_key(number))
    if value is None:
        return None
    try:
        return open_sealed(value)
    except InvalidBlock as error:
        raise CorruptStore(f"stored header {number}: {error.message}") from error


def read_number_of(store: Reader, block_hash: bytes) -> int | None:
    value = store.get(number_key(block_hash))
    return int.from_bytes(value, "big") if value is not None else None


def require_header(store: Reader, number: int) -> SealedHeader:
    """Raises CorruptStore where the header is missing."""
    sealed = read_header(store, number)
    if sealed is None:
        raise CorruptStore(
            f"header {number} is missing: restore the data directory from a copy, or rebuild it "
            "with `metis-node sync --from l1`"
        )
    return sealed


def require_head(store: Reader) -> SealedHeader:
    """The head's header, checked against the head mark. Raises CorruptStore."""
    head = read_head(store)
    if head is None:
        raise CorruptStore("the head mark is missing")
    sealed = require_header(store, head.number)
    if sealed.hash != head.hash:
        raise CorruptStore(
            f"the head mark names 0x{head.hash.hex()} at {head.number}, the stored header is "
            f"0x{sealed.hash.hex()}"
        )
    return sealed
