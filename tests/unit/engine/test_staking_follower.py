"""The staking contracts are followed exactly, whatever L1, the endpoints and the disk do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.staking_book import StakingBook, StakingSource
from metis_node.engine.staking_follower import AUDIT_EVERY, StakingFollower
from metis_node.errors import CorruptStore, Fatal, InvalidConfig, Temporary
from metis_node.staking.facts import StakeChanged, Status
from metis_node.staking.registry import Registry
from metis_node.staking.seeds import SeedBlock
from metis_node.storage.memory import MemoryStore
from metis_node.storage.tables import STAKING_CURSOR, STAKING_FACTS, be32, be64
from metis_node.types.blocks import BlockRef
from metis_node.types.primitives import ZERO_HASH, Address
from tests.fakes.manual_clock import ManualClock
from tests.fakes.staking_l1 import StakingL1

DEPTH = 8
INTERVAL = 4
SOURCE = StakingSource(pool=Address(b"\x01" * 20), parameters=Address(b"\x02" * 20), start=0)


class DiskFull(Exception):
    """The write that a test makes fail."""


class FaultyStore(MemoryStore):
    """Writes all or nothing of a step; `failing` writes fail, before or after they are done."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: list[str] = []

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], *, sync: bool = True) -> None:
        fault = self.failing.pop() if self.failing else ""
        if fault == "before":
            raise DiskFull
        super().write(changes, sync=sync)
        if fault == "after":
            raise DiskFull


@dataclass(slots=True, kw_only=True)
class Node:
    """What restarts together."""

    follower: StakingFollower
    l1: L1Follower

    @property
    def book(self) -> StakingBook:
        return self.follower.book

    async def look(self) -> None:
        await self.l1.look()
        await self.follower.look()


def started(l1: StakingL1, store: MemoryStore, *, depth: int = DEPTH) -> Node:
    first = l1.headers[0]
    book = StakingBook(
        store,
        source=SOURCE,
        genesis=SeedBlock(number=0, timestamp=first.timestamp, prev_randao=first.prev_randao),
        seed_interval=INTERVAL,
        dense_marks=depth,
    )
    anchor = BlockRef(number=0, hash=ZERO_HASH)
    follower = L1Follower(source=l1, clock=ManualClock(0), anchor=anchor)
    staking = StakingFollower(l1=follower, source=l1, logs=l1, book=book, reorg_depth=depth)
    return Node(follower=staking, l1=follower)


def answers(book: StakingBook) -> list[Any]:
    """Everything that the book answers, at every block."""
    registry: Registry = book.registry
    found: list[Any] = [book.cursor, book.seeds.newest_until(10**12)]
    for number in range(book.start, book.cursor.number + 1):
        found.append(
            (
                registry.validators_at(number),
                registry.total_power_at(number),
                registry.sequencers_at(number),
                registry.parameters_at(number),
            )
        )
    for number in range(book.cursor.number):
        found.append(book.seeds.newest_until(1_700_000_000 + 12 * number))
    return found


def truth(l1: StakingL1, book: StakingBook) -> None:
    """The pool of each block says the same as the registry."""
    assert book.cursor.hash == l1.head.hash
    for header in l1.headers[1:]:
        pool = l1.pools[header.hash]
        assert book.registry.total_power_at(header.number) == pool.total
        for sequencer_id, seat in pool.seats.items():
            assert book.registry.seat_at(sequencer_id, header.number) == (seat.signer, seat.power)


async def settle(node: Node) -> None:
    """Look until nothing is left to read; faults are bounded, so this ends."""
    for _ in range(100):
        with suppress(Temporary):
            await node.look()
            if node.book.cursor.hash == node.l1.head.hash and not node.follower.lag:  # type: ignore[union-attr]
                return
    raise AssertionError("the follower does not get there")


SEATS = st.tuples(st.integers(1, 4), st.integers(0, 2), st.integers(0, 9))
ACTIONS = st.one_of(
    st.tuples(st.just("grow"), st.integers(1, 12), st.lists(SEATS, max_size=4)),
    st.tuples(st.just("reorganise"), st.integers(1, DEPTH), st.lists(SEATS, max_size=4)),
    st.tuples(st.just("fail"), st.integers(1, 6), st.just([])),
    st.tuples(st.just("disk"), st.sampled_from(["before", "after"]), st.just([])),
    st.tuples(st.just("restart"), st.just(0), st.just([])),
    st.tuples(st.just("look"), st.just(0), st.just([])),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ACTIONS, min_size=1, max_size=16))
