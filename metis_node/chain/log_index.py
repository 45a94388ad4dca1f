"""Log queries over the positional index: find blocks where all criteria meet, then check exactly.

Index entry: kind (0 address, 1..4 topic), 16 bytes of keccak(value), block number; its value lists
the logs of that block that match, as (transaction index, log index within the block). A criterion
is an OR over several such lists; the query is an AND over criteria. Cursors leapfrog: each jumps to
the highest block any of them stands at, so that blocks without a match are never read.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metis_node._native import TransactionRecord, decode_log_positions
from metis_node.chain.cache import LruCache
from metis_node.codec.hashes import keccak256
from metis_node.errors import CorruptStore, InvalidRequest
from metis_node.storage.kv import Reader
from metis_node.storage.tables import LOG_INDEX, RECORDS, be32, be64, log_key
from metis_node.types.blocks import SealedHeader
from metis_node.types.primitives import Address, Hash32

DIGEST_BYTES = 16
DIRECT_BLOCKS = 16  # ranges up to this are read by point reads instead of cursors
MATCH_CACHE = 16_384  # logs, about 1 KB each: recent ones are asked for again and again
DECODE_FACTOR = 32  # bytes of a longer list that are worth decoding per position in hand
STEPS_BEFORE_SEEK = 8  # stepping this far is cheaper than opening an iterator anew

Position = tuple[int, int]  # (transaction index, log index within the block)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Blocks `first` to `last`, both included. Nothing at a place, or no addresses: any."""

    first: int
    last: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """What one query may cost. Defaults follow public geth endpoints."""

    max_blocks: int = 100_000  # width of the range
    max_results: int = 10_000
    max_addresses: int = 1_000
    max_topic_choices: int = 1_000  # per place
    max_index_entries: int = 1_000_000  # index entries stepped over
    max_scanned_records: int = 200_000  # records read when a query has no criterion


class LogMatch(NamedTuple):
    """One log and where it stands. A tuple, since answers hold thousands."""

    block_number: int
    block_hash: Hash32
    timestamp: int  # seconds
    transaction_hash: Hash32
    transaction_index: int
    log_index: int  # within the block
    address: Address
    topics: tuple[bytes, ...]
    data: bytes


