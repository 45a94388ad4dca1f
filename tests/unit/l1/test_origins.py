"""Which L1 block an L2 block names: depth, finality, age, patience."""

from __future__ import annotations

from typing import Any

from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.l1_origin import origin_of
from metis_node.l1.origins import L1Origins
from metis_node.types.blocks import BlockRef
from metis_node.types.primitives import ZERO_HASH, Hash32
from metis_node.types.rules import ChainRules, Fork
from tests.fakes.l1_source import BLOCK_TIME_S, GENESIS_TIME, MemoryL1
from tests.fakes.manual_clock import ManualClock

RULES = ChainRules(
    chain_id=1,
    forks=(Fork(timestamp=0, name="prague"),),
    gas_limit=60_000_000,
    origin_max_lag_s=1_200,
    l1_start=3,
)


class World:
    def __init__(self, blocks: int, **options: Any) -> None:
        self.l1 = MemoryL1(blocks)
        self.clock = ManualClock(self.l1.head.timestamp * 1000)
        anchor = BlockRef(number=3, hash=ZERO_HASH)
        self.follower = L1Follower(source=self.l1, clock=self.clock, anchor=anchor)
        values: dict[str, Any] = {
            "genesis_origin_hash": Hash32(b"\x01" * 32),
            "confirmations": 2,
            "origin_wait_ms": 0,
            **options,
        }
        self.origins = L1Origins(follower=self.follower, clock=self.clock, rules=RULES, **values)

    async def grow(self, blocks: int = 1) -> None:
        self.l1.grow(blocks)
        self.clock.move_to_ms(max(self.clock.now_ms(), self.l1.head.timestamp * 1000))
        await self.follower.look()

    def number(self, parent: int = 3, time_s: int | None = None) -> int | None:
        seconds = self.clock.now_ms() // 1000 if time_s is None else time_s
        origin = self.origins.origin_for(parent, seconds)
        if origin is None:
            return None
        assert origin == origin_of(self.l1.headers[origin.number])
        return origin.number


async def test_nothing_is_named_before_l1_was_seen() -> None:
    assert World(10).number() is None


async def test_the_newest_block_that_is_deep_enough_is_named() -> None:
    world = World(10)
    await world.follower.look()
    assert world.number() == 7
    await world.grow()
    assert world.number() == 8


async def test_only_final_blocks_where_that_is_asked_for() -> None:
    world = World(10, confirmations=None)
    world.l1.finalized = 5
    await world.follower.look()
    assert world.number() == 5


async def test_an_origin_never_goes_back() -> None:
    world = World(10)
    await world.follower.look()
    assert world.number(parent=7) == 7
    assert world.number(parent=8) is None


async def test_a_block_is_named_only_after_its_time_of_patience() -> None:
    world = World(10, origin_wait_ms=30_000)
    await world.follower.look()
    assert world.number() == 4  # deep enough for 36 s, 5 only for 24 s
    await world.grow()
    seen_ms = world.clock.now_ms()
    world.clock.move_to_ms(seen_ms + 29_999)
    assert world.number() == 7
    world.clock.move_to_ms(seen_ms + 30_000)
    assert world.number() == 8


async def test_patience_ends_where_the_age_rule_needs_a_younger_block() -> None:
    world = World(10, origin_wait_ms=10**9)
    await world.follower.look()
    assert world.number() == 3  # the parent's, while it is young enough
    late = GENESIS_TIME + 5 * BLOCK_TIME_S + RULES.origin_max_lag_s
    assert world.number(time_s=late) == 5


async def test_while_l1_stalls_there_is_no_origin_and_a_reason() -> None:
    world = World(10)
    await world.follower.look()
    assert world.number(time_s=world.l1.head.timestamp + 2_000) is None
    assert "young" in world.origins.reason


async def test_a_chain_whose_first_block_names_no_real_one_starts_above_it() -> None:
    world = World(6, genesis_origin_hash=ZERO_HASH)
    await world.follower.look()
    assert world.number() is None
    await world.grow()
    assert world.number() == 4


async def test_changed_tells_of_what_came_since_the_last_answer() -> None:
    world = World(4)
    await world.follower.look()
    assert world.number() is None
    await world.grow(4)
    await world.origins.changed()  # at once: L1 moved after the answer
    assert world.number() == 5
