"""Imports on the execution thread: refusals, order, cancelled callers, closing."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from metis_node.errors import InvalidBlock, InvalidTransaction, Temporary
from tests import chains, factories
from tests.chains import transfer
from tests.unit.engine.nodes import running_node


async def test_pool_and_feeds_know_of_a_block_when_the_call_returns() -> None:
    async with running_node(produce=False) as node:
        seen: list[int] = []
        node.heads.subscribe(lambda imported: seen.append(imported.number))
        await node.intake.submit(transfer(0, 0))
        header, transactions = chains.sealed_block(node.blockchain, [transfer(0, 0)])
        imported = await node.committer.commit_block(header, transactions)
        assert imported.sealed == node.blockchain.head
        assert seen == [1]
        assert len(node.mempool) == 0


async def test_a_refused_block_changes_nothing() -> None:
    async with running_node(produce=False) as node:
        seen: list[int] = []
        node.heads.subscribe(lambda imported: seen.append(imported.number))
        with pytest.raises(InvalidBlock):
            await node.committer.commit_block(b"\xc0", [])
        assert (node.blockchain.head.number, seen) == (0, [])


async def test_a_cancelled_caller_does_not_tear_a_block() -> None:
    async with running_node(produce=False) as node:
        gate = threading.Event()
        blocked = asyncio.ensure_future(node.committer.run(gate.wait))
        block = chains.sealed_block(node.blockchain)
        commit = asyncio.ensure_future(node.committer.commit_block(*block))
        following = asyncio.ensure_future(node.heads.next())
        await asyncio.sleep(0)
        commit.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await commit
        gate.set()
        await blocked
        assert (await following).number == 1
        assert node.blockchain.head.number == 1


async def test_everything_runs_on_one_thread() -> None:
    async with running_node(produce=False) as node:
        names = {await node.committer.run(threading.current_thread) for _ in range(3)}
        assert len(names) == 1
        assert names != {threading.current_thread()}


async def test_closing_waits_for_the_block_under_way() -> None:
    async with running_node(produce=False) as node:
        block = chains.sealed_block(node.blockchain)
        commit = asyncio.ensure_future(node.committer.commit_block(*block))
        await asyncio.sleep(0)
        await node.committer.aclose()
        assert (await commit).number == 1
        with pytest.raises(Temporary, match="shutting down"):
            await node.committer.commit_block(*block)
        with pytest.raises(Temporary, match="shutting down"):
            await node.committer.run(threading.current_thread)


async def test_admission_follows_the_forks() -> None:
    forks = [
        {"timestamp": 0, "name": "prague"},
        {"timestamp": factories.GENESIS_TIME + 2, "name": "osaka"},
    ]
    async with running_node(produce=False, forks=forks) as node:
        big = (1 << 24) + 1
        await node.intake.submit(transfer(0, 0, gas_limit=big))
        await node.committer.commit_block(*chains.sealed_block(node.blockchain))
        with pytest.raises(InvalidTransaction, match="transaction gas limit too high"):
            await node.intake.submit(transfer(1, 0, gas_limit=big))
        await node.intake.submit(transfer(1, 0, gas_limit=big - 1))
