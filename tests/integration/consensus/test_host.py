"""The host of the agreement over real chains: blocks, rotation, restart, catching up."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from metis_node.types.network import PeerId, Topic
from tests.integration.consensus.village import TIMEOUTS, Village, same_chain, village


async def test_one_validator_decides_alone(tmp_path: Path) -> None:
    async with village(tmp_path, 1) as made:
        await made.height(3)


async def test_four_validators_make_one_chain(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(6)
        assert same_chain(list(made.villagers.values()))
        for villager in made.villagers.values():
            assert villager.story.counts["rounds_failed"] == 0
            assert not villager.offences


def active(made: Village) -> str:
    """Who holds the pen, as all see it that are at the same height."""
    seen = {one.host.active_sequencer() for one in made.villagers.values()}
    assert len(seen) == 1
    return next(one.name for one in made.villagers.values() if one.host.is_active)


async def test_a_killed_sequencer_is_replaced_and_joins_again(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(3)
        await made.until(lambda: len({one.head for one in made.villagers.values()}) == 1)
        name = active(made)
        victim = made.villagers[name]
        number = int(name.removeprefix("node-"))
        await made.leave(victim)
        height = max(one.head for one in made.villagers.values())
        await made.height(height + 4)
        assert same_chain(list(made.villagers.values()))
        assert all(one.story.counts["reselections"] == 1 for one in made.villagers.values())
        back = await made.enter(number)
        await made.until(lambda: back.head >= height + 4)
        voted = back.head + 3
        await made.until(lambda: back.story.counts["heights_decided"] > 0 and back.head > voted)
        assert same_chain(list(made.villagers.values()))
        assert not any(one.host.evidence for one in made.villagers.values())


async def test_a_yield_hands_over_without_a_failed_wait(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        await made.until(lambda: len({one.head for one in made.villagers.values()}) == 1)
        before = active(made)
        made.villagers[before].host.yield_turn()
        height = made.villagers[before].head
        await made.height(height + 3)
        await made.until(lambda: len({one.head for one in made.villagers.values()}) == 1)
        assert active(made) != before
        times = [
            one.story.tales[number].took_ms
            for one in made.villagers.values()
            for number in range(height + 1, height + 3)
        ]
        assert max(times) < TIMEOUTS["propose_ms"], "no propose time-out was waited for"


async def test_with_half_of_them_gone_the_chain_stops_and_goes_on_when_one_returns(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        repeated: list[Topic] = []

        def count(*carried: Any) -> bool:
            repeated.append(carried[2])
            return True

        made.cut = {"node-1", "node-2"}  # type: ignore[arg-type]
        made.filter = count
        await made.until(lambda: repeated.count(Topic.VOTES) >= 8)  # said again, to no avail
        stood = max(one.head for one in made.villagers.values())
        made.cut = {"node-1"}  # type: ignore[assignment]
        await made.height(stood + 2)
        made.cut = set()
        await made.height(stood + 4)
        assert same_chain(list(made.villagers.values()))


async def test_who_watches_follows_and_who_comes_late_catches_up(tmp_path: Path) -> None:
    async with village(tmp_path, 3) as made:
        watcher = await made.enter(None, name="watcher")
        await made.height(12)
        late = await made.enter(None, name="late")
        await made.until(lambda: late.head >= 12)
        assert late.story.counts["heights_taken"] >= 10
        assert same_chain([watcher, late, made.villagers["node-1"]])  # type: ignore[index]


async def test_all_killed_at_once_go_on_from_their_journals(tmp_path: Path) -> None:
    made = Village(tmp_path, 4)
    villagers = [await made.enter(number) for number in range(1, 5)]
    await made.height(3)
    for villager in villagers:
        await made.leave(villager)
    stood = min(one.head for one in villagers)
    villagers = [await made.enter(number) for number in range(1, 5)]
    await made.height(stood + 3)
    assert same_chain(villagers)
    assert not any(one.host.evidence for one in villagers)
    for villager in villagers:
        await made.leave(villager)


async def test_a_key_that_signs_elsewhere_stops_this_one(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        twin = await made.enter(1, name="twin")  # the same key on another machine, no history
        await made.until(lambda: bool(twin.host.stopped_signing), 30)
        assert "elsewhere" in twin.host.stopped_signing
        height = made.villagers["node-2"].head  # type: ignore[index]
        await made.height(height + 2)


async def test_connections_that_answer_nothing_are_made_anew(tmp_path: Path) -> None:
    """After a cut: messages come in and show that the others are ahead, but no request is heard."""
    async with village(tmp_path, 4) as made:
        await made.height(2)
        cut = PeerId("node-1")
        made.cut = {cut}
        others = [name for name in made.villagers if name != cut]
        height = max(made.villagers[name].head for name in others) + 6
        await made.height(height, 40)
        made.deaf = {(cut, other) for other in others}
        made.cut = set()
        await made.until(lambda: made.villagers[cut].head > height + 2, 60)
        assert len(made.deaf) < len(others)
        assert same_chain(list(made.villagers.values()))


async def test_a_name_server_that_is_silent_keeps_no_vote_back(tmp_path: Path) -> None:
    """Every thread of the loop's default pool waits, as in lookups of an L1 that is cut off."""
    loop, release = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(2)
    loop.set_default_executor(pool)
    lookups = [loop.run_in_executor(None, release.wait) for _ in range(4)]
    try:
        async with village(tmp_path, 4) as made:
            await made.height(3)
            release.set()
    finally:
        release.set()
        await asyncio.gather(*lookups)