class LogIndex:
    """Runs log queries against a store."""

    def __init__(
        self,
        store: Reader,
        header_of: Callable[[int], SealedHeader | None],
        records_of: Callable[[int, Sequence[int]], Sequence[TransactionRecord | None]],
    ) -> None:
        """`records_of` gives some transactions of a block by index."""
        self._store = store
        self._header_of = header_of
        self._records_of = records_of
        self._matches: LruCache[tuple[int, int], LogMatch] = LruCache(MATCH_CACHE)

    def find(self, query: LogFilter, head: int, limits: LogLimits) -> list[LogMatch]:
        """Matches in chain order. Raises InvalidRequest past a limit, in geth's words."""
        _check_limits(query, limits)
        last = min(query.last, head)
        if last < query.first:
            return []
        budget = _Budget(limits)
        found: list[LogMatch] = []
        for number, positions in self._candidates(query, last, budget):
            found.extend(self._exact(number, positions, query))
            if len(found) > limits.max_results:
                raise InvalidRequest(
                    f"query returned more than {limits.max_results} results", code=-32005
                )
        return found

    def _candidates(
        self, query: LogFilter, last: int, budget: _Budget
    ) -> Iterator[tuple[int, Iterable[Position]]]:
        criteria = _criteria(query)
        if not criteria:
            return self._all_positions(query.first, last, budget)
        if last - query.first < DIRECT_BLOCKS:
            return self._direct(criteria, query.first, last)
        return self._leapfrog(criteria, query.first, last, budget)

    def _direct(
        self, criteria: list[Criterion], first: int, last: int
    ) -> Iterator[tuple[int, Iterable[Position]]]:
        """A few blocks: one read of many keys."""
        for number in range(first, last + 1):
            keys = [log_key(kind, digest, number) for c in criteria for kind, digest in c]
            found = iter(self._store.get_many(keys))
            positions = _meet([[value for _ in c if (value := next(found))] for c in criteria])
            if positions:
                yield number, positions

    def _leapfrog(
        self, criteria: list[Criterion], first: int, last: int, budget: _Budget
    ) -> Iterator[tuple[int, Iterable[Position]]]:
        cursors = [_Union(self._store, criterion, first, last, budget) for criterion in criteria]
        target = first
        while True:
            highest = target
            for cursor in cursors:
                number = cursor.seek(highest)
                if number is None:
                    return
                highest = max(highest, number)
            if all(cursor.number == highest for cursor in cursors):
                positions = _meet([cursor.values() for cursor in cursors])
                if positions:
                    yield highest, positions
                highest += 1
            target = highest

    def _all_positions(
        self, first: int, last: int, budget: _Budget
    ) -> Iterator[tuple[int, Iterable[Position]]]:
        """No criterion: every log of the range, block by block."""
        for number in range(first, last + 1):
            header = self._header_of(number)
            if header is None or not any(header.header.logs_bloom):
                continue
            start = RECORDS + be64(number)
            positions: list[Position] = []
            for key, value in self._store.iterate(start, start + be32(0xFFFFFFFF)):
                budget.spend_record()
                record = TransactionRecord.decode(value)
                index = int.from_bytes(key[-4:], "big")
                low = record.first_log_index
                positions.extend((index, low + i) for i in range(len(record.logs)))
            if positions:
                yield number, positions

    def _exact(
        self, number: int, positions: Iterable[Position], query: LogFilter
    ) -> Iterator[LogMatch]:
        """Compare whole values: the index keeps only parts of digests."""
        cache = self._matches
        wanted = [(position, cache.get((number, position[1]))) for position in positions]
        missing = [position for position, match in wanted if match is None]
        loaded = self._load(number, missing) if missing else {}
        for position, match in wanted:
            log = match if match is not None else loaded[position[1]]
            if _satisfies(log.address, log.topics, query):
                yield log

    def _load(self, number: int, positions: list[Position]) -> dict[int, LogMatch]:
        """Read the records behind the positions. Logs by their index within the block."""
        header = self._header_of(number)
        if header is None:
            raise CorruptStore(f"the log index names block {number}, which is absent")
        by_transaction: dict[int, list[int]] = {}
        for index, log_index in positions:
            by_transaction.setdefault(index, []).append(log_index)
        loaded: dict[int, LogMatch] = {}
        records = self._records_of(number, list(by_transaction))
        for (index, log_indexes), record in zip(by_transaction.items(), records, strict=True):
            if record is None:
                raise CorruptStore(f"the log index names record {index} of block {number}: absent")
            for log_index in log_indexes:
                match = _match(number, header, record, index, log_index)
                loaded[log_index] = match
                self._matches.put((number, log_index), match)
        return loaded


def _match(
    number: int, header: SealedHeader, record: TransactionRecord, index: int, log_index: int
) -> LogMatch:
    log = record.logs[log_index - record.first_log_index]
    return LogMatch(
        number,
        header.hash,
        header.header.timestamp,
        Hash32(record.hash),
        index,
        log_index,
        Address(log.address),
        tuple(log.topics),
        log.data,
    )


Criterion = list[tuple[int, bytes]]  # (kind, digest) alternatives


class _Budget:
    """Bounds the work of one query."""

    def __init__(self, limits: LogLimits) -> None:
        self._entries = limits.max_index_entries
        self._records = limits.max_scanned_records

    def spend_entry(self) -> None:
        self._entries -= 1
        if self._entries < 0:
            raise InvalidRequest(
                "query exceeds the work limit of the log index: narrow the block range", code=-32005
            )

    def spend_record(self) -> None:
        self._records -= 1
        if self._records < 0:
            raise InvalidRequest(
                "query without address and topics scans too many transactions: narrow the block "
                "range or add a filter",
                code=-32005,
            )


