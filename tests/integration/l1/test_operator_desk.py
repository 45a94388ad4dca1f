"""The desk where operators' commands meet the L1: what waits in its pool is never replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from metis_node.errors import Temporary
from metis_node.l1.client import L1Client
from metis_node.l1.delivery import unheard
from metis_node.l1.deployment.record import record_of
from metis_node.l1.orders import ContractCall, Order
from metis_node.node.config import load_config
from metis_node.node.operator_desk import DeskOptions, OperatorDesk, Session
from metis_node.node.signers import SignerChoice
from tests.integration.l1.anvil import CHAIN_ID, FUNDED_KEYS, Anvil, account, running_anvil
from tests.integration.l1.contracts import address_of, deployed, wish


@pytest.fixture
async def anvil() -> AsyncIterator[Anvil]:
    async with running_anvil(mining=True) as running:
        yield running


async def desk(anvil: Anvil, directory: Path) -> OperatorDesk:
    client = L1Client([anvil.url], chain_id=CHAIN_ID)
    plan = await deployed(client, wish(CHAIN_ID), account())
    await client.aclose()
    key = directory / "key"
    key.write_text(FUNDED_KEYS[1])
    key.chmod(0o600)
    return OperatorDesk(
        config=load_config(environment={}).config,
        urls=[anvil.url],
        record=replace(record_of(plan, first_block=0, software="test")),
        record_file=directory / "l1-contracts.json",
        choice=SignerChoice(default_key="owner", private_key_file=key),
        options=DeskOptions(pending_wait_s=1.0, poll_s=0.05),
    )


async def approval(session: Session) -> Order:
    token = session.reader("MetisToken")
    data = token.abi.call("approve", session.record.addresses["LockingPool"], 7)
    call = ContractCall(label="approve", to=token.address, data=data)
    return Order(sender=session.account, calls=(call,), effects=())


async def test_an_order_is_quoted_sent_and_confirmed(anvil: Anvil, tmp_path: Path) -> None:
    at, quotes = await desk(anvil, tmp_path), []
    receipts = await at.place(approval, on_quote=quotes.append, on_progress=unheard)
    assert len(receipts) == len(quotes) == 1
    assert quotes[0].most >= receipts[0].cost_wei
    allowance = await at.look(
        lambda session: session.reader("MetisToken").read(
            "allowance", address_of(account(1)), session.record.addresses["LockingPool"]
        ),
        address_of(account(1)),
    )
    assert allowance == 7


async def test_what_a_wallet_sent_is_waited_for_and_left_alone(
    anvil: Anvil, tmp_path: Path
) -> None:
    at = await desk(anvil, tmp_path)
    await anvil.rpc("evm_setAutomine", False)
    wallet = account(1)
    signed = wallet.sign_transaction(
        {
            "chainId": CHAIN_ID,
            "nonce": 0,
            "to": b"\x11" * 20,
            "value": 1,
            "gas": 21_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    sent = await anvil.rpc("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
    with pytest.raises(Temporary, match=r"1 transactions of .* wait in the L1's pool"):
        await at.place(approval, on_quote=lambda _: None, on_progress=unheard)
    (of_wallet,) = (await anvil.pool()).values()
    assert [entry["hash"] for entry in of_wallet.values()] == [sent]
    await anvil.mine()
    await anvil.rpc("evm_setAutomine", True)
    assert await at.place(approval, on_quote=lambda _: None, on_progress=unheard)
