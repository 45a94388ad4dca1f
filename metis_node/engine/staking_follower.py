"""The host that follows the staking contracts on L1: each event once, reorganisations undone.

Old blocks are read in ranges; the youngest `reorg_depth`, which L1 may still take back, one by one
by their hash. What is read must fit the headers of the L1 follower, must add up (`Registry`), and
must come to what the contracts themselves report. What does not is read again: first the same
blocks, then all that is young, then everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.l1_ports import FactsOfBlock, L1Source, StakingLogs
from metis_node.engine.staking_book import SPARSE_MARKS, BlockFacts, StakingBook, Stretch
from metis_node.errors import Fatal, Temporary
from metis_node.staking.registry import InconsistentFacts
from metis_node.staking.seeds import SeedBlock
from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header

log = structlog.get_logger(__name__)

TOGETHER = 16  # young L1 blocks read and written in one step
AUDIT_EVERY = 64  # L1 blocks: long before a stake block decides anything, which is hours later
MAX_STAKE_BLOCKS = 4  # compared at once: older ones have no epoch before them
MAX_NAMED = 4  # of what an audit finds wrong
BACK_OFF_FIRST_S = 1.0
BACK_OFF_MOST_S = 60.0

Listener = Callable[[], None]


class StakingFollower:
    """Run it as a task beside the L1 follower. Raises Fatal from `run` on a reorganisation below
    `reorg_depth` blocks."""

    def __init__(
        self,
        *,
        l1: L1Follower,
        source: L1Source,
        logs: StakingLogs,
        book: StakingBook,
        reorg_depth: int,
    ) -> None:
        self.problem = ""  # why reading does not go on
        self.contradictions = 0  # times that what was read could not be true
        self.reorganisations = 0
        self._l1 = l1
        self._source = source
        self._logs = logs
        self._book = book
        self._reorg_depth = reorg_depth
        self._doubt = 0  # contradictions in a row
        self._audited = -1  # L1 block
        self._audited_all: int | None = None  # None: not since the start
        self._audited_stake = -1  # the newest L1 block that may fix a set
        self._listeners: list[Listener] = []

    @property
    def book(self) -> StakingBook:
        return self._book

    @property
    def lag(self) -> int:
        """L1 blocks that are known and not read."""
        head = self._l1.head
        return max(head.number - self._book.cursor.number, 0) if head is not None else 0

    def subscribe(self, listener: Listener) -> None:
        """Called on the loop after each step, forward or back. Must be quick."""
        self._listeners.append(listener)

    async def run(self) -> None:
        failures = 0
        while True:
            version = self._l1.version
            try:
                await self.look()
                failures = 0
                self._tell_problem("")
                await self._l1.changed(version)
            except Temporary as error:
                self._tell_problem(error.message)
                delay = min(BACK_OFF_FIRST_S * 2**failures, BACK_OFF_MOST_S)
                failures += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._l1.changed(version)

    async def look(self) -> None:
        """Read up to the L1's head. Temporary: call again, nothing is lost and nothing is twice."""
        head = self._l1.head
        if head is None:
            return
        try:
            await self._undo_lost(head)
            while self._book.cursor.number < head.number:
                await self._book.extend(await self._next_stretch(head))
                self._tell()
            await self._audit(head)
        except InconsistentFacts as error:
            await self._on_contradiction(error)
            raise Temporary(error.message) from error

    # --- back ----------------------------------------------------------------------------------

    async def _undo_lost(self, head: L1Header) -> None:
        """Go back to the newest block that L1 still has. One whose head is lower but on the same
        chain is only late."""
        book = self._book
        if book.is_empty:
            return
        is_lost = False
        for mark in book.marks():
            if mark.number > head.number:
                continue  # late or lost: what lies below tells
            header = await self._header(mark.number)
            if header.hash == mark.hash:
                if is_lost:
                    await self._undo_to(mark, header.timestamp)
                return
            is_lost = True
        if is_lost:
            await self._undo_to(None, 0)

    async def _undo_to(self, mark: BlockRef | None, timestamp: int) -> None:
        book = self._book
        number = mark.number if mark is not None else book.start
        depth = book.cursor.number - number
        if depth > self._reorg_depth:
            raise self._too_deep(depth)
        self.reorganisations += 1
        log.warning(
            "staking events undone after an L1 reorganisation", l1_block=number, depth=depth
        )
        await self._take_back(mark, timestamp)

    async def _take_back(self, mark: BlockRef | None, timestamp: int) -> None:
        await self._book.undo_to(mark, timestamp)
        self._audited = min(self._audited, self._book.cursor.number)
        self._audited_all = None
        self._audited_stake = min(self._audited_stake, self._book.cursor.number)
        self._tell()

    def _too_deep(self, depth: int) -> Fatal:
        return Fatal(
            f"the L1 went back {depth} blocks behind what was read of the staking contracts, more "
            f"than staking.reorg_depth = {self._reorg_depth}. Check that l1.endpoints are of the "
            "right network and in sync (`metis-node doctor`). If the reorganisation is real, start "
            f"once with --set staking.reorg_depth={depth}: the events are read again from there",
            depth=depth,
        )

    # --- forward -------------------------------------------------------------------------------

    async def _next_stretch(self, head: L1Header) -> Stretch:
        first = self._book.cursor.number + 1
        settled = head.number - self._reorg_depth
        if first <= settled:
            return await self._old_stretch(first, self._range_end(first, settled))
        return await self._young_stretch(first, min(first + TOGETHER - 1, head.number))

    def _range_end(self, first: int, settled: int) -> int:
        """Ranges end at blocks whose marks stay for ever, so that there is always one to go to."""
        return min((first // SPARSE_MARKS + 1) * SPARSE_MARKS, settled)

    async def _old_stretch(self, first: int, last: int) -> Stretch:
        header = await self._header(last)
        found = await self._logs.between(first, last)
        await asyncio.gather(*(self._require_canonical(entry.block) for entry in found))
        wanted = [n for n in range(first, last + 1) if self._book.seeds.wants(n)]
        seeds = await asyncio.gather(*map(self._header, wanted))
        return Stretch(
            marks=[header],
            facts=[_block_facts(entry) for entry in found],
            seed_blocks=[_seed_block(seed) for seed in seeds],
        )

    async def _young_stretch(self, first: int, last: int) -> Stretch:
        headers = await asyncio.gather(*map(self._header, range(first, last + 1)))
        self._require_linked(headers)
        refs = [BlockRef(number=h.number, hash=h.hash) for h in headers]
        found = await asyncio.gather(*map(self._logs.of_block, refs))
        return Stretch(
            marks=headers,
            facts=[_block_facts(entry) for entry in found if entry.facts],
            seed_blocks=[_seed_block(h) for h in headers if self._book.seeds.wants(h.number)],
        )

    def _require_linked(self, headers: Sequence[L1Header]) -> None:
        cursor = self._book.cursor
        above = None if self._book.is_empty else cursor.hash
        for header in headers:
            if above is not None and header.parent_hash != above:
                raise Temporary(f"the L1 changed its chain below block {header.number} meanwhile")
            above = header.hash

    async def _require_canonical(self, block: BlockRef) -> None:
        header = await self._header(block.number)
        if header.hash != block.hash:
            raise Temporary(
                f"an L1 endpoint shows logs of block {block.number} with the hash "
                f"0x{block.hash.hex()}, the block has 0x{header.hash.hex()}"
            )

    async def _header(self, number: int) -> L1Header:
        header = self._l1.header(number) or await self._source.header(number)
        if header is None:
            raise Temporary(f"the L1 does not show block {number}")
        return header

    # --- doubt ---------------------------------------------------------------------------------

    async def _audit(self, head: L1Header) -> None:
        """Compare with what the contracts themselves say: the total of power after every block,
        everything now and then."""
        cursor = self._book.cursor
        if cursor.hash != head.hash or self._audited == head.number:
            return
        at = BlockRef(number=head.number, hash=head.hash)
        if head.number > self._book.start + 1:
            await self._audit_total(head.number - 1, at)
        await self._audit_stake_blocks(head.number, at)
        if self._audited_all is None or head.number >= self._audited_all + AUDIT_EVERY:
            await self._audit_all(at)
            self._audited_all = head.number
        self._audited, self._doubt = head.number, 0

    async def _audit_stake_blocks(self, head: int, at: BlockRef) -> None:
        """Seats and parameters after each L1 block that may fix the set of an epoch."""
        registry, after = self._book.registry, self._audited_stake
        numbers = [n for n in self._book.seeds.numbers_after(after) if self._book.start <= n < head]
        for number in numbers[-MAX_STAKE_BLOCKS:]:
            await self._audit_total(number, at)
            parameters = registry.parameters_at(number)
            ids = [entry.sequencer_id for entry in registry.sequencers_at(number)]
            said = await self._logs.past(number, ids=ids, keys=list(parameters), at=at)
            if said is not None:
                wrong = [f"seat {i}" for i in ids if said.seats[i] != registry.seat_at(i, number)]
                wrong += [key for key in parameters if said.parameters[key] != parameters[key]]
                self._require_nothing(wrong, number)
            self._audited_stake = number

    def _require_nothing(self, wrong: list[str], number: int) -> None:
        if wrong:
            raise InconsistentFacts(
                f"the contracts report other values of {', '.join(wrong[:MAX_NAMED])} at L1 block "
                f"{number} than their events come to: an L1 endpoint left out or made up a log",
                l1_block=number,
            )

    async def _audit_total(self, number: int, at: BlockRef) -> None:
        said = await self._logs.total_power(number, at)
        known = self._book.registry.total_power_at(number)
        if said is not None and said != known:
            raise InconsistentFacts(
                f"the pool reports a total power of {said} at L1 block {number}, its events come "
                f"to {known}: an L1 endpoint left out or made up a log",
                l1_block=number,
            )

    async def _audit_all(self, at: BlockRef) -> None:
        said = await self._logs.state(at)
        if said is None:
            return
        registry = self._book.registry
        known = {entry.sequencer_id: entry for entry in registry.sequencers_at(at.number)}
        there = {entry.sequencer_id: entry for entry in said.sequencers}
        newest = max(there, default=0)
        wrong = [
            f"sequencer {number}"
            for number in sorted(
                there.keys() | {known_id for known_id in known if known_id > newest}
            )
            if there.get(number) != known.get(number)
        ]
        parameters = registry.parameters_at(at.number)
        wrong += [name for name, value in said.parameters.items() if parameters.get(name) != value]
        self._require_nothing(wrong, at.number)

    async def _on_contradiction(self, error: InconsistentFacts) -> None:
        self.contradictions += 1
        self._doubt += 1
        if self._doubt == 1:
            log.error(
                "the events of the staking contracts contradict each other", why=error.message
            )
            return  # the same blocks again, perhaps from another endpoint
        target = self._book.cursor.number - self._reorg_depth if self._doubt == 2 else 0
        mark = next((m for m in self._book.marks() if m.number <= target), None)
        timestamp = (await self._header(mark.number)).timestamp if mark is not None else 0
        again = mark.number if mark is not None else self._book.start
        log.error("staking events are read again", after_l1_block=again, why=error.message)
        await self._take_back(mark, timestamp)

    def _tell_problem(self, problem: str) -> None:
        if problem and not self.problem:
            log.warning("the staking contracts cannot be followed", reason=problem)
        elif not problem and self.problem:
            log.info("the staking contracts are followed again")
        self.problem = problem

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _block_facts(entry: FactsOfBlock) -> BlockFacts:
    return entry.block.number, entry.facts


def _seed_block(header: L1Header) -> SeedBlock:
    return SeedBlock(
        number=header.number, timestamp=header.timestamp, prev_randao=header.prev_randao
    )
