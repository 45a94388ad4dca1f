"""Block production in virtual time over the real engine: cadence, origins, turns, offenders."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from metis_node.chain.blockchain import Blockchain
from metis_node.codec.extra_data import decode_extra_data, header_time_ms
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.block_producer import BlockProducer
from metis_node.errors import InvalidBlock
from metis_node.storage.memory import MemoryStore
from tests import chains, factories
from tests.chains import BENEFICIARY, L1_START, new_blockchain, transfer
from tests.unit.engine.nodes import running_node

GENESIS_MS = factories.GENESIS_TIME * 1000


async def test_blocks_come_at_the_block_time_even_when_empty() -> None:
    async with running_node() as node:
        made = [await node.next_block() for _ in range(4)]
        times = [header_time_ms(block.sealed.header) - GENESIS_MS for block in made]
        assert times == [1_000, 2_000, 3_000, 4_000]
        assert [len(block.prepared.transaction_hashes) for block in made] == [1, 1, 1, 1]
        assert made[0].sealed.header.beneficiary == BENEFICIARY


async def test_blocks_below_a_second_have_milliseconds() -> None:
    async with running_node(block_time_ms=200) as node:
        made = [await node.next_block() for _ in range(6)]
        times = [header_time_ms(block.sealed.header) - GENESIS_MS for block in made]
        assert times == [200, 400, 600, 800, 1_000, 1_200]


async def test_transactions_are_included_best_price_first() -> None:
    async with running_node() as node:
        raws = [transfer(0, 0, max_priority_fee_per_gas=1)]
        raws += [transfer(3, n, max_priority_fee_per_gas=5) for n in range(2)]
        await node.intake.submit_many(raws)
        block = await node.next_block()
        hashes = [tx.hash for tx in chains.decode(raws)]
        assert block.prepared.transaction_hashes[1:] == [hashes[1], hashes[2], hashes[0]]
        assert len(node.mempool) == 0
        await node.clock.waiting()
        report = node.reports[0]
        assert (report.number, report.transactions, report.candidates) == (1, 3, 3)


async def test_a_late_timer_does_not_move_the_cadence() -> None:
    async with running_node() as node:
        await node.next_block()
        due = await node.clock.waiting()
        following = asyncio.ensure_future(node.heads.next())
        await asyncio.sleep(0)
        node.clock.move_to_ms(due + 300)
        late = await following
        assert header_time_ms(late.sealed.header) == due
        assert await node.clock.waiting() == due + 1_000


async def test_after_a_pause_the_clock_is_stamped() -> None:
    async with running_node() as node:
        due = await node.clock.waiting()
        following = asyncio.ensure_future(node.heads.next())
        await asyncio.sleep(0)
        node.clock.move_to_ms(due + 60_500)
        block = await following
        assert header_time_ms(block.sealed.header) == due + 60_500
        assert await node.clock.waiting() == due + 61_500


async def test_blocks_follow_the_l1_origin() -> None:
    async with running_node() as node:
        first = await node.next_block()
        node.origins.show(L1_START + 5)
        second = await node.next_block()
        node.origins.show(L1_START + 2)  # an L1 that went back
        third = await node.next_block()
        numbers = [
            decode_extra_data(block.sealed.header.extra_data).origin_number
            for block in (first, second, third)
        ]
        assert numbers == [L1_START, L1_START + 5, L1_START + 5]
        assert second.sealed.header.mix_hash == chains.l1_origin(L1_START + 5).prev_randao


async def test_the_chain_waits_for_a_young_enough_origin() -> None:
    async with running_node(origin_max_lag_s=10) as node:
        node.origins._lag_s = 10
        due = await node.clock.waiting()
        following = asyncio.ensure_future(node.heads.next())
        await asyncio.sleep(0)
        node.clock.move_to_ms(due + 100_000)
        for _ in range(5):
            await asyncio.sleep(0)
        assert node.blockchain.head.number == 0
        node.origins.show(L1_START + 8)
        block = await following
        assert decode_extra_data(block.sealed.header.extra_data).origin_number == L1_START + 8


class Turns:
    """Leadership that a test hands over."""

    def __init__(self) -> None:
        self.mine = False
        self._changed = asyncio.Event()

    def is_proposer(self, height: int) -> bool:
        return self.mine and height > 0

    async def changed(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def give(self) -> None:
        self.mine = True
        self._changed.set()


async def test_only_the_proposer_builds() -> None:
    turns = Turns()
    async with running_node(leadership=turns) as node:
        foreign = chains.sealed_block(node.blockchain)
        await node.committer.commit_block(*foreign)
        assert node.reports == []
        turns.give()
        block = await node.next_block()
        assert block.number == 2


async def test_what_no_block_can_hold_is_dropped_and_reported() -> None:
    """A transaction that became invalid for good while it waited: above Osaka's gas cap."""
    forks = [
        {"timestamp": 0, "name": "prague"},
        {"timestamp": factories.GENESIS_TIME + 1, "name": "osaka"},
    ]
    async with running_node(forks=forks) as node:
        big = transfer(0, 0, gas_limit=(1 << 24) + 1)
        await node.intake.submit_many([big, transfer(3, 0)])
        block = await node.next_block()
        assert len(block.prepared.transaction_hashes) == 2
        await node.clock.waiting()
        assert [o.transaction_hash for o in node.offences] == [chains.decode([big])[0].hash]
        assert "transaction gas limit too high" in node.offences[0].reason
        assert len(node.mempool) == 0


