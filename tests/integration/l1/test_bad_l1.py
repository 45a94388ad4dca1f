"""Endpoints that lie, lag, limit, drop, truncate or talk nonsense: a clear word and another try,
never a crash, never a wrong state."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import get_args

import pytest

from metis_node.errors import Fatal, Temporary
from metis_node.l1.client import L1Client
from metis_node.l1.endpoint_group import EndpointsDisagree
from metis_node.storage.memory import MemoryStore
from tests.fakes.faulty_endpoint import Fault, FaultyEndpoint, faulty_endpoints
from tests.integration.l1.anvil import CHAIN_ID, eventually
from tests.integration.l1.staked_l1 import METIS, StakedL1, owner_of, staked_l1
from tests.integration.l1.test_staking_follower import Node, agrees_with_the_contracts, started

FAULTS: tuple[Fault, ...] = tuple(fault for fault in get_args(Fault) if fault)
OTHER_CHAIN: tuple[Fault, ...] = ("is of another chain", "has another genesis")
HARMLESS: tuple[Fault, ...] = ("doubles logs", "has a range limit", "lags")
# What one endpoint alone cannot be caught at before something contradicts it.
LIES: tuple[Fault, ...] = ("lies about hashes", "leaves out logs", "makes up logs")
TELLING = [f for f in FAULTS if f not in (*OTHER_CHAIN, *HARMLESS, *LIES, "answers null")]


@asynccontextmanager
async def lived_l1() -> AsyncIterator[tuple[StakedL1, int]]:
    """Two sequencers that came, changed keys, and of whom one leaves; and where that began."""
    async with staked_l1() as l1:
        head = await l1.client.header("latest")
        assert head is not None
        await l1.lock(0, 30_000)
        await l1.lock(1, 50_000)
        await l1.anvil.mine(2)
        await l1.anvil.rpc("evm_increaseTime", 2)
        for sequencer_id in (1, 2):
            await l1.act(owner_of(9), "activate", sequencer_id, 0)
        await l1.anvil.mine(3)
        await l1.rotate(0, 1, 700)
        await l1.govern("epochLength", 300)
        await l1.anvil.mine(9)
        await l1.act(owner_of(1), "withdraw", 2, 5_000 * METIS)
        await l1.anvil.mine(12)
        yield l1, head.number


@asynccontextmanager
async def client_of(
    endpoints: list[FaultyEndpoint], *, timeout_s: float = 20.0
) -> AsyncIterator[L1Client]:
    client = L1Client([e.url for e in endpoints], chain_id=CHAIN_ID, timeout_s=timeout_s)
    try:
        yield client
    finally:
        await client.aclose()


async def forgiven(client: L1Client) -> None:
    """Let what was put off be tried at once: tests do not wait for back-offs."""
    for endpoint in client._group.endpoints:
        endpoint.health.retry_at = endpoint.health.limited_until = 0.0


async def settle(node: Node, client: L1Client, *, power: int) -> None:
    async def is_read() -> bool:
        await forgiven(client)
        try:
            await node.look()
        except Temporary:
            return False
        head, cursor = node.l1.head, node.book.cursor
        is_at_head = head is not None and cursor.hash == head.hash
        return is_at_head and node.book.registry.total_power_at(cursor.number) == power

    await eventually(is_read)


POWER = 75_000 * 10**9


async def test_each_fault_of_an_only_endpoint_is_told_and_overcome() -> None:
    async with lived_l1() as (l1, begun), faulty_endpoints(l1.anvil.url, 1) as (proxy,):
        for fault in TELLING:
            async with client_of([proxy]) as client:
                node = started(l1, client, MemoryStore())
                proxy.fault = fault
                with pytest.raises(Temporary) as caught:
                    await node.look()
                assert proxy.url in caught.value.message, fault
                assert node.book.cursor.number == 0
                proxy.fault = ""
                await settle(node, client, power=POWER)
                head = node.book.cursor.number
                assert node.book.registry.seat_at(1, head) == await l1.seat_at(1, head - 1)
        await agrees_with_the_contracts(node, l1, begun)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f not in OTHER_CHAIN])
async def test_one_bad_endpoint_of_three_changes_nothing(fault: Fault) -> None:
    async with lived_l1() as (l1, begun), faulty_endpoints(l1.anvil.url, 3) as proxies:
        proxies[0].fault = fault
        async with client_of(proxies) as client:
            node = started(l1, client, MemoryStore())
            await settle(node, client, power=POWER)
            await agrees_with_the_contracts(node, l1, begun)
            bad, *good = client.report()
            assert [report.disagreements for report in good] == [0, 0]
            assert all(not report.trouble for report in good)
            if fault in LIES:
                assert bad.disagreements > 0
            elif fault == "lags":
                assert (bad.state, bad.head) == ("lagging", node.book.cursor.number - 6)
            elif fault in TELLING:
                assert bad.trouble or bad.limits


@pytest.mark.parametrize("fault", LIES)
async def test_of_two_that_contradict_each_other_neither_is_believed(fault: Fault) -> None:
    async with lived_l1() as (l1, begun), faulty_endpoints(l1.anvil.url, 2) as proxies:
        proxies[1].fault = fault
        async with client_of(proxies) as client:
            node = started(l1, client, MemoryStore())
            with pytest.raises(EndpointsDisagree, match=r"remove the wrong one.*or add a third"):
                await node.look()
            power = node.book.registry.total_power_at(node.book.cursor.number)
            assert power == await l1.total_power_at(node.book.cursor.number)
            proxies[1].fault = ""
            await settle(node, client, power=POWER)
            await agrees_with_the_contracts(node, l1, begun)
            assert {report.state for report in client.report()} == {"good"}


@pytest.mark.parametrize("fault", ["leaves out logs", "makes up logs"])
async def test_an_only_endpoint_that_lies_is_contradicted_and_read_again(fault: Fault) -> None:
    async with (
        lived_l1() as (l1, begun),
        faulty_endpoints(l1.anvil.url, 1) as (proxy,),
        client_of([proxy]) as client,
    ):
        node = started(l1, client, MemoryStore())
        proxy.fault = fault
        with pytest.raises(Temporary):
            await node.look()
        proxy.fault = ""
        await settle(node, client, power=POWER)
        await agrees_with_the_contracts(node, l1, begun)
        assert node.follower.contradictions > 0


@pytest.mark.parametrize("seed", range(3))
async def test_faults_at_random_end_in_the_right_state(seed: int) -> None:
    """All three endpoints fail now and then; one of them also lies."""
    dice = random.Random(seed)
    async with lived_l1() as (l1, begun), faulty_endpoints(l1.anvil.url, 3) as proxies:
        for proxy in proxies:
            proxy.picks = lambda: dice.random() < 0.15
        async with client_of(proxies) as client:
            store = MemoryStore()
            node = started(l1, client, store)
            for _ in range(40):
                proxies[0].fault = dice.choice([*TELLING, *HARMLESS, *LIES])
                proxies[1].fault = dice.choice([*TELLING, *HARMLESS])
                proxies[2].fault = dice.choice([*TELLING, *HARMLESS])
                await forgiven(client)
                with suppress(Temporary):
                    await node.look()
                if dice.random() < 0.2:
                    node = started(l1, client, store)
                if dice.random() < 0.3:
                    await l1.anvil.mine(1)
            for proxy in proxies:
                proxy.fault = ""
            await settle(node, client, power=POWER)
            await agrees_with_the_contracts(node, l1, begun)


@pytest.mark.parametrize("fault", OTHER_CHAIN)
async def test_an_endpoint_of_another_chain_is_refused_for_good(fault: Fault) -> None:
    async with lived_l1() as (l1, _), faulty_endpoints(l1.anvil.url, 3) as proxies:
        proxies[1].fault = fault
        async with client_of(proxies) as client:
            node = started(l1, client, MemoryStore())
            await settle(node, client, power=POWER)
            report = client.report()[1]
            assert report.state == "refused"
            assert "correct l1.endpoints" in report.trouble
            asked = proxies[1].asked.total()
            await l1.anvil.mine(1)
            await settle(node, client, power=POWER)
            assert proxies[1].asked.total() == asked


async def test_where_all_are_of_another_chain_the_node_stops() -> None:
    async with staked_l1() as l1, faulty_endpoints(l1.anvil.url, 2) as proxies:
        for proxy in proxies:
            proxy.fault = "is of another chain"
        async with client_of(proxies) as client:
            with pytest.raises(Fatal, match="on chain 4242, the genesis file names L1 chain 31337"):
                await client.header("latest")
            with pytest.raises(Fatal):
                await client.header("latest")


async def test_patience_that_is_asked_for_is_given() -> None:
    async with staked_l1() as l1, faulty_endpoints(l1.anvil.url, 2) as (limiting, other):
        limiting.fault, limiting.retry_after_s = "limits with 429", 120
        async with client_of([limiting, other]) as client:
            for _ in range(5):
                assert await client.header("latest") is not None
            assert limiting.asked.total() == 1
            assert client.report()[0].state == "limited"
        async with client_of([limiting]) as alone:
            with pytest.raises(Temporary, match="limits requests at eth_chainId: HTTP 429"):
                await alone.header("latest")
            with pytest.raises(Temporary, match=r"ask for patience, the first for 1[12]\d\.\d s"):
                await alone.header("latest")
            assert limiting.asked.total() == 2


async def test_an_endpoint_without_answers_is_late_only_once() -> None:
    """Who answers last is asked, but after its time it is left behind."""
    async with staked_l1() as l1, faulty_endpoints(l1.anvil.url, 3) as proxies:
        proxies[0].fault = "drops connections"
        async with client_of(proxies) as client:
            for _ in range(6):
                assert await client.header("latest") is not None
            assert proxies[0].asked.total() == 1
            assert client.report()[0].state == "failing"
            await forgiven(client)
            proxies[0].fault = ""
            assert await client.header("latest") is not None
            assert client.report()[0].state == "good"


async def test_a_range_that_is_too_large_is_halved() -> None:
    async with lived_l1() as (l1, begun), faulty_endpoints(l1.anvil.url, 1) as (proxy,):
        proxy.fault = "has a range limit"
        async with client_of([proxy]) as client:
            node = started(l1, client, MemoryStore())
            await node.look()
            await agrees_with_the_contracts(node, l1, begun)
            assert proxy.asked["eth_getLogs"] > 12
