"""The epochs of a staked set: stake decides who, participation who goes behind, and the chain keeps
what was decided."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from metis_node.chain import block_store
from metis_node.chain.blockchain import Blockchain
from metis_node.codec.extra_data import header_time_ms
from metis_node.engine.chain_epochs import ChainEpochs, chain_epochs
from metis_node.engine.committer import Committer
from metis_node.engine.epoch_book import EpochBook
from metis_node.engine.heads import Heads
from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.staking_book import StakingBook
from metis_node.engine.staking_follower import StakingFollower
from metis_node.errors import Temporary
from metis_node.staking.seeds import SeedBlock
from metis_node.storage.memory import MemoryStore
from metis_node.types.blocks import BlockRef
from metis_node.types.primitives import ZERO_HASH
from tests import chains
from tests.fakes.manual_clock import ManualClock
from tests.fakes.staking_l1 import StakingL1
from tests.sequenced import LENGTH, SequencedChain
from tests.unit.engine.test_staking_follower import DEPTH, INTERVAL, SOURCE, Node, settle

LAG_S = 60
FIRST = 4  # the L1 block G
STAKING = {
    "staking": {
        "locking_pool": "0x" + SOURCE.pool.hex(),
        "network_parameters": "0x" + SOURCE.parameters.hex(),
        "first_block": 1,
    }
}


@dataclass
class Staked:
    it: SequencedChain
    l1: StakingL1
    node: Node
    book: EpochBook

    async def grow(self, blocks: int) -> None:
        """The L1."""
        self.l1.grow(blocks)
        await settle(self.node)


def new_chain() -> Blockchain:
    return chains.new_blockchain(consensus=STAKING, origin_max_lag_s=LAG_S * 1_000)


def follow(chain: Blockchain, node: Node) -> EpochBook:
    def time_of(number: int) -> int | None:
        if number > chain.head.number:
            return None
        return header_time_ms(block_store.require_header(chain.store, number).header)

    book = EpochBook(
        book=node.book, chain_id=chain.rules.chain_id, origin_max_lag_s=LAG_S, time_of=time_of
    )
    node.follower.subscribe(book.on_step)
    return book


async def staked(l1_blocks: int = 60) -> Staked:
    """Four sequencers from L1 block 2 on, a fifth from 9 on, the first gone from 14 on."""
    l1 = StakingL1()
    for number in range(1, l1_blocks):
        l1.grow(1)
        if number == 2:
            for sequencer_id in range(1, 5):
                l1.set_seat(sequencer_id, 0, 50 + sequencer_id)
            l1.set_parameter("epochLength", LENGTH)
        elif number == 9:
            l1.set_seat(5, 0, 70)
        elif number == 14:
            l1.set_seat(1, 0, 0)
    first = l1.headers[FIRST]
    genesis = SeedBlock(number=FIRST, timestamp=first.timestamp, prev_randao=first.prev_randao)
    book = StakingBook(
        MemoryStore(), source=SOURCE, genesis=genesis, seed_interval=INTERVAL, dense_marks=DEPTH
    )
    anchor = BlockRef(number=0, hash=ZERO_HASH)
    follower = L1Follower(source=l1, clock=ManualClock(0), anchor=anchor)
    staking = StakingFollower(l1=follower, source=l1, logs=l1, book=book, reorg_depth=DEPTH)
    node = Node(follower=staking, l1=follower)
    await settle(node)
    chain = new_chain()
    it = SequencedChain.on(chain)
    plan = follow(chain, node)
    it.epochs.follow(plan)
    return Staked(it, l1, node, plan)


async def test_the_set_is_that_of_the_stake_block_and_its_order_that_of_participation() -> None:
    world = await staked()
    it = world.it
    seen = []
    for _ in range(8):
        epoch = it.window.current
        planned = world.book.epoch(epoch.number)
        assert planned is not None
        seen.append(epoch)
        assert (epoch.stake_block, epoch.seed) == (planned.stake_block, planned.seed)
        seats = world.node.book.registry.validators_at(epoch.stake_block)
        assert sorted(v.sequencer_id for v in epoch.order) == [v.sequencer_id for v in seats]
        assert epoch == it.epochs.newest()
        for number in range(epoch.start, epoch.end + 1):
            it.extend(steps=int(number % 10 == 0), participation=it.votes(silent={3}))
        assert it.epochs.epoch(epoch.number) == epoch
    assert [len(epoch.order) for epoch in seen] == [4, 4, 4, 4, 4, 5, 4, 4]
    for epoch in seen[1:]:
        planned = world.book.epoch(epoch.number)
        assert planned is not None
        behind = {3, 5} if epoch.number == 5 else {3}  # who is new has not shown that it runs
        order = [v.sequencer_id for v in planned.order]
        expected = [i for i in order if i not in behind] + [i for i in order if i in behind]
        assert [v.sequencer_id for v in epoch.order] == expected


async def test_a_restarted_node_tells_the_same_and_needs_no_l1_for_what_has_begun() -> None:
    world = await staked()
    it = world.it
    for _ in range(5 * LENGTH):
        it.extend(participation=it.votes(silent={2}))
    known = [it.epochs.epoch(number) for number in range(7)]
    chain = Blockchain.open(it.chain.store)
    again = chain_epochs(chain)
    assert again is not None
    assert not again.has_plan
    told = [again.epoch(number) for number in range(5)]
    assert [epoch and (epoch.start, epoch.order, epoch.stake_block) for epoch in told] == [
        epoch and (epoch.start, epoch.order, epoch.stake_block) for epoch in known[:5]
    ]
    assert again.epoch(5) is None
    assert again.epoch_of(5 * LENGTH + 1) is None
    again.follow(follow(chain, world.node))
    assert [again.epoch(number) for number in range(7)] == known
    assert known[5] is not None


async def test_an_epoch_waits_for_the_l1_blocks_that_decide_it() -> None:
    """K of epoch 2 is known once L1 shows a block later than 5 s after the chain's start."""
    world = await staked(l1_blocks=16)
    it = world.it
    while it.epochs.window_of(it.chain.head.number + 1) is not None:
        it.extend()
    waiting = it.chain.head.number
    assert waiting % LENGTH == 0
    header, transactions = b"", []
    committer = Committer(blockchain=it.chain, mempool=None, heads=Heads(), epochs=it.epochs)
    with pytest.raises(Temporary, match=f"the epoch of block {waiting + 1} is not decided"):
        await committer.commit_block(header, transactions)
    await world.grow(20)
    assert it.window.current.start == waiting + 1
    sealed = it.sealed()
    assert (await committer.commit_block(*sealed)).number == waiting + 1
    await committer.aclose()


