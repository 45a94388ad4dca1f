"""Answers of an L1 endpoint, parsed strictly. Anything else than what is asked for is Malformed.

Only parsing lives here; asking is in `client.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Address, Hash32

T = TypeVar("T")

MAX_CALLDATA_BYTES = 1 << 20
MAX_LOGS = 100_000  # of one answer: ten times what public endpoints give
MAX_TOPICS = 4


class Malformed(ValueError):
    """An answer that is not what the method promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a transaction on L1. Amounts in wei."""

    transaction_hash: Hash32
    block_number: int
    block_hash: Hash32
    success: bool
    gas_used: int
    gas_price: int
    blob_gas_used: int
    blob_gas_price: int

    @property
    def cost_wei(self) -> int:
        return self.gas_used * self.gas_price + self.blob_gas_used * self.blob_gas_price


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxTransaction:
    """A transaction of an L1 block, as far as the inbox looks at it."""

    hash: Hash32
    sender: Address
    to: Address | None
    type: int
    data: bytes
    blob_hashes: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """An event that a contract emitted."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    block: BlockRef
    index: int  # in its block


def quantity(value: Any) -> int:
    """A hex number of at most 256 bits."""
    if not isinstance(value, str) or not value.startswith("0x") or not 2 < len(value) <= 66:
        raise Malformed(f"expected a hex quantity, got {_shown(value)}")
    try:
        return int(value, 16)
    except ValueError:
        raise Malformed(f"expected a hex quantity, got {_shown(value)}") from None


def data(value: Any, *, size: int | None = None, most: int = MAX_CALLDATA_BYTES) -> bytes:
    """Hex bytes, of exactly `size` where it is given."""
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > 2 + 2 * most:
        raise Malformed(f"expected hex bytes, got {_shown(value)}")
    try:
        raw = bytes.fromhex(value[2:])
    except ValueError:
        raise Malformed(f"expected hex bytes, got {_shown(value)}") from None
    if size is not None and len(raw) != size:
        raise Malformed(f"expected {size} bytes, got {len(raw)}")
    return raw


def hash32(value: Any) -> Hash32:
    return Hash32(data(value, size=32))


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"expected true or false, got {_shown(value)}")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed(f"expected text, got {_shown(value)}")
    return value


def optional(parse: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else parse(value)


def header(value: Any) -> L1Header:
    fields = _record(value, "a block")
    return L1Header(
        number=_field(fields, "number", quantity),
        hash=_field(fields, "hash", hash32),
        parent_hash=_field(fields, "parentHash", hash32),
        timestamp=_field(fields, "timestamp", quantity),
        base_fee_per_gas=_field(fields, "baseFeePerGas", quantity),
        excess_blob_gas=_field(fields, "excessBlobGas", quantity) if _has_blobs(fields) else 0,
        prev_randao=_field(fields, "mixHash", hash32),
    )


def block_hash(value: Any) -> Hash32:
    """The hash of a block, whatever else its header has."""
    return _field(_record(value, "a block"), "hash", hash32)


def block_transactions(value: Any) -> list[InboxTransaction]:
    """The transactions of a block that was asked for with all of them."""
    entries = _record(value, "a block").get("transactions")
    if not isinstance(entries, list):
        raise Malformed("a block without its list of transactions")
    return [_transaction(entry) for entry in entries]


def receipt(value: Any) -> Receipt:
    fields = _record(value, "a receipt")
    has_blobs = fields.get("blobGasUsed") is not None
    return Receipt(
        transaction_hash=_field(fields, "transactionHash", hash32),
        block_number=_field(fields, "blockNumber", quantity),
        block_hash=_field(fields, "blockHash", hash32),
        success=_field(fields, "status", quantity) == 1,
        gas_used=_field(fields, "gasUsed", quantity),
        gas_price=_field(fields, "effectiveGasPrice", quantity),
        blob_gas_used=_field(fields, "blobGasUsed", quantity) if has_blobs else 0,
        blob_gas_price=_field(fields, "blobGasPrice", quantity) if has_blobs else 0,
    )


def logs(value: Any) -> list[Log]:
    """In order of blocks, each log once. Malformed where two contradict each other."""
    if not isinstance(value, list):
        raise Malformed(f"expected a list of logs, got {_shown(value)}")
    if len(value) > MAX_LOGS:
        raise Malformed(f"{len(value)} logs in one answer, at most {MAX_LOGS} are read")
    found: dict[tuple[int, int], Log] = {}
    hashes: dict[int, Hash32] = {}
    for entry in value:
        log = _log(entry)
        if found.setdefault((log.block.number, log.index), log) != log:
            raise Malformed(f"two different logs {log.index} of block {log.block.number}")
        if hashes.setdefault(log.block.number, log.block.hash) != log.block.hash:
            raise Malformed(f"logs of two different blocks {log.block.number}")
    return [found[key] for key in sorted(found)]


def _log(value: Any) -> Log:
    fields = _record(value, "a log")
    topics = fields.get("topics")
    if not isinstance(topics, list) or len(topics) > MAX_TOPICS:
        raise Malformed(f"topics: expected at most {MAX_TOPICS}, got {_shown(topics)}")
    if fields.get("removed"):
        raise Malformed("a log that was removed")
    return Log(
        address=Address(_field(fields, "address", lambda v: data(v, size=20))),
        topics=tuple(hash32(topic) for topic in topics),
        data=_field(fields, "data", data),
        block=BlockRef(
            number=_field(fields, "blockNumber", quantity),
            hash=_field(fields, "blockHash", hash32),
        ),
        index=_field(fields, "logIndex", quantity),
    )


def _transaction(value: Any) -> InboxTransaction:
    fields = _record(value, "a transaction")
    kind = quantity(fields.get("type", "0x0"))
    hashes = fields.get("blobVersionedHashes") or []
    if not isinstance(hashes, list):
        raise Malformed("blobVersionedHashes is not a list")
    to = fields.get("to")
    return InboxTransaction(
        hash=_field(fields, "hash", hash32),
        sender=Address(data(fields.get("from"), size=20)),
        to=None if to is None else Address(data(to, size=20)),
        type=kind,
        data=data(fields.get("input", fields.get("data"))),
        blob_hashes=tuple(hash32(entry) for entry in hashes),
    )


def _has_blobs(fields: dict[str, Any]) -> bool:
    return fields.get("excessBlobGas") is not None


def _record(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"expected {name}, got {_shown(value)}")
    return value


def _field(fields: dict[str, Any], name: str, parse: Callable[[Any], T]) -> T:
    try:
        return parse(fields.get(name))
    except Malformed as error:
        raise Malformed(f"{name}: {error}") from None


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
