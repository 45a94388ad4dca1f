"""What has been read of the contracts on L1, on disk and in memory.

Each step, forward or back, is one atomic write that has the facts and the cursor, so that after any
crash the facts on disk are those of exactly the L1 blocks up to the cursor. All of it can be read
from L1 again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from metis_node.errors import CorruptStore, InvalidConfig
from metis_node.staking.fact_codec import MalformedFact, decode_fact, encode_fact
from metis_node.staking.facts import Fact
from metis_node.staking.registry import InconsistentFacts, Registry
from metis_node.staking.seeds import SeedBlock, SeedBlocks
from metis_node.storage.kv import KeyValueStore
from metis_node.storage.tables import (
    STAKING_CURSOR,
    STAKING_FACTS,
    STAKING_MARKS,
    STAKING_SEEDS,
    STAKING_SOURCE,
    be32,
    be64,
)
from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import ZERO_HASH, Address, Hash32

SPARSE_MARKS = 1_024  # L1 blocks between two hashes that are kept for ever
END = b"\xff" * 8  # above every block number in a key

Changes = list[tuple[bytes, bytes | None]]
BlockFacts = tuple[int, Sequence[Fact]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StakingSource:
    """Where the facts come from. A database belongs to one."""

    pool: Address
    parameters: Address
    start: int  # the L1 block before the first that counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """L1 blocks after the cursor, up to and including the last one of `marks`."""

    marks: Sequence[L1Header]  # rising; their hashes are remembered
    facts: Sequence[BlockFacts]  # blocks that have any, rising
    seed_blocks: Sequence[SeedBlock]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The newest L1 block whose facts are taken. The hash is zero before the first one."""

    number: int
    hash: Hash32
    timestamp: int  # seconds


