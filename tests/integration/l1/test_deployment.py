"""Deployments on a real L1: whole, cut short anywhere, repeated, and on the wrong chain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from metis_node.errors import InvalidConfig, InvalidRequest
from metis_node.l1.client import L1Client
from metis_node.l1.contract_reader import ContractReader, Refused
from metis_node.l1.deployment.create2 import FACTORY, FACTORY_CODE
from metis_node.l1.deployment.deployer import Deployer
from metis_node.l1.deployment.plan import GOVERNED, plan_deployment
from metis_node.l1.deployment.record import parse_record, record_of
from metis_node.l1.deployment.verification import verify
from metis_node.node.l1_sending import connected, sending
from metis_node.types.primitives import Address, Hash32
from tests.integration.l1.anvil import CHAIN_ID, Anvil, account, running_anvil
from tests.integration.l1.contracts import METIS, address_of, deployed, deployer_of, wish

STRANGER = Address(b"\x77" * 20)


@pytest.fixture
async def anvil() -> AsyncIterator[Anvil]:
    async with running_anvil(mining=True) as running:
        yield running


@pytest.fixture
async def client(anvil: Anvil) -> AsyncIterator[L1Client]:
    client = L1Client([anvil.url], chain_id=CHAIN_ID)
    yield client
    await client.aclose()


async def test_everything_is_deployed_wired_and_governed(client: L1Client) -> None:
    deployment = wish(
        CHAIN_ID,
        token={"supply": "1000", "allotments": {"0x" + STRANGER.hex(): "10.5"}},
        pool={"whitelist_required": True},
    )
    async with deployer_of(client, deployment, account()) as (deployer, plan):
        assert len((await deployer.look()).missing) == len(plan.steps)
        assert not await deployer.is_complete()
        await deployer.run(lambda *_: None)
        assert await deployer.is_complete()
        assert (await deployer.look()).missing == ()
        record = replace(
            record_of(plan, first_block=0, software="test"), codes=await deployer.codes()
        )
    findings = await verify(client, record, plan)
    assert [finding for finding in findings if not finding.is_right] == []
    whats = {finding.what for finding in findings}
    assert {"implementation", "owner is TimelockController", "deployer has no power"} <= whats
    assert parse_record(record.to_json(), "test") == record
    token = ContractReader(client, "MetisToken", plan.addresses["MetisToken"])
    assert await token.read("balanceOf", STRANGER) == 10 * METIS + METIS // 2
    pool = ContractReader(client, "LockingPool", plan.addresses["LockingPool"])
    assert await pool.read("whitelistRequired") is True
    parameters = ContractReader(client, "NetworkParameters", plan.addresses["NetworkParameters"])
    assert await parameters.read("get", b"exitDelay".ljust(32, b"\0")) == 60


async def test_the_deployer_can_do_nothing_afterwards(client: L1Client) -> None:
    plan = await deployed(client, wish(CHAIN_ID), account())
    for name in GOVERNED:
        reader = ContractReader(client, name, plan.addresses[name])
        assert await reader.read("owner") == "0x" + plan.addresses["TimelockController"].hex()
        with pytest.raises(Refused, match="set up already"):
            await reader.read("initialize", *_nothing(reader))


def _nothing(reader: ContractReader) -> list[object]:
    empty = {"address": b"\0" * 20, "uint256": 0, "bool": False}
    return [empty.get(kind, []) for kind in reader.abi.functions["initialize"].inputs]


class Killed(BaseException):
    """The process is gone."""


class MortalClient(L1Client):
    """Dies with the first transaction: before it reaches the L1, or before anybody hears of it."""

    dies_before_sending = False

    async def send_raw(self, raw: bytes) -> Hash32:
        if not self.dies_before_sending:
            await super().send_raw(raw)
        raise Killed


async def test_a_deployment_killed_after_each_transaction_goes_on(anvil: Anvil) -> None:
    deployment, runs = wish(CHAIN_ID), 0
    plan = plan_deployment(deployment, address_of(account()))
    done_before = -1
    while True:
        client = MortalClient([anvil.url], chain_id=CHAIN_ID)
        client.dies_before_sending = runs % 5 == 4
        try:
            async with deployer_of(client, deployment, account(), window=1) as (deployer, _):
                found = await deployer.look()
                assert len(found.done) == done_before + 1 or runs % 5 == 0
                done_before = len(found.done)
                await deployer.run(lambda *_: None)
        except Killed:
            runs += 1
        else:
            break
        finally:
            await client.aclose()
        assert runs <= 2 * len(plan.steps)
    assert runs >= len(plan.steps)  # one transaction each, and the ones that never left
    sent = int(await anvil.rpc("eth_getTransactionCount", account().address, "latest"), 16)
    assert sent == len(plan.steps)  # nothing was done twice


async def test_a_deployment_cut_short_with_transactions_in_the_pool_goes_on() -> None:
    async with running_anvil("--block-time", "1", mining=True) as anvil:
        deployment = wish(CHAIN_ID)
        client = L1Client([anvil.url], chain_id=CHAIN_ID)
        async with deployer_of(client, deployment, account()) as (deployer, plan):
            running = asyncio.ensure_future(deployer.run(lambda *_: None))
            await anvil.wait_for_pool_at_least(3)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        again = await deployed(client, deployment, account())
        assert again.addresses == plan.addresses
        await client.aclose()


async def test_a_second_run_sends_nothing(client: L1Client) -> None:
    plan = await deployed(client, wish(CHAIN_ID), account())
    before = await client.nonce(plan.deployer)
    seen: list[bool] = []
    async with deployer_of(client, wish(CHAIN_ID), account()) as (deployer, _):
        await deployer.run(lambda _label, _place, _total, was_there: seen.append(was_there))
    assert seen == [True] * len(plan.steps)
    assert await client.nonce(plan.deployer) == before


async def test_another_name_or_parameter_is_another_deployment(client: L1Client) -> None:
    first = plan_deployment(wish(CHAIN_ID), STRANGER).addresses
    named = plan_deployment(wish(CHAIN_ID, name="other"), STRANGER).addresses
    changed = plan_deployment(wish(CHAIN_ID, parameters={"minLock": "1"}), STRANGER).addresses
    assert not set(first.values()) & set(named.values())
    assert first["LockingPool"] != changed["LockingPool"]
    assert first["MetisToken"] == changed["MetisToken"]
    assert plan_deployment(wish(CHAIN_ID), STRANGER).addresses == first
    del client


async def test_the_deployment_proxy_is_put_where_it_is_missing() -> None:
    flags = ("--disable-default-create2-deployer",)
    async with running_anvil(*flags, mining=True) as anvil:
        client = L1Client([anvil.url], chain_id=CHAIN_ID)
        await deployed(client, wish(CHAIN_ID), account())
        code = await anvil.rpc("eth_getCode", "0x" + FACTORY.hex(), "latest")
        assert code == "0x" + FACTORY_CODE.hex()
        await client.aclose()


async def test_a_chain_that_the_file_does_not_name_is_refused(anvil: Anvil) -> None:
    with pytest.raises(InvalidConfig, match=r"is chain 31337, but the.file names chain 1: nothing"):
        async with connected([anvil.url], 1, named_by="the.file"):
            raise AssertionError("connected to another chain")
    assert int(await anvil.rpc("eth_blockNumber"), 16) == 0


async def test_a_token_that_is_none_is_refused(client: L1Client) -> None:
    for token in (STRANGER, FACTORY):
        deployment = wish(CHAIN_ID, token={"address": "0x" + token.hex()})
        async with deployer_of(client, deployment, account()) as (deployer, _):
            with pytest.raises(InvalidConfig, match="is no ERC-20 token with 18 decimals"):
                await deployer.run(lambda *_: None)


async def test_a_token_that_is_there_is_used(client: L1Client) -> None:
    first = await deployed(client, wish(CHAIN_ID), account())
    token = first.addresses["MetisToken"]
    deployment = wish(CHAIN_ID, name="second", token={"address": "0x" + token.hex()})
    second = await deployed(client, deployment, account())
    assert second.addresses["MetisToken"] == token
    assert second.addresses["LockingPool"] != first.addresses["LockingPool"]


async def test_an_empty_account_is_told_to_be_funded(anvil: Anvil, client: L1Client) -> None:
    await anvil.rpc("anvil_setBalance", account().address, hex(10**12))
    with pytest.raises(InvalidRequest, match=r"the account has .* wei.*: fund it"):
        await deployed(client, wish(CHAIN_ID), account())


async def test_what_was_tampered_with_is_found(anvil: Anvil, client: L1Client) -> None:
    deployment = wish(CHAIN_ID)
    plan = await deployed(client, deployment, account())
    looker = Deployer(client=client, plan=plan, sender=None)
    record = replace(record_of(plan, first_block=0, software="test"), codes=await looker.codes())
    pool = "0x" + plan.addresses["LockingPool"].hex()
    await anvil.rpc("anvil_setCode", pool, "0x6001")
    wrong = [finding for finding in await verify(client, record) if not finding.is_right]
    assert {"code", "owner is TimelockController", "L2 chain id"} <= {f.what for f in wrong}
    assert {"no answer", "LockingPool"} & {f.found for f in wrong} | {wrong[0].contract}
    other = plan_deployment(wish(CHAIN_ID, name="other"), plan.deployer)
    addresses = [f for f in await verify(client, record, other) if f.what == "address"]
    assert not any(finding.is_right for finding in addresses)
    with pytest.raises(InvalidRequest, match="may only look"):
        await looker.run(lambda *_: None)


async def test_fees_above_the_cap_end_the_wait(client: L1Client) -> None:
    plan = plan_deployment(wish(CHAIN_ID), address_of(account()))
    async with sending(client, account(), confirmations=1, max_fee_gwei=0) as sender:
        deployer = Deployer(client=client, plan=plan, sender=sender)
        with pytest.raises(InvalidRequest, match="above the cap"):
            await deployer.run(lambda *_: None)