class Poisoned(Blockchain):
    """A chain whose verification refuses blocks with one transaction: as a fault of the engine that
    shows only when a block is executed again."""

    poison = b""

    def arm(self, poison: bytes) -> None:
        self.poison = poison
        self.engine = _PoisonedEngine(self.engine, poison)  # type: ignore[assignment]


class _PoisonedEngine:
    """The real engine, but for `verify` of the poison."""

    def __init__(self, engine: Any, poison: bytes) -> None:
        self._engine = engine
        self._poison = poison

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def verify(self, header: bytes, transactions: list[Any]) -> Any:
        if any(not isinstance(tx, bytes) and tx.hash == self._poison for tx in transactions):
            raise InvalidBlock("the state root differs")
        return self._engine.verify(header, transactions)


@pytest.mark.parametrize("place", [0, 3, 6])
async def test_an_offender_is_found_dropped_and_the_chain_goes_on(place: int) -> None:
    chain = Poisoned.initialise(MemoryStore(), chains.new_genesis())
    assert isinstance(chain, Poisoned)
    async with running_node(chain) as node:
        raws = [transfer(n, 0, max_priority_fee_per_gas=100 - n) for n in range(7)]
        hashes = [tx.hash for tx in chains.decode(raws)]
        chain.arm(hashes[place])
        await node.intake.submit_many(raws)
        refused = await node.next_block()
        assert len(refused.prepared.transaction_hashes) == 1  # empty, in time
        block = await node.next_block()
        expected = [h for n, h in enumerate(hashes) if n != place]
        assert block.prepared.transaction_hashes[1:] == expected
        assert [o.transaction_hash for o in node.offences] == [hashes[place]]
        assert node.offences[0].reason == "the state root differs"


async def test_an_empty_block_that_does_not_verify_stops_the_producer() -> None:
    async with running_node(produce=False) as node:
        chain = node.blockchain

        class Broken(_PoisonedEngine):
            def verify(self, header: bytes, transactions: list[Any]) -> Any:  # noqa: ARG002
                raise InvalidBlock("the receipts root differs")

        chain.engine = Broken(chain.engine, b"")  # type: ignore[assignment]
        with pytest.raises(InvalidBlock, match="receipts root"):
            await node.producer.produce()


async def test_a_block_is_not_built_past_its_size() -> None:
    async with running_node(max_block_bytes=1_500) as node:
        await node.intake.submit_many([transfer(0, n) for n in range(30)])
        first = await node.next_block()
        second = await node.next_block()
        counts = [len(b.prepared.transaction_hashes) - 1 for b in (first, second)]
        assert 5 <= counts[0] < 30
        assert counts[1] >= 5


async def test_a_chain_with_system_transactions_needs_origins() -> None:
    async with running_node(produce=False) as node:
        with pytest.raises(ValueError, match="source of L1 origins"):
            BlockProducer(
                leadership=Turns(),
                builder=BlockBuilder(
                    blockchain=node.blockchain,
                    committer=node.committer,
                    mempool=node.mempool,
                    origins=None,
                    clock=node.clock,
                    beneficiary=BENEFICIARY,
                ),
            )


async def test_an_embedded_l1_makes_blocks() -> None:
    chain = new_blockchain(system_transactions=False, blobs=True)
    async with running_node(chain) as node:
        await node.intake.submit(transfer(0, 0))
        blocks = [await node.next_block() for _ in range(2)]
        assert [len(b.prepared.transaction_hashes) for b in blocks] == [1, 0]
        times = [b.sealed.header.timestamp - factories.GENESIS_TIME for b in blocks]
        assert times == [1, 2]