async def test_a_chain_whose_contracts_are_not_known_yet_has_no_epoch() -> None:
    epochs = chain_epochs(new_chain())
    assert epochs is not None
    assert (epochs.newest(), epochs.epoch(0), epochs.window_of(1)) == (None, None, None)


async def test_without_any_stake_no_epoch_begins() -> None:
    world = await staked()
    bare = StakingL1(blocks=40)
    first = bare.headers[0]
    genesis = SeedBlock(number=0, timestamp=first.timestamp, prev_randao=first.prev_randao)
    book = StakingBook(
        MemoryStore(), source=SOURCE, genesis=genesis, seed_interval=INTERVAL, dense_marks=DEPTH
    )
    anchor = BlockRef(number=0, hash=ZERO_HASH)
    follower = L1Follower(source=bare, clock=ManualClock(0), anchor=anchor)
    staking = StakingFollower(l1=follower, source=bare, logs=bare, book=book, reorg_depth=DEPTH)
    await settle(Node(follower=staking, l1=follower))
    chain = new_chain()
    epochs = ChainEpochs(blockchain=chain, plan=None)
    epochs.follow(follow(chain, Node(follower=staking, l1=follower)))
    assert epochs.epoch(0) is None
    assert world.it.epochs.epoch(0) is not None


async def test_the_next_epoch_is_computed_from_the_last_one_alone() -> None:
    """Not from the start: a chain of a year has a hundred thousand."""
    world = await staked()
    it = world.it
    it.run(4 * LENGTH)
    asked: list[int] = []
    fresh = follow(it.chain, world.node)
    time_of = fresh._time_of
    fresh._time_of = lambda number: asked.append(number) or time_of(number)  # type: ignore[func-returns-value]
    again = ChainEpochs(blockchain=it.chain, plan=fresh)
    assert again.epoch(4) == it.epochs.epoch(4)
    assert set(asked) == {2 * LENGTH + 1, 3 * LENGTH + 1}
