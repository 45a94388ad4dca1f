"""The read side of the chain, for the RPC: headers, transactions with receipts, logs.

Point reads are cheap enough for the event loop: a cache hit, or one read of the store. Functions
that may scan (`logs`, `records` of a big block that is not cached) say so; run them in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from metis_node._native import TransactionRecord
from metis_node.chain import block_store
from metis_node.chain.cache import LruCache
from metis_node.chain.log_index import LogFilter, LogIndex, LogLimits, LogMatch
from metis_node.errors import InvalidRequest
from metis_node.storage.tables import RECORDS, be32, be64, record_key, transaction_key
from metis_node.types.blocks import SealedHeader

if TYPE_CHECKING:
    from metis_node.chain.blockchain import Blockchain

BlockId: TypeAlias = "int | bytes | str"  # number, hash of 32 bytes, or tag

TAGS = ("latest", "pending", "safe", "finalized", "earliest")
HEADER_CACHE = 4_096  # headers, about 1 KB each
RECORD_CACHE = 32_768  # single transaction records, about 1 KB each
BLOCK_RECORD_CACHE = 8  # whole blocks of records; one may hold thousands


class Queries:
    """Reads of committed blocks. Every answer is of blocks at or below the head at the call."""

    def __init__(self, blockchain: Blockchain, *, log_limits: LogLimits | None = None) -> None:
        self._chain = blockchain
        self._store = blockchain.store
        self._logs = LogIndex(self._store, self.header_by_number, self.some_records)
        self._limits = log_limits if log_limits is not None else LogLimits()
        self._headers: LruCache[int, SealedHeader] = LruCache(HEADER_CACHE)
        self._numbers: LruCache[bytes, int] = LruCache(HEADER_CACHE)
        self._records: LruCache[tuple[int, int], TransactionRecord] = LruCache(RECORD_CACHE)
        self._blocks: LruCache[int, list[TransactionRecord]] = LruCache(BLOCK_RECORD_CACHE)

    @property
    def head(self) -> SealedHeader:
        return self._chain.head

    def number_of(self, tag: str) -> int:
        """Block number of a tag. `pending` is the head: nothing unsealed is shown."""
        if tag in ("latest", "pending"):
            return self._chain.head.number
        if tag == "earliest":
            return 0
        if tag == "safe":
            return self._chain.safe_number
        if tag == "finalized":
            return self._chain.finalized_number
        raise InvalidRequest(f"unknown block tag {tag!r}: use a number or one of {', '.join(TAGS)}")

    def header(self, block: BlockId) -> SealedHeader | None:
        """By number, hash or tag; None where there is no such block."""
        if isinstance(block, bytes):
            return self.header_by_hash(block)
        return self.header_by_number(self.number_of(block) if isinstance(block, str) else block)

    def header_by_number(self, number: int) -> SealedHeader | None:
        head = self._chain.head
        if number == head.number:
            return head
        if number > head.number or number < 0:
            return None
        sealed = self._headers.get(number)
        if sealed is None:
            sealed = block_store.require_header(self._store, number)
            self._headers.put(number, sealed)
        return sealed

    def header_by_hash(self, block_hash: bytes) -> SealedHeader | None:
        head = self._chain.head
        if block_hash == head.hash:
            return head
        number = self._numbers.get(block_hash)
        if number is None:
            number = block_store.read_number_of(self._store, block_hash)
            if number is None:
                return None
            self._numbers.put(block_hash, number)
        return self.header_by_number(number)

    def locate(self, transaction_hash: bytes) -> tuple[int, int] | None:
        """(block number, index) of an included transaction."""
        value = self._store.get(transaction_key(transaction_hash))
        if value is None:
            return None
        return int.from_bytes(value[:8], "big"), int.from_bytes(value[8:12], "big")

    def record(self, number: int, index: int) -> TransactionRecord | None:
        """One transaction with its receipt; None where the block has no such index."""
        whole = self._blocks.get(number)
        if whole is not None:
            return whole[index] if 0 <= index < len(whole) else None
        key = (number, index)
        record = self._records.get(key)
        if record is None:
            if not (0 <= index < 1 << 32 and 0 <= number < 1 << 64):
                return None
            value = self._store.get(record_key(number, index))
            if value is None:
                return None
            record = TransactionRecord.decode(value)
            self._records.put(key, record)
        return record

    def some_records(self, number: int, indexes: Sequence[int]) -> list[TransactionRecord | None]:
        """Several transactions of one block. Scans where they are not cached."""
        cache = self._records
        found = [cache.get((number, index)) for index in indexes]
        missing = [place for place, record in enumerate(found) if record is None]
        if missing:
            keys = [record_key(number, indexes[place]) for place in missing]
            for place, value in zip(missing, self._store.get_many(keys), strict=True):
                if value is not None:
                    record = TransactionRecord.decode(value)
                    cache.put((number, indexes[place]), record)
                    found[place] = record
        return found

    def records(self, number: int) -> list[TransactionRecord]:
        """All transactions of a block, in order. Scans: some milliseconds for thousands."""
        whole = self._blocks.get(number)
        if whole is None:
            whole = [TransactionRecord.decode(value) for value in self.record_values(number)]
            self._blocks.put(number, whole)
        return whole

    def record_values(self, number: int) -> list[bytes]:
        """The stored records of a block, undecoded, in order. Scans."""
        start = RECORDS + be64(number)
        return [value for _, value in self._store.iterate(start, start + be32(0xFFFFFFFF))]

    def transactions(self, number: int) -> list[bytes]:
        """EIP-2718 encodings of a block, system transactions first. Scans."""
        return [record.raw for record in self.records(number)]

    def transaction_hashes(self, number: int) -> list[bytes]:
        """Hashes in block order. Scans unless the block is cached."""
        return [record.hash for record in self.records(number)]

    def transaction_count(self, number: int) -> int:
        """How many transactions a block has. Scans unless the block is cached."""
        return len(self.records(number))

    def logs(self, query: LogFilter, limits: LogLimits | None = None) -> list[LogMatch]:
        """Matching logs in chain order. Scans the log index: run it in a thread for wide ranges.

        Raises InvalidRequest in geth's words past the limits of range or count.
        """
        return self._logs.find(query, self._chain.head.number, limits or self._limits)

    def block_logs(
        self, number: int, addresses: Sequence[bytes], topics: Sequence[Sequence[bytes]]
    ) -> list[LogMatch]:
        """Matching logs of one block (subscriptions, blockHash filters)."""
        query = LogFilter(
            first=number,
            last=number,
            addresses=tuple(addresses),
            topics=tuple(tuple(choices) for choices in topics),
        )
        return self.logs(query)