class _List:
    """Cursor over one (kind, digest): its blocks in ascending order."""

    __slots__ = ("_budget", "_entries", "_prefix", "_stop", "_store", "number", "value")

    def __init__(self, store: Reader, kind: int, digest: bytes, last: int, budget: _Budget) -> None:
        self._store = store
        self._prefix = LOG_INDEX + bytes((kind,)) + digest
        self._stop = self._prefix + be64(last + 1)
        self._budget = budget
        self._entries: Iterator[tuple[bytes, bytes]] | None = None
        self.number: int | None = -1  # None: exhausted
        self.value = b""

    def seek(self, target: int) -> int | None:
        """Stand at the first block >= target."""
        if self._entries is not None:
            for _ in range(STEPS_BEFORE_SEEK):
                if self.number is None or self.number >= target:
                    return self.number
                self._step()
        if self.number is not None and self.number < target:
            self._entries = self._store.iterate(self._prefix + be64(target), self._stop)
            self._step()
        return self.number

    def _step(self) -> None:
        self._budget.spend_entry()
        assert self._entries is not None
        entry = next(self._entries, None)
        if entry is None:
            self.number = None
        else:
            self.number, self.value = int.from_bytes(entry[0][-8:], "big"), entry[1]


class _Union:
    """OR of several lists: stands at the lowest block of any."""

    def __init__(
        self, store: Reader, criterion: Criterion, first: int, last: int, budget: _Budget
    ) -> None:
        self._lists = [_List(store, kind, digest, last, budget) for kind, digest in criterion]
        self._heap: list[tuple[int, int]] = []
        for place, cursor in enumerate(self._lists):
            self._push(place, cursor.seek(first))

    @property
    def number(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def seek(self, target: int) -> int | None:
        while self._heap and self._heap[0][0] < target:
            _, place = heapq.heappop(self._heap)
            self._push(place, self._lists[place].seek(target))
        return self.number

    def values(self) -> list[bytes]:
        """The index values at the block where this stands."""
        number = self.number
        return [cursor.value for cursor in self._lists if cursor.number == number]

    def _push(self, place: int, number: int | None) -> None:
        if number is not None:
            heapq.heappush(self._heap, (number, place))


def _meet(criteria: list[list[bytes]]) -> list[Position]:
    """Positions in a block that may satisfy all criteria: at least those that do.

    The shortest list is decoded, and longer ones while they are not much longer: beyond that,
    reading the few records is cheaper than decoding thousands of positions.
    """
    if not all(criteria):
        return []
    by_size = sorted(criteria, key=lambda values: sum(map(len, values)))
    common = _union(by_size[0])
    for values in by_size[1:]:
        if not common or sum(map(len, values)) > DECODE_FACTOR * len(common):
            break
        common &= _union(values)
    return sorted(common)


def _union(values: list[bytes]) -> set[Position]:
    if len(values) == 1:
        return set(decode_log_positions(values[0]))
    return {position for value in values for position in decode_log_positions(value)}


def _criteria(query: LogFilter) -> list[Criterion]:
    criteria: list[Criterion] = []
    if query.addresses:
        criteria.append([(0, _digest(address)) for address in dict.fromkeys(query.addresses)])
    for place, choices in enumerate(query.topics):
        if choices:
            criteria.append([(place + 1, _digest(topic)) for topic in dict.fromkeys(choices)])
    return criteria


def _digest(value: bytes) -> bytes:
    return keccak256(value)[:DIGEST_BYTES]


def _satisfies(address: bytes, topics: tuple[bytes, ...], query: LogFilter) -> bool:
    if query.addresses and address not in query.addresses:
        return False
    if len(query.topics) > len(topics):
        return False
    for choices, topic in zip(query.topics, topics, strict=False):
        if choices and topic not in choices:
            return False
    return True


def _check_limits(query: LogFilter, limits: LogLimits) -> None:
    if query.last < query.first:
        raise InvalidRequest("invalid block range params", code=-32602)
    if query.last - query.first >= limits.max_blocks:
        raise InvalidRequest(f"exceed maximum block range: {limits.max_blocks}", code=-32005)
    if len(query.topics) > 4:
        raise InvalidRequest("exceed max topics", code=-32602)
    if len(query.addresses) > limits.max_addresses:
        raise InvalidRequest("exceed max addresses or topics per search position", code=-32602)
    if any(len(choices) > limits.max_topic_choices for choices in query.topics):
        raise InvalidRequest("exceed max addresses or topics per search position", code=-32602)
