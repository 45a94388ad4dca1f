"""Raw transactions into the pool: batching, per-item errors, the bound, the journal."""

from __future__ import annotations

import asyncio

import pytest

from metis_node.engine.intake import IntakeLimits
from metis_node.errors import InvalidTransaction
from metis_node.storage.memory import MemoryStore
from tests import chains, factories
from tests.chains import new_blockchain, transfer
from tests.unit.engine.nodes import running_node


def hash_of(raw: bytes) -> bytes:
    return chains.decode([raw])[0].hash


async def test_a_transaction_is_admitted() -> None:
    async with running_node(produce=False) as node:
        raw = transfer(0, 0)
        assert await node.intake.submit(raw) == hash_of(raw)
        assert node.mempool.status().pending == 1
        assert node.intake.waiting == 0


async def test_refusals_are_per_item_and_in_order() -> None:
    async with running_node(produce=False) as node:
        raws = [
            transfer(0, 0),
            b"\x02garbage",
            transfer(1, 0, chain_id=5),
            transfer(0, 0),
            transfer(20, 0),
            transfer(0, 1),
        ]
        results = await node.intake.submit_many(raws)
        codes = [r.code if isinstance(r, InvalidTransaction) else "" for r in results]
        assert codes == ["", "malformed", "wrong_chain", "known", "funds", ""]
        assert [results[0], results[5]] == [hash_of(raws[0]), hash_of(raws[5])]
        assert await node.intake.submit_many([]) == []


async def test_a_single_refusal_raises() -> None:
    async with running_node(produce=False) as node:
        with pytest.raises(InvalidTransaction, match="insufficient funds"):
            await node.intake.submit(transfer(20, 0))
        with pytest.raises(InvalidTransaction):
            await node.intake.submit(b"")


async def test_what_arrives_together_is_admitted_together() -> None:
    async with running_node(produce=False) as node:
        waits = [node.intake.submit(transfer(n % 5, n // 5)) for n in range(200)]
        assert node.intake.waiting == 200
        hashes = await asyncio.gather(*waits)
        assert len(set(hashes)) == 200
        assert node.mempool.status().pending == 200


async def test_a_full_queue_refuses_at_once_and_recovers() -> None:
    limits = IntakeLimits(waiting=3, batch=2)
    async with running_node(produce=False, intake_limits=limits) as node:
        first = [node.intake.submit(transfer(0, nonce)) for nonce in range(3)]
        with pytest.raises(InvalidTransaction, match="3 transactions wait") as caught:
            node.intake.submit(transfer(0, 3))
        assert caught.value.code == "busy"
        await asyncio.gather(*first)
        await node.intake.submit(transfer(0, 3))


async def test_waiting_bytes_are_bounded() -> None:
    limits = IntakeLimits(waiting_bytes=50)
    async with running_node(produce=False, intake_limits=limits) as node:
        with pytest.raises(InvalidTransaction, match="busy"):
            node.intake.submit(transfer(0, 0))


async def test_a_cancelled_caller_does_not_disturb_the_batch() -> None:
    async with running_node(produce=False) as node:
        first = node.intake.submit(transfer(0, 0))
        second = node.intake.submit(transfer(1, 0))
        first.cancel()
        assert await second == hash_of(transfer(1, 0))
        assert node.mempool.status().pending == 2


async def test_a_delegated_sender_has_one_in_flight() -> None:
    delegated = factories.key(7).address
    code = "0xef0100" + "11" * 20
    alloc = {"0x" + delegated.hex(): {"balance": hex(factories.ETHER), "code": code}}
    async with running_node(produce=False, blockchain=new_blockchain(alloc=alloc)) as node:
        await node.intake.submit(transfer(7, 0))
        with pytest.raises(InvalidTransaction, match="in-flight transaction limit"):
            await node.intake.submit(transfer(7, 1))


async def test_a_stopped_node_refuses() -> None:
    async with running_node(produce=False) as node:
        pass
    with pytest.raises(InvalidTransaction, match="shutting down"):
        node.intake.submit(transfer(0, 0))


async def test_local_transactions_survive_a_restart() -> None:
    store = MemoryStore()
    chain = new_blockchain(store)
    async with running_node(chain, produce=False, journal=True) as node:
        for nonce in range(3):
            await node.intake.submit(transfer(0, nonce))
    async with running_node(chain, produce=False, journal=True) as node:
        assert await node.intake.reload() == 3
        assert node.mempool.status().pending == 3


async def test_included_transactions_leave_the_journal() -> None:
    store = MemoryStore()
    chain = new_blockchain(store)
    async with running_node(chain, journal=True) as node:
        await node.intake.submit(transfer(0, 0))
        await node.next_block()
        await node.intake.submit(transfer(0, 1))
    async with running_node(chain, produce=False, journal=True) as node:
        assert await node.intake.reload() == 1
        assert node.mempool.next_nonce(factories.key(0).address) == 2


async def test_what_a_restart_cannot_admit_leaves_the_journal() -> None:
    store = MemoryStore()
    chain = new_blockchain(store)
    async with running_node(chain, produce=False, journal=True) as node:
        await node.intake.submit(transfer(0, 0))
    chains.extend(chain, [transfer(0, 0)])
    async with running_node(chain, produce=False, journal=True) as node:
        assert await node.intake.reload() == 0
    assert list(store.keys(b"p", b"q")) == []
