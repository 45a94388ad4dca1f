"""Log queries over 100,000 blocks on LevelDB: what is read grows with the answer, not the range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from metis_node._native import TransactionRecord
from metis_node.chain.log_index import LogFilter, LogIndex, LogLimits
from metis_node.codec.hashes import keccak256
from metis_node.storage.kv import KeyValueStore, Reader
from metis_node.storage.leveldb import open_store
from metis_node.storage.memory import MemoryStore
from metis_node.storage.tables import log_key, record_key
from metis_node.types.blocks import SealedHeader
from tests.chains import extend, new_blockchain
from tests.unit.chain.test_log_index import ADDRESSES, TOPICS, emit, emitter

BLOCKS = 100_000
EMITTER = ADDRESSES[2]
EVERYWHERE, RARE, ELSEWHERE = TOPICS[0], TOPICS[1], TOPICS[2]
RARE_EVERY = 1_000
LIMITS = LogLimits(max_blocks=BLOCKS + 1)


class CountingReader:
    """A store that counts the entries and values that are read from it."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self.reads = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return self._store.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self.reads += len(keys)
        return self._store.get_many(keys)

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        for pair in self._store.iterate(start, stop, reverse=reverse):
            self.reads += 1
            yield pair

    def keys(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        return self._store.keys(start, stop, reverse=reverse)


@pytest.fixture(scope="module")
def sample() -> tuple[SealedHeader, bytes, bytes]:
    """A real header, its record with one log, and that log's positions in the index."""
    store = MemoryStore()
    alloc = {"0x" + EMITTER.hex(): {"balance": "0x0", "code": emitter(2)}}
    chain = new_blockchain(store, alloc=alloc)
    extend(chain)
    sealed = extend(chain, [emit(0, 2, [0, 1])]).sealed
    record = store.get(record_key(2, 1))
    positions = store.get(log_key(0, keccak256(EMITTER)[:16], 2))
    assert record is not None
    assert positions is not None
    return sealed, record, positions


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, sample: tuple[SealedHeader, bytes, bytes]
) -> Iterator[tuple[CountingReader, LogIndex]]:
    """That log in every block for address and first topic; the second topic in every thousandth."""
    sealed, record, positions = sample
    store = open_store(tmp_path_factory.mktemp("logs"))
    fill(store, record, positions)
    reader = CountingReader(store)

    def records_of(number: int, indexes: Sequence[int]) -> list[TransactionRecord | None]:
        values = reader.get_many([record_key(number, index) for index in indexes])
        return [TransactionRecord.decode(value) if value else None for value in values]

    yield (
        reader,
        LogIndex(reader, lambda number: sealed if number <= BLOCKS else None, records_of),
    )
    store.close()


def fill(store: KeyValueStore, record: bytes, positions: bytes) -> None:
    everywhere = [(0, keccak256(EMITTER)[:16]), (1, keccak256(EVERYWHERE)[:16])]
    rare = (2, keccak256(RARE)[:16])
    changes: list[tuple[bytes, bytes | None]] = []
    for number in range(1, BLOCKS + 1):
        changes.extend((log_key(kind, digest, number), positions) for kind, digest in everywhere)
        if number % RARE_EVERY == 0:
            changes.append((log_key(*rare, number), positions))
            changes.append((record_key(number, 1), record))
        if len(changes) > 20_000:
            store.write(changes, sync=False)
            changes.clear()
    store.write(changes, sync=False)


def test_a_rare_event_is_found_without_reading_the_range(
    index: tuple[CountingReader, LogIndex],
) -> None:
    reader, logs = index
    reader.reads = 0
    query = LogFilter(first=0, last=BLOCKS, addresses=(EMITTER,), topics=((EVERYWHERE,), (RARE,)))
    found = logs.find(query, BLOCKS, LIMITS)
    assert [match.block_number for match in found] == list(
        range(RARE_EVERY, BLOCKS + 1, RARE_EVERY)
    )
    assert reader.reads < 40 * len(found)


def test_a_busy_address_that_never_meets_the_topic_costs_nothing(
    index: tuple[CountingReader, LogIndex],
) -> None:
    reader, logs = index
    reader.reads = 0
    query = LogFilter(
        first=0, last=BLOCKS, addresses=(EMITTER,), topics=((EVERYWHERE,), (ELSEWHERE,))
    )
    assert logs.find(query, BLOCKS, LIMITS) == []
    assert reader.reads < 10


def test_the_end_of_the_chain_is_as_near_as_its_beginning(
    index: tuple[CountingReader, LogIndex],
) -> None:
    reader, logs = index
    for first in (1, BLOCKS - RARE_EVERY + 1):
        reader.reads = 0
        query = LogFilter(first=first, last=first + RARE_EVERY - 1, topics=((), (RARE,)))
        assert len(logs.find(query, BLOCKS, LIMITS)) == 1
        assert reader.reads < 10
