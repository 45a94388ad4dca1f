"""From blocks to batches on a real L1, and back to the same chain from that L1 alone."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from metis_node.batching.derivation import Found
from metis_node.chain.blockchain import Blockchain
from metis_node.chain.queries import Queries
from metis_node.engine.batch_index import BatchIndex
from metis_node.engine.batch_scanner import BatchScanner
from metis_node.engine.block_bodies import carried_block
from metis_node.engine.channel_maker import span_batch
from metis_node.engine.committer import Committer
from metis_node.engine.derived_chain import DerivedChain
from metis_node.engine.heads import Heads
from metis_node.errors import Fatal, InvalidBatch, Temporary
from metis_node.l1.publisher import DataMode
from metis_node.storage.memory import MemoryStore
from metis_node.types.batches import BatchBlock
from metis_node.types.primitives import Address, Hash32
from tests.integration.l1.anvil import Anvil, account, eventually, running_anvil
from tests.integration.l1.rollup import (
    CALLED,
    INBOX,
    POLICY,
    genesis_on,
    reader_on,
    rollup_on,
    sync_from,
)
from tests.mixed_transactions import mixed_transactions
from tests.sequenced import LENGTH, static_set


@pytest.fixture
async def anvil() -> AsyncIterator[Anvil]:
    async with running_anvil("--slots-in-an-epoch", "1") as l1:
        await l1.mine(2)
        yield l1


@pytest.mark.parametrize("mode", ["calldata", "blobs"])
async def test_a_chain_is_rebuilt_from_l1_alone(anvil: Anvil, mode: DataMode) -> None:
    """Mixed transactions, the submitter killed and started again between, both kinds of data."""
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    raws = mixed_transactions(CALLED)
    for round_number in range(3):
        async with rollup_on(anvil, chain, mode=mode) as rollup:
            for _ in range(5):
                await rollup.make_block(list(itertools.islice(raws, 150)))
                await rollup.make_block()
                await anvil.mine()
            if round_number < 2:
                await rollup.kill("host")  # whatever it was doing
            else:
                await rollup.until_safe(chain.head.number)
                await anvil.mine(4)
    report, rebuilt = await sync_from(anvil, genesis)
    assert rebuilt.head.hash == chain.head.hash
    assert report.head == 30
    assert report.batches >= 2
    assert rebuilt.safe_number == 30


async def test_a_chain_with_validators_is_rebuilt_from_l1_alone(anvil: Anvil) -> None:
    """Over the opening of an epoch, with the submitter killed before it."""
    genesis = await genesis_on(anvil, consensus=static_set(4))
    chain = Blockchain.initialise(MemoryStore(), genesis)
    raws = mixed_transactions(CALLED)
    for blocks in (LENGTH - 1, 12):
        async with rollup_on(anvil, chain) as rollup:
            for number in range(blocks):
                await rollup.make_block(list(itertools.islice(raws, 3)))
                if number % 8 == 0:
                    await anvil.mine()
            if blocks == 12:
                await rollup.until_safe(chain.head.number)
            else:
                await rollup.kill("host")
    report, rebuilt = await sync_from(anvil, genesis)
    assert report.head == LENGTH + 11
    assert rebuilt.head.hash == chain.head.hash


async def test_a_rebuild_that_was_interrupted_goes_on(anvil: Anvil) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    store = MemoryStore()
    raws = mixed_transactions(CALLED)
    async with rollup_on(anvil, chain) as rollup:
        for _ in range(4):
            await rollup.make_block(list(itertools.islice(raws, 20)))
        await rollup.until_safe(4)
        Blockchain.initialise(store, genesis)
        first, _ = await sync_from(anvil, genesis, store=store)
        assert first.head == 4
        for _ in range(4):
            await rollup.make_block(list(itertools.islice(raws, 20)))
        await rollup.until_safe(8)
    second, rebuilt = await sync_from(anvil, genesis, store=store)
    assert second.head_hash == chain.head.hash
    assert second.batches < first.batches + 3
    assert second.skipped.get("batch", 0) == 0  # the cursor spares it what it has read
    again, _ = await sync_from(anvil, genesis, store=store)
    assert again.head_hash == rebuilt.head.hash


async def test_a_submitter_killed_between_sending_and_confirming_leaves_no_gap(
    anvil: Anvil,
) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    async with rollup_on(anvil, chain) as rollup:
        await rollup.make_block()
        await anvil.wait_for_pool(1)
        await rollup.kill("sender")
        await rollup.kill("host")
    async with rollup_on(anvil, chain) as rollup:
        await rollup.make_block()
        await rollup.until_safe(2)
    report, rebuilt = await sync_from(anvil, genesis)
    assert rebuilt.head.hash == chain.head.hash
    assert report.skipped == {}


async def test_an_l1_reorganisation_that_takes_batches_away_is_mended(anvil: Anvil) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    async with rollup_on(anvil, chain, confirmations=8) as rollup:
        await anvil.mine(10)
        for _ in range(3):
            await rollup.make_block()
        await rollup.until_safe(3)
        await anvil.rpc("anvil_reorg", 4, [])

        async def is_taken_away() -> bool:
            rollup.check_tasks()
            await anvil.mine()
            return rollup.batches.safe < 3

        await eventually(is_taken_away)
        await rollup.until_safe(3)
    _, rebuilt = await sync_from(anvil, genesis)
    assert rebuilt.head.hash == chain.head.hash


async def test_an_l1_reorganisation_below_an_origin_in_use_stops_the_node(anvil: Anvil) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    async with rollup_on(anvil, chain) as rollup:
        await anvil.mine(3)
        await rollup.follower.changed(0)
        await rollup.make_block()
        await anvil.rpc("anvil_reorg", 4, [])
        with pytest.raises(Fatal, match="below an origin in use"):
            await rollup.tasks.pop("follower")
    async with rollup_on(anvil, chain) as again:
        with pytest.raises(Fatal, match=r"l1\.endpoints"):
            await again.tasks.pop("follower")


async def test_safe_and_finalized_follow_the_batches(anvil: Anvil) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    async with rollup_on(anvil, chain) as rollup:
        await rollup.make_block()
        await rollup.make_block()
        assert (chain.safe_number, chain.finalized_number) == (0, 0)
        await rollup.until_safe(2)
        assert chain.safe_number == 2

        async def is_final() -> bool:
            await anvil.mine()
            return chain.finalized_number == 2

        await eventually(is_final)
        found = BatchIndex(chain.store).find(1)
        assert found is not None
        assert (found.first, found.last) in ((1, 1), (1, 2))
        assert BatchIndex(chain.store).find(3) is None


async def test_junk_in_the_inbox_is_counted_and_harms_nothing(anvil: Anvil) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    for data in ("0x", "0xff", "0x01" + "00" * 40):
        junk = {"from": account().address, "to": INBOX, "data": data}
        await anvil.rpc("eth_sendTransaction", junk)
    stranger = {"from": account(1).address, "to": INBOX, "data": "0xff"}
    await anvil.rpc("eth_sendTransaction", stranger)
    await anvil.mine()
    async with rollup_on(anvil, chain) as rollup:
        await rollup.make_block()
        await rollup.until_safe(1)
        assert rollup.scanner.skipped == {"payload": 3}
    report, rebuilt = await sync_from(anvil, genesis)
    assert rebuilt.head.hash == chain.head.hash
    assert report.skipped == {"payload": 3}


async def test_a_sequencer_behind_its_batches_is_told_to_catch_up(anvil: Anvil) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    async with rollup_on(anvil, chain) as rollup:
        await rollup.make_block()
        await rollup.until_safe(1)
    empty = Blockchain.initialise(MemoryStore(), genesis)
    async with rollup_on(anvil, empty) as behind:
        with pytest.raises(Fatal, match="sync --from l1"):
            await behind.tasks.pop("batches")


async def test_blobs_that_are_gone_are_named_with_the_remedy(anvil: Anvil) -> None:
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    async with rollup_on(anvil, chain, mode="blobs") as rollup:
        await rollup.make_block()
        await rollup.until_safe(1)
    replica = Blockchain.initialise(MemoryStore(), genesis)
    committer = Committer(blockchain=replica, mempool=None, heads=Heads())
    async with reader_on(anvil, blob_urls=()) as (_client, reader, _cache):
        derived = DerivedChain(
            source=reader, committer=committer, queries=Queries(replica), may_import=True
        )
        scanner = BatchScanner(
            source=reader, chain=derived, index=BatchIndex(replica.store), rules=genesis.rules
        )
        head = await reader.header("latest")
        assert head is not None
        with pytest.raises(Temporary, match="blob archive"):
            await scanner.advance(head.number)
    await committer.aclose()


def changes_of(block: BatchBlock) -> list[BatchBlock]:
    """One changed copy for each carried field of a block."""
    raws = block.transactions
    return [
        replace(block, time_ms=block.time_ms + 1),
        replace(block, time_ms=block.time_ms - 1),
        replace(block, origin_number=block.origin_number + 1),
        replace(block, origin_number=block.origin_number - 1),
        replace(block, origin_number=10**6),
        replace(block, beneficiary=Address(b"\x01" * 20)),
        replace(block, builder_index=1),
        replace(block, epoch=1),
        replace(block, stake_block=1),
        replace(block, gas_limit=block.gas_limit - 1),
        replace(block, check=b"nope"),
        replace(block, transactions=raws[1:]),
        replace(block, transactions=(raws[1], raws[0], *raws[2:])),
        replace(block, transactions=(*raws, raws[0])),
        replace(block, transactions=(raws[0][:-1] + bytes([raws[0][-1] ^ 1]), *raws[1:])),
        replace(block, transactions=(*raws, b"\x7e\xc0")),
        replace(block, transactions=(*raws, b"junk")),
    ]


async def test_every_carried_field_counts(anvil: Anvil) -> None:
    """A batch with any field changed is refused before the changed block is imported."""
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    raws = mixed_transactions(CALLED)
    async with rollup_on(anvil, chain, policy=replace(POLICY, max_age_ms=10**9)) as rollup:
        for _ in range(3):
            version = rollup.follower.version
            await anvil.mine()
            await rollup.follower.changed(version)
            await rollup.make_block(list(itertools.islice(raws, 12)))
        blocks = [carried_block(rollup.queries, rollup.chain.rules, number) for number in (1, 2, 3)]
        good = span_batch(rollup.queries, blocks)
    changed = [
        replace(good, blocks=(blocks[0], other, blocks[2])) for other in changes_of(blocks[1])
    ]
    changed += [
        replace(good, parent_check=bytes(20)),
        replace(good, last_hash=Hash32(bytes(32))),
        replace(good, last_hash=Hash32(good.last_hash[:-1] + b"\0")),
        replace(good, blocks=tuple(replace(b, number=b.number + 1) for b in blocks)),
    ]
    async with reader_on(anvil) as (_client, reader, _cache):
        for batch in [*changed, good]:
            replica = Blockchain.initialise(MemoryStore(), genesis)
            committer = Committer(blockchain=replica, mempool=None, heads=Heads())
            derived = DerivedChain(
                source=reader, committer=committer, queries=Queries(replica), may_import=True
            )
            found = Found(l1_block=50, channel_id=bytes(16), batch=batch)
            if batch is good:
                await derived.apply(found)
                assert replica.head.hash == chain.head.hash
            else:
                with pytest.raises((InvalidBatch, Temporary)):
                    await derived.apply(found)
                head = replica.head
                assert head.number <= 2
                own = rollup.queries.header_by_number(head.number)
                assert own is not None
                assert head.hash == own.hash
            await committer.aclose()
