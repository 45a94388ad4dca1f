"""Epochs follow from the chain's own times and from L1, and are the same when computed again."""

from __future__ import annotations

import pytest

from metis_node.engine import epoch_book
from metis_node.engine.epoch_book import EpochBook
from metis_node.errors import Temporary
from metis_node.storage.memory import MemoryStore
from tests.fakes.l1_source import BLOCK_TIME_S, GENESIS_TIME
from tests.fakes.staking_l1 import StakingL1
from tests.unit.engine.test_staking_follower import Node, settle, started

LAG_S = 60
START_MS = (GENESIS_TIME + 600) * 1000


def time_of(head: int) -> epoch_book.TimeOf:
    return lambda number: START_MS + 1000 * number if number <= head else None


async def filled(l1: StakingL1) -> tuple[Node, EpochBook]:
    node = started(l1, MemoryStore())
    await settle(node)
    return node, book_of(node, head=1_000)


def book_of(node: Node, *, head: int) -> EpochBook:
    book = EpochBook(book=node.book, chain_id=7, origin_max_lag_s=LAG_S, time_of=time_of(head))
    node.follower.subscribe(book.on_step)
    return book


def staked_l1() -> StakingL1:
    """Stake from block 1 on, another sequencer at 20, nobody from 60 to 80."""
    l1 = StakingL1()
    for number in range(1, 200):
        l1.grow(1)
        if number == 1:
            l1.set_seat(1, 0, 50)
            l1.set_parameter("epochLength", 64)
        elif number == 20:
            l1.set_seat(2, 0, 70)
        elif number == 60:
            l1.set_seat(1, 0, 0)
            l1.set_seat(2, 0, 0)
        elif number == 80:
            l1.set_seat(2, 1, 30)
    return l1


async def test_epochs_follow_stake_with_the_lag_of_the_rules() -> None:
    node, book = await filled(staked_l1())
    newest = book.newest()
    assert newest is not None
    assert (newest.number, newest.start) == (14, 1_033)  # decided by block 969
    for number in range(1, 15):
        found = book.epoch(number)
        assert found is not None
        before = book.epoch(number - 1)
        assert before is not None
        assert found.start == before.start + before.length
        limit_s = (START_MS + 1000 * before.start) // 1000 - LAG_S
        newest_l1 = (limit_s - GENESIS_TIME) // BLOCK_TIME_S
        assert found.seed_block == newest_l1 // 4 * 4
        own = found.seed_block - 4
        seats = node.book.registry.validators_at(own)
        if seats:
            assert (found.stake_block, found.is_carried) == (own, False)
            assert sorted(v.sequencer_id for v in found.order) == [v.sequencer_id for v in seats]
        else:
            assert found.is_carried
            assert found.order
            assert found.stake_block == before.stake_block
    carried = [n for n in range(15) if (e := book.epoch(n)) is not None and e.is_carried]
    assert carried  # nobody was there between L1 blocks 60 and 80, or at G


async def test_an_epoch_is_the_same_when_it_is_computed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, book = await filled(staked_l1())
    first = [book.epoch(number) for number in range(15)]
    monkeypatch.setattr(epoch_book, "MAX_CACHED", 1)
    again = book_of(node, head=1_000)
    again.newest()
    assert [again.epoch(number) for number in range(15)] == first


async def test_what_is_not_decided_yet_is_not_told() -> None:
    node, _ = await filled(staked_l1())
    young = book_of(node, head=220)
    assert young.epoch(2) is not None  # begins at 265, decided by block 201
    assert young.epoch(3) is None
    short = staked_l1()
    del short.headers[40:]
    slow = started(short, MemoryStore())
    await settle(slow)
    assert book_of(slow, head=1_000).epoch(2) is None  # L1 has not come that far


async def test_an_l1_reorganisation_takes_epochs_back() -> None:
    l1 = staked_l1()
    del l1.headers[70:]
    node, book = await filled(l1)
    newest = book.newest()
    assert newest is not None
    await node.book.undo_to(node.book.marks()[6], 0)
    book.on_step()
    after = book.newest()
    assert after is not None
    assert after.seed_block <= node.book.cursor.number
    assert after.number < newest.number


async def test_a_long_chain_is_computed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch_book, "MAX_STEPS", 3)
    _, book = await filled(staked_l1())
    with pytest.raises(Temporary, match="3 epochs are computed so far: ask again"):
        book.epoch(10)
    with pytest.raises(Temporary):
        book.epoch(10)
    with pytest.raises(Temporary):
        book.epoch(10)
    assert book.epoch(10) is not None