async def test_any_history_ends_in_the_state_of_one_clean_pass(
    actions: list[tuple[str, Any, list[tuple[int, int, int]]]],
) -> None:
    l1, store = StakingL1(), FaultyStore()
    node = started(l1, store)
    fork = 0
    for name, argument, seats in actions:
        if name == "grow":
            grow(l1, argument, seats, b"main%d" % fork)
        elif name == "reorganise":
            fork += 1
            depth = min(argument, len(l1.headers) - 1)
            if depth:
                del l1.headers[len(l1.headers) - depth :]
                grow(l1, depth + 1, seats, b"fork%d" % fork)
        elif name == "fail":
            l1.failing = argument
        elif name == "disk":
            store.failing.append(argument)
        elif name == "restart":
            node = started(l1, store)
        node = await looked(node, l1, store)
    l1.failing, store.failing = 0, []
    l1.grow(1)
    node = await looked(started(l1, store), l1, store)  # a start audits everything
    await settle(node)
    truth(l1, node.book)
    clean = started(l1, MemoryStore())
    await settle(clean)
    assert answers(node.book) == answers(clean.book)
    assert answers(started(l1, store).book) == answers(clean.book)


@settings(max_examples=150, deadline=None)
@given(
    seats=st.lists(st.lists(SEATS, max_size=6), min_size=1, max_size=8),
    forgotten=st.lists(st.integers(0, 2), min_size=8, max_size=8),
)
async def test_left_out_logs_never_reach_a_set_that_decides(
    seats: list[list[tuple[int, int, int]]], forgotten: list[int]
) -> None:
    """With one endpoint, which leaves out logs: what the newest stake blocks and the head say is
    right once the contracts were compared."""
    l1, store = StakingL1(), MemoryStore()
    node = started(l1, store)
    for some, lost in zip(seats, forgotten, strict=False):
        l1.forgotten = lost
        grow(l1, len(some) + 1, some)
        with suppress(Temporary):
            await node.look()
    l1.forgotten = 0
    node = started(l1, store)
    await settle(node)
    registry, head = node.book.registry, node.book.cursor.number
    for number in [*node.book.seeds.numbers_after(-1), head][-4:]:
        pool = l1.pools[l1.headers[number].hash]
        known = {v.sequencer_id: (v.signer, v.power) for v in registry.validators_at(number)}
        there = {i: (seat.signer, seat.power) for i, seat in pool.seats.items() if seat.power}
        assert known == there, number


async def looked(node: Node, l1: StakingL1, store: FaultyStore) -> Node:
    """The node after one look: one that a failed write ended is started again, and one that two
    reorganisations in a row were too deep for is started as its message says."""
    try:
        with suppress(Temporary):
            await node.look()
    except DiskFull:
        return started(l1, store)
    except Fatal as error:
        depth = error.facts["depth"]
        store.failing = []
        node = started(l1, store, depth=max(depth, DEPTH + 1))  # type: ignore[type-var]
        with suppress(Temporary):
            await node.look()
    return node


def grow(
    l1: StakingL1, blocks: int, seats: list[tuple[int, int, int]], branch: bytes = b"main"
) -> None:
    """The seats are set one per block, from the first on."""
    for index in range(blocks):
        l1.grow(1, branch=branch)
        if index < len(seats):
            l1.set_seat(*seats[index])
            l1.set_parameter("epochLength", 64 + index)


async def test_a_long_past_is_read_in_ranges_and_the_rest_by_block() -> None:
    l1 = StakingL1()
    grow(l1, 3_000, [(1, 0, 5), (2, 0, 7)])
    l1.set_seat(3, 0, 9)
    node = started(l1, MemoryStore())
    await settle(node)
    truth(l1, node.book)
    assert l1.calls < 900  # 750 of them for the randomness of every fourth block
    numbers = [mark.number for mark in node.book.marks()]
    assert numbers[: DEPTH + 1] == list(range(3_000, 3_000 - DEPTH - 1, -1))
    assert {1_024, 2_048} <= set(numbers)


async def test_a_late_endpoint_undoes_nothing() -> None:
    l1 = StakingL1()
    grow(l1, 20, [(1, 0, 5)])
    node = started(l1, MemoryStore())
    await settle(node)
    shown = l1.headers
    l1.headers = shown[:12]
    again = started(l1, node.book._store)  # type: ignore[arg-type]
    await again.look()
    assert again.book.cursor.number == 20
    assert again.follower.reorganisations == 0
    l1.headers = shown
    grow(l1, 1, [(2, 0, 1)])
    await settle(again)
    truth(l1, again.book)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_reorganisation_of_the_configured_depth_is_undone(restarted: bool) -> None:
    l1, store = StakingL1(), MemoryStore()
    grow(l1, 50, [(1, 0, 5)])
    l1.set_seat(2, 0, 7)
    node = started(l1, store)
    await settle(node)
    if restarted:
        node = started(l1, store)
    l1.reorganise(DEPTH, blocks=DEPTH + 1)
    await settle(node)
    assert node.follower.reorganisations == 1
    assert node.book.registry.total_power_at(51) == 5
    truth(l1, node.book)


