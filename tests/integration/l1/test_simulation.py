"""Orders tried before they are sent: gas of each call, refusals in words, endpoints of all ages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from metis_node.l1.answers import Malformed
from metis_node.l1.client import L1Client
from metis_node.l1.contract_abi import contract
from metis_node.l1.contract_reader import Refused
from metis_node.l1.endpoint import CallRefused
from metis_node.l1.orders import ContractCall, Order
from metis_node.l1.signer_proof import signer_pubkey
from metis_node.l1.simulation import METHOD_NOT_FOUND, Simulated, simulate
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain
from tests.integration.l1.anvil import CHAIN_ID, account, running_anvil
from tests.integration.l1.contracts import METIS, address_of, deployed, wish

SIGNER_KEY = b"\x21" * 32
AMOUNT = 20_000 * METIS


class OldClient(L1Client):
    """An endpoint from before `eth_simulateV1`."""

    async def call(self, method: str, params: list[Any], parse: Callable[[Any], Any]) -> Any:
        if method == "eth_simulateV1":
            raise CallRefused("no such method", code=METHOD_NOT_FOUND, method=method, endpoint="")
        return await super().call(method, params, parse)


class BabblingClient(L1Client):
    """An endpoint that answers `eth_simulateV1` with something else."""

    async def call(self, method: str, params: list[Any], parse: Callable[[Any], Any]) -> Any:
        if method == "eth_simulateV1":
            return parse([{"calls": []}])
        return await super().call(method, params, parse)


@pytest.fixture
async def world() -> AsyncIterator[tuple[str, Order]]:
    """An anvil with the contracts, and an order of two calls that build on each other."""
    async with running_anvil(mining=True) as anvil:
        client = L1Client([anvil.url], chain_id=CHAIN_ID)
        plan = await deployed(client, wish(CHAIN_ID), account())
        await client.aclose()
        yield anvil.url, _lock(plan.addresses, AMOUNT)


def _lock(addresses: dict[str, Address], amount: int) -> Order:
    from eth_account import Account

    pool, owner = addresses["LockingPool"], address_of(account())
    domain = SigningDomain(chain_id=901, locking_pool=pool)
    pubkey = signer_pubkey(SIGNER_KEY, domain, owner=owner)
    signer = Account.from_key(SIGNER_KEY).address
    approve = contract("MetisToken").call("approve", pool, AMOUNT)
    lock = contract("LockingPool").call("lockFor", signer, amount, pubkey)
    return Order(
        sender=owner,
        calls=(
            ContractCall(label="approve", to=addresses["MetisToken"], data=approve),
            ContractCall(label="lockFor", to=pool, data=lock),
        ),
        effects=(),
    )


async def tried(client: L1Client, order: Order) -> Simulated:
    try:
        return await simulate(client, order)
    finally:
        await client.aclose()


async def test_the_second_call_sees_what_the_first_did(world: tuple[str, Order]) -> None:
    url, order = world
    found = await tried(L1Client([url], chain_id=CHAIN_ID), order)
    assert all(gas is not None and 21_000 < gas < 1_000_000 for gas in found.gas)
    assert found.total == sum(gas or 0 for gas in found.gas)


async def test_a_call_that_would_be_refused_says_why(world: tuple[str, Order]) -> None:
    url, order = world
    alone = Order(sender=order.sender, calls=order.calls[1:], effects=())
    with pytest.raises(Refused, match=r"lockFor: the pool may take 0 METIS, 20,000 METIS are"):
        await tried(L1Client([url], chain_id=CHAIN_ID), alone)
    with pytest.raises(Refused, match="the pool may take 0 METIS"):
        await tried(OldClient([url], chain_id=CHAIN_ID), alone)


async def test_an_old_endpoint_tells_the_first_call_alone(world: tuple[str, Order]) -> None:
    url, order = world
    found = await tried(OldClient([url], chain_id=CHAIN_ID), order)
    assert found.gas[0] is not None
    assert found.gas[1] is None
    assert found.total == found.gas[0]


async def test_an_answer_of_another_shape_is_none(world: tuple[str, Order]) -> None:
    url, order = world
    with pytest.raises(Malformed, match="0 results of 2 calls"):
        await tried(BabblingClient([url], chain_id=CHAIN_ID), order)