class StakingBook:
    """Reading is for all, on the event loop; writing for the one host that follows."""

    def __init__(
        self,
        store: KeyValueStore,
        *,
        source: StakingSource,
        genesis: SeedBlock,
        seed_interval: int,
        dense_marks: int,
    ) -> None:
        self.version = 0  # counts steps
        self.start = source.start
        self._store = store
        self._source = source
        self._dense_marks = dense_marks
        self._genesis = genesis
        self._interval = seed_interval
        self._marks: dict[int, Hash32] = {}
        self._check_source()
        self._load()

    # --- reading -------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read yet."""
        return self.cursor.hash == ZERO_HASH

    def marks(self) -> list[BlockRef]:
        """Remembered L1 blocks, newest first."""
        return [BlockRef(number=n, hash=self._marks[n]) for n in sorted(self._marks, reverse=True)]

    # --- steps ---------------------------------------------------------------------------------

    async def extend(self, stretch: Stretch) -> None:
        """Take over the next blocks, or nothing of them: InconsistentFacts."""
        last = stretch.marks[-1]
        before = self.cursor
        self._apply(stretch, last)
        marked = {header.number: header.hash for header in stretch.marks}
        dropped = self._surplus_marks(last.number)
        try:
            await self._write(_extension(stretch, last, dropped))
        except BaseException:
            self._forget_after(before)
            raise
        self._marks = {n: h for n, h in (self._marks | marked).items() if n not in dropped}
        self._step(Cursor(number=last.number, hash=last.hash, timestamp=last.timestamp))

    async def undo_to(self, mark: BlockRef | None, timestamp: int) -> None:
        """Back to a remembered block (with this timestamp), or to before everything."""
        number = mark.number if mark is not None else self.start
        block_hash = mark.hash if mark is not None else ZERO_HASH
        cursor = Cursor(number=number, hash=block_hash, timestamp=timestamp)
        await self._write(self._retreat(cursor))
        self._marks = {n: h for n, h in self._marks.items() if n <= number}
        self._forget_after(cursor)
        self._step(cursor)

    def _step(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.version += 1

    def _apply(self, stretch: Stretch, last: L1Header) -> None:
        before = self.cursor
        try:
            for number, facts in stretch.facts:
                assert before.number < number <= last.number
                self.registry.apply(number, facts)
        except InconsistentFacts:
            self.registry.undo_to(before.number)
            raise
        self.registry.advance(last.number)
        for block in stretch.seed_blocks:
            self.seeds.add(block)
        self.seeds.seen(last.timestamp)

    def _forget_after(self, cursor: Cursor) -> None:
        self.registry.undo_to(cursor.number)
        self.seeds.undo_to(cursor.number, cursor.timestamp)

    async def _write(self, changes: Changes) -> None:
        await asyncio.to_thread(self._store.write, changes)

    def _surplus_marks(self, last: int) -> set[int]:
        """Marks too old to be all kept: of those, each 1,024th block's stays, and the newest."""
        old = sorted(n for n in self._marks if n < last - self._dense_marks)
        return {n for n in old[:-1] if n % SPARSE_MARKS}

    def _retreat(self, cursor: Cursor) -> Changes:
        after = be64(cursor.number + 1)
        changes: Changes = []
        for table in (STAKING_FACTS, STAKING_SEEDS, STAKING_MARKS):
            changes += [(key, None) for key in self._store.keys(table + after, table + END)]
        changes.append((STAKING_CURSOR, _encode_cursor(cursor)))
        return changes

    # --- start ---------------------------------------------------------------------------------

    def _check_source(self) -> None:
        source = self._source
        wanted = source.pool + source.parameters + be64(source.start) + be64(self._interval)
        found = self._store.get(STAKING_SOURCE)
        if found is None:
            self._store.write([(STAKING_SOURCE, wanted)])
        elif found != wanted:
            raise InvalidConfig(
                f"this database follows the pool 0x{found[:20].hex()} and the parameters "
                f"0x{found[20:40].hex()} after L1 block {int.from_bytes(found[40:48], 'big')}, the "
                f"configuration names 0x{source.pool.hex()} and 0x{source.parameters.hex()} after "
                f"L1 block {source.start}: correct the section [staking], or take another data "
                "directory"
            )

    def _load(self) -> None:
        self.cursor = self._stored_cursor()
        self.registry = Registry(self.start)
        self.seeds = SeedBlocks(genesis=self._genesis, interval=self._interval)
        try:
            for number, facts in self._stored_facts():
                self.registry.apply(number, facts)
        except (MalformedFact, InconsistentFacts) as error:
            raise CorruptStore(f"the stored facts of the staking contracts: {error}") from error
        self.registry.advance(self.cursor.number)
        for key, value in self._rows(STAKING_SEEDS):
            self.seeds.add(_decode_seed(int.from_bytes(key, "big"), value))
        if not self.is_empty:
            self.seeds.seen(self.cursor.timestamp)
        self._marks = {
            int.from_bytes(key, "big"): Hash32(value) for key, value in self._rows(STAKING_MARKS)
        }

    def _stored_cursor(self) -> Cursor:
        value = self._store.get(STAKING_CURSOR)
        if value is None:
            return Cursor(number=self.start, hash=ZERO_HASH, timestamp=0)
        if len(value) != 48:
            raise CorruptStore(f"the staking cursor has {len(value)} bytes, expected 48")
        return Cursor(
            number=int.from_bytes(value[:8], "big"),
            timestamp=int.from_bytes(value[8:16], "big"),
            hash=Hash32(value[16:]),
        )

    def _stored_facts(self) -> Iterator[BlockFacts]:
        rows = self._rows(STAKING_FACTS)
        for number, group in groupby(rows, key=lambda row: int.from_bytes(row[0][:8], "big")):
            yield number, [decode_fact(value) for _, value in group]

    def _rows(self, table: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._store.iterate(table, table + END + b"\xff" * 4):
            yield key[len(table) :], value


def _extension(stretch: Stretch, last: L1Header, dropped: set[int]) -> Changes:
    changes: Changes = [(STAKING_MARKS + be64(number), None) for number in dropped]
    for header in stretch.marks:
        changes.append((STAKING_MARKS + be64(header.number), header.hash))
    for number, facts in stretch.facts:
        for index, fact in enumerate(facts):
            changes.append((STAKING_FACTS + be64(number) + be32(index), encode_fact(fact)))
    for block in stretch.seed_blocks:
        value = be64(block.timestamp) + block.prev_randao
        changes.append((STAKING_SEEDS + be64(block.number), value))
    cursor = Cursor(number=last.number, hash=last.hash, timestamp=last.timestamp)
    return [*changes, (STAKING_CURSOR, _encode_cursor(cursor))]


def _encode_cursor(cursor: Cursor) -> bytes:
    return be64(cursor.number) + be64(cursor.timestamp) + cursor.hash


def _decode_seed(number: int, value: bytes) -> SeedBlock:
    if len(value) != 40:
        raise CorruptStore(f"seed block {number} has {len(value)} bytes, expected 40")
    return SeedBlock(
        number=number,
        timestamp=int.from_bytes(value[:8], "big"),
        prev_randao=Hash32(value[8:]),
    )