async def test_a_deeper_one_stops_the_node_and_says_how_to_go_on() -> None:
    l1, store = StakingL1(), MemoryStore()
    grow(l1, 50, [(1, 0, 5)])
    node = started(l1, store)
    await settle(node)
    l1.reorganise(DEPTH + 1, blocks=DEPTH + 2)
    with pytest.raises(Fatal, match=r"staking.reorg_depth = 8") as caught:
        await node.look()
    depth = caught.value.facts["depth"]
    assert isinstance(depth, int)
    assert f"--set staking.reorg_depth={depth}" in caught.value.message
    again = started(l1, store, depth=depth)
    await settle(again)
    truth(l1, again.book)


async def test_a_log_that_an_endpoint_left_out_is_noticed_and_read_again() -> None:
    l1 = StakingL1()
    grow(l1, 30, [(1, 0, 5)])
    node = started(l1, MemoryStore())
    await settle(node)
    l1.forgotten = 1
    grow(l1, 2, [(2, 0, 7)])
    with pytest.raises(Temporary, match="reports a total power of 12 at L1 block 31"):
        await node.look()
    await settle(node)
    assert node.follower.contradictions >= 1
    truth(l1, node.book)


async def test_a_lost_rotation_or_parameter_is_found_at_the_next_stake_block() -> None:
    """Neither changes the total of power, so only the contracts' checkpoints tell."""
    l1 = StakingL1()
    grow(l1, 29, [(1, 0, 5)])
    node = started(l1, MemoryStore())
    await settle(node)
    l1.forgotten = 2
    grow(l1, 2, [(1, 1, 5)])
    l1.set_parameter("epochLength", 99)
    await settle(node)
    assert node.book.registry.seat_at(1, 31) != (l1.pool.seats[1].signer, 5)  # not noticed yet
    grow(l1, 2, [])
    with pytest.raises(Temporary, match="other values of seat 1, epochLength at L1 block 32"):
        await node.look()
    await settle(node)
    truth(l1, node.book)
    assert node.book.registry.parameter_at("epochLength", 32) == 99


async def test_a_lost_change_of_stake_is_found_by_the_next_whole_audit() -> None:
    """It changes no seat: only the contracts' storage tells."""
    l1 = StakingL1()
    grow(l1, 30, [(1, 0, 5)])
    node = started(l1, MemoryStore())
    await settle(node)
    l1.forgotten = 1
    l1.grow(1)
    jailed = StakeChanged(
        sequencer_id=1,
        status=Status.PENDING,
        jailed=True,
        tombstoned=False,
        locked=1,
        unbonding=2,
    )
    l1.facts[l1.head.hash].append(jailed)
    await settle(node)
    grow(l1, AUDIT_EVERY - 2, [])
    await settle(node)
    assert node.follower.contradictions == 0
    grow(l1, 1, [])
    with pytest.raises(Temporary, match="other values of sequencer 1 at L1 block 94"):
        await node.look()
    await settle(node)
    found = node.book.registry.sequencer_at(1, 31)
    assert found is not None
    assert (found.jailed, found.locked, found.unbonding) == (True, 1, 2)


async def test_trouble_is_told_and_reading_goes_on_by_itself() -> None:
    l1 = StakingL1()
    grow(l1, 5, [(1, 0, 5)])
    node = started(l1, MemoryStore())
    await node.l1.look()
    l1.failing = 1
    stepped = asyncio.Event()
    node.follower.subscribe(stepped.set)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(node.follower.run())
        await stepped.wait()
        task.cancel()
    assert node.book.cursor.number == 5
    assert node.follower.lag == 0


def test_a_database_of_other_contracts_is_refused() -> None:
    l1, store = StakingL1(), MemoryStore()
    started(l1, store)
    other = StakingSource(pool=Address(b"\x09" * 20), parameters=SOURCE.parameters, start=0)
    with pytest.raises(InvalidConfig, match=r"follows the pool 0x0101.*correct the section"):
        StakingBook(
            store,
            source=other,
            genesis=SeedBlock(number=0, timestamp=0, prev_randao=ZERO_HASH),
            seed_interval=INTERVAL,
            dense_marks=DEPTH,
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (STAKING_CURSOR, b"\x00" * 7),
        (STAKING_FACTS + be64(1) + be32(0), b"\xc1\x07"),
    ],
)
def test_a_damaged_table_is_told(key: bytes, value: bytes) -> None:
    l1, store = StakingL1(), MemoryStore()
    started(l1, store)
    store.write([(key, value)])
    with pytest.raises(CorruptStore):
        started(l1, store)
