"""A chain with validators, from batches alone: the same blocks with the same hashes, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from metis_node.batching.channel import decode_channel
from metis_node.batching.derivation import Found
from metis_node.batching.effects import EncodeChannel
from metis_node.chain.blockchain import Blockchain
from metis_node.chain.queries import Queries
from metis_node.engine.block_bodies import carried_block
from metis_node.engine.chain_epochs import ChainEpochs, chain_epochs
from metis_node.engine.channel_maker import make_channel, span_batch
from metis_node.engine.committer import Committer
from metis_node.engine.derived_chain import DerivedChain
from metis_node.engine.heads import Heads
from metis_node.errors import InvalidBatch, Temporary
from metis_node.staking.epochs import Epoch
from metis_node.storage.memory import MemoryStore
from metis_node.types.batches import BatchBlock, SpanBatch
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Hash32
from tests import chains
from tests.integration.test_sequenced_chain import play
from tests.sequenced import LENGTH, SequencedChain

L1_BLOCK = 10_000
LAST = 2 * LENGTH + 10


class Origins:
    """The L1 that `chains.l1_origin` speaks of."""

    async def header(self, block: int | str) -> L1Header | None:
        assert isinstance(block, int)
        origin = chains.l1_origin(block)
        return L1Header(
            number=block,
            hash=origin.hash,
            parent_hash=Hash32(bytes(32)),
            timestamp=origin.timestamp,
            base_fee_per_gas=origin.base_fee_per_gas,
            excess_blob_gas=0,
            prev_randao=origin.prev_randao,
        )

    async def payloads(self, header: L1Header) -> list[bytes]:
        raise AssertionError(f"nobody reads the inbox of {header.number}")


@asynccontextmanager
async def replica_of(
    it: SequencedChain, *, follows_stake: bool = True
) -> AsyncIterator[tuple[Blockchain, DerivedChain]]:
    chain = Blockchain.initialise(MemoryStore(), it.chain.genesis_file)
    epochs = chain_epochs(chain)
    if not follows_stake:
        epochs = ChainEpochs(blockchain=chain, plan=None)
    committer = Committer(blockchain=chain, mempool=None, heads=Heads(), epochs=epochs)
    derived = DerivedChain(
        source=Origins(), committer=committer, queries=Queries(chain), may_import=True
    )
    yield chain, derived
    await committer.aclose()


@pytest.fixture(scope="module")
def it() -> SequencedChain:
    made = SequencedChain.new()
    play(made, last=LAST)
    return made


def found(batch: SpanBatch) -> Found:
    return Found(l1_block=L1_BLOCK, channel_id=bytes(16), batch=batch)


def posted(it: SequencedChain, first: int, last: int) -> SpanBatch:
    """Through compression and back."""
    order = EncodeChannel(first=first, last=last, max_raw_bytes=1 << 20)
    made = make_channel(Queries(it.chain), it.chain.rules, order)
    return decode_channel(made.channel.data, chain_id=it.chain.rules.chain_id)


@pytest.mark.parametrize("follows_stake", [True, False], ids=["followed", "told by the batch"])
@pytest.mark.parametrize("cut", [LENGTH - 1, LENGTH, LENGTH + 3])
async def test_the_same_blocks_come_out(it: SequencedChain, cut: int, follows_stake: bool) -> None:
    async with replica_of(it, follows_stake=follows_stake) as (chain, derived):
        await derived.apply(found(posted(it, 1, cut)))
        assert chain.head.number == cut
        await derived.apply(found(posted(it, cut + 1, LAST)))
        assert chain.head == it.chain.head
        mine, own = Queries(chain), Queries(it.chain)
        for number in range(1, LAST + 1):
            assert mine.transactions(number) == own.transactions(number)


async def test_blocks_that_are_there_are_compared(it: SequencedChain) -> None:
    batch = posted(it, 1, LAST)
    async with replica_of(it) as (_chain, derived):
        await derived.apply(found(batch))
        for block in (batch.blocks[5], batch.blocks[LENGTH]):
            derived.safe = 0
            with pytest.raises(InvalidBatch, match=r"another block .* of the same hash"):
                await derived.apply(found(changed(batch, replace(block, participation=(1,)))))
        derived.safe = 0
        await derived.apply(found(batch))


def changed(batch: SpanBatch, other: BatchBlock) -> SpanBatch:
    index = other.number - batch.first
    blocks = (*batch.blocks[:index], other, *batch.blocks[index + 1 :])
    return replace(batch, blocks=blocks)


def changes_of(block: BatchBlock) -> list[BatchBlock]:
    """What a batch carries of stake, builder and votes, each changed."""
    assert block.participation is not None
    every = [
        replace(block, participation=()),
        replace(block, participation=(*block.participation, 1)),
        replace(block, participation=(1 << 4,)),
        replace(block, participation=(1,) * 9),
        replace(block, participation=None),
        replace(block, builder_index=(block.builder_index + 1) % 4),
        replace(block, builder_index=4),
        replace(block, epoch=block.epoch + 1),
        replace(block, stake_block=1),
    ]
    opening = block.opening
    if opening is None:
        return every
    return [
        *every,
        replace(block, opening=None),
        replace(block, opening=replace(opening, length=LENGTH + 1)),
        replace(block, opening=replace(opening, length=5)),
        replace(block, opening=replace(opening, version=2)),
        replace(block, opening=replace(opening, epoch=opening.epoch + 1)),
        replace(block, opening=replace(opening, order=tuple(reversed(opening.order)))),
    ]


@pytest.mark.parametrize("follows_stake", [True, False], ids=["followed", "told by the batch"])
@pytest.mark.parametrize("number", [7, LENGTH, LENGTH + 1])
async def test_what_a_batch_says_of_stake_and_votes_counts(
    it: SequencedChain, number: int, follows_stake: bool
) -> None:
    """Nothing of a changed block is imported; the right one is, after it."""
    queries = Queries(it.chain)
    rules = it.chain.rules
    blocks = [carried_block(queries, rules, height) for height in range(1, number + 1)]
    good = span_batch(queries, blocks)
    assert (blocks[-1].opening is not None) == (number == LENGTH + 1)
    async with replica_of(it, follows_stake=follows_stake) as (chain, derived):
        for other in changes_of(blocks[-1]):
            with pytest.raises(InvalidBatch):
                await derived.apply(found(changed(good, other)))
            assert chain.head.number == number - 1
        await derived.apply(found(good))
        assert chain.head.number == number


async def test_an_opening_where_no_epoch_begins_is_refused(it: SequencedChain) -> None:
    queries, rules = Queries(it.chain), it.chain.rules
    blocks = [carried_block(queries, rules, height) for height in range(1, 4)]
    good = span_batch(queries, blocks)
    async with replica_of(it) as (chain, derived):
        with pytest.raises(InvalidBatch, match="opens an epoch where none begins"):
            await derived.apply(found(changed(good, replace(blocks[2], opening=blocks[0].opening))))
        assert chain.head.number == 2


async def test_an_epoch_that_stake_has_not_decided_yet_is_waited_for(it: SequencedChain) -> None:
    class Nothing:
        def after(self, previous: Epoch | None) -> None:
            del previous

    async with replica_of(it, follows_stake=False) as (chain, derived):
        epochs = derived._committer.epochs
        assert isinstance(epochs, ChainEpochs)
        epochs.follow(Nothing())
        with pytest.raises(Temporary, match="the epoch of block 1 is not decided"):
            await derived.apply(found(posted(it, 1, 3)))
        assert chain.head.number == 0


async def test_a_validator_behind_its_batches_waits_for_its_peers(it: SequencedChain) -> None:
    """It was down or frozen: L1 is ahead of it until block sync has brought what is missing."""
    batch = posted(it, 1, 6)
    async with replica_of(it) as (chain, block_sync):
        watcher = DerivedChain(
            source=Origins(),
            committer=block_sync._committer,
            queries=Queries(chain),
            may_import=False,
            has_peers=True,
        )
        for number in (0, 4):
            if number:
                await block_sync.apply(found(posted(it, 1, number)))
            with pytest.raises(Temporary, match=f"the chain here ends at {number}: peers have"):
                await watcher.apply(found(batch))
            assert (watcher.safe, chain.head.number) == (number, number)
        await block_sync.apply(found(batch))
        await watcher.apply(found(batch))
        assert watcher.safe == 6
