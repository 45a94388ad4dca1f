"""Following L1: heads, reorganisations above and below the origin in use, an L1 that is away."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from metis_node.engine.l1_follower import START_DEPTH, L1Follower
from metis_node.errors import Fatal, Temporary
from metis_node.types.blocks import BlockRef
from metis_node.types.primitives import ZERO_HASH, Hash32
from tests.fakes.l1_source import GENESIS_TIME, MemoryL1
from tests.fakes.manual_clock import ManualClock


def follower_of(l1: MemoryL1, anchor: BlockRef | None = None) -> L1Follower:
    clock = ManualClock((GENESIS_TIME + 100_000) * 1000)
    start = anchor if anchor is not None else BlockRef(number=0, hash=ZERO_HASH)
    return L1Follower(source=l1, clock=clock, anchor=start)


def ref(l1: MemoryL1, number: int) -> BlockRef:
    return BlockRef(number=number, hash=l1.headers[number].hash)


async def test_the_window_follows_the_head() -> None:
    l1 = MemoryL1(10)
    follower = follower_of(l1)
    changes: list[int] = []
    follower.subscribe(lambda: changes.append(follower.head.number if follower.head else -1))
    await follower.look()
    l1.grow(3)
    await follower.look()
    await follower.look()
    assert changes == [9, 12]
    assert [follower.header(n) for n in range(13)] == l1.headers
    assert follower.header(13) is None


async def test_a_start_far_behind_fetches_only_what_is_near_the_head() -> None:
    l1 = MemoryL1(1_000)
    follower = follower_of(l1, ref(l1, 20))
    await follower.look()
    assert follower.header(999 - START_DEPTH) is not None
    assert follower.header(998 - START_DEPTH) is None


async def test_a_reorganisation_above_the_origin_in_use_is_followed() -> None:
    l1 = MemoryL1(10)
    follower = follower_of(l1, ref(l1, 6))
    await follower.look()
    l1.reorganise(3, blocks=5)
    await follower.look()
    assert [follower.header(n) for n in range(7, 12)] == l1.headers[7:]
    l1.reorganise(4, blocks=2, branch=b"third")  # a shorter one
    await follower.look()
    assert follower.head == l1.headers[9]
    assert follower.header(10) is None


@pytest.mark.parametrize("used", [7, 9])
async def test_a_reorganisation_below_the_origin_in_use_is_fatal(used: int) -> None:
    l1 = MemoryL1(10)
    follower = follower_of(l1, ref(l1, 2))
    await follower.look()
    follower.use(ref(l1, used))
    l1.reorganise(3, blocks=4)
    with pytest.raises(Fatal, match=f"builds on L1 block {used}"):
        await follower.look()


async def test_an_l1_that_never_had_the_origin_is_fatal_at_the_start() -> None:
    l1 = MemoryL1(10)
    follower = follower_of(l1, BlockRef(number=5, hash=Hash32(b"\x01" * 32)))
    with pytest.raises(Fatal, match=r"l1\.endpoints"):
        await follower.look()


async def test_an_endpoint_that_lags_is_no_reorganisation() -> None:
    l1 = MemoryL1(10)
    follower = follower_of(l1, ref(l1, 9))
    await follower.look()
    whole = list(l1.headers)
    for shown in (9, 5, 1):
        l1.headers = whole[:shown]
        await follower.look()
        assert follower.head == whole[9]
    l1.headers = whole
    l1.grow()
    await follower.look()
    assert follower.head == l1.headers[10]


async def test_an_endpoint_that_lags_beyond_the_window_is_waited_for() -> None:
    l1 = MemoryL1(1_000)
    follower = follower_of(l1, ref(l1, 900))
    await follower.look()
    del l1.headers[100:]
    with pytest.raises(Temporary, match="lags"):
        await follower.look()


async def test_finalized_only_rises() -> None:
    l1 = MemoryL1(10)
    follower = follower_of(l1)
    l1.finalized = 4
    await follower.look()
    assert follower.finalized_number == 4
    version = follower.version
    l1.finalized = 6
    await follower.look()
    assert (follower.finalized_number, follower.version) == (6, version + 1)
    l1.finalized = 3
    await follower.look()
    assert follower.finalized_number == 6


async def test_an_l1_that_is_away_is_named_and_waited_for() -> None:
    l1 = MemoryL1(3)
    clock = ManualClock(GENESIS_TIME * 1000)
    follower = L1Follower(
        source=l1, clock=clock, anchor=BlockRef(number=0, hash=ZERO_HASH), poll_ms=1_000
    )
    l1.is_down = True
    task = asyncio.ensure_future(follower.run())
    waits = []
    for _ in range(3):
        due = await clock.waiting()
        waits.append(due - clock.now_ms())
        assert "down" in follower.problem
        clock.move_to_ms(due)
        await asyncio.sleep(0)
    assert waits == [2_000, 4_000, 8_000]
    l1.is_down = False
    clock.move_to_ms(await clock.waiting())
    await follower.changed(0)
    await clock.waiting()
    assert follower.problem == ""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_chain_that_changes_while_it_is_read_is_read_again() -> None:
    l1 = MemoryL1(10)
    follower = follower_of(l1)
    await follower.look()
    orphan = l1.head
    l1.grow(3)
    l1.headers[10] = orphan  # what a node shows that switches between two answers
    with pytest.raises(Temporary, match="meanwhile"):
        await follower.look()
