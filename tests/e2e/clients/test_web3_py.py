"""web3.py over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, Web3RPCError

from tests.e2e.clients.conftest import Devnet

pytestmark = pytest.mark.e2e

ACCOUNT = 4


@pytest.fixture(scope="module")
def web3(devnet: Devnet) -> Any:
    connected = Web3(Web3.HTTPProvider(devnet.rpc))
    account = Account.from_key(devnet.key(ACCOUNT))
    connected.middleware_onion.inject(_signing(account), layer=0)
    connected.eth.default_account = account.address
    return connected


def _signing(account: Any) -> Any:
    from web3.middleware import SignAndSendRawMiddlewareBuilder

    return SignAndSendRawMiddlewareBuilder.build(account)


@pytest.fixture(scope="module")
def contract(web3: Any, artifact: Path) -> Any:
    compiled = json.loads(artifact.read_text())
    factory = web3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
    receipt = web3.eth.wait_for_transaction_receipt(
        factory.constructor(7).transact(), poll_latency=0.05
    )
    assert receipt["status"] == 1
    return web3.eth.contract(address=receipt["contractAddress"], abi=compiled["abi"])


def mined(web3: Any, sent: Any) -> Any:
    return web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)


def test_the_chain_is_described(web3: Any, devnet: Devnet) -> None:
    assert web3.is_connected()
    assert web3.eth.chain_id == devnet.chain_id
    assert web3.client_version.startswith("metis-node/")
    assert web3.eth.syncing is False
    assert list(web3.eth.accounts) == []
    assert web3.eth.get_balance(web3.eth.default_account) > 0
    assert web3.eth.max_priority_fee > 0
    history = web3.eth.fee_history(2, "latest", [10.0, 50.0])
    assert len(history["baseFeePerGas"]) == len(history["gasUsedRatio"]) + 1


def test_a_contract_is_used_and_its_event_read(web3: Any, contract: Any) -> None:
    assert contract.functions.total().call() == 7
    receipt = mined(web3, contract.functions.note(5, "grüße ☃").transact())
    assert receipt["status"] == 1
    (event,) = contract.events.Noted().process_receipt(receipt)
    assert event["args"] == {"who": web3.eth.default_account, "value": 5, "text": "grüße ☃"}
    (logged,) = contract.events.Noted().get_logs(from_block=0)
    assert logged["transactionHash"] == receipt["transactionHash"]
    assert contract.functions.total().call() == 12
    assert contract.functions.total().call(block_identifier=receipt["blockNumber"] - 1) == 7
    block = web3.eth.get_block(receipt["blockNumber"], full_transactions=True)
    assert receipt["transactionHash"] in [tx["hash"] for tx in block["transactions"]]
    assert web3.eth.get_block_receipts(receipt["blockNumber"])[-1] == receipt


def test_filters_are_polled(web3: Any, contract: Any) -> None:
    installed = contract.events.Noted().create_filter(from_block="latest")
    blocks = web3.eth.filter("latest")
    receipt = mined(web3, contract.functions.note(1, "polled").transact())
    (entry,) = installed.get_new_entries()
    assert entry["transactionHash"] == receipt["transactionHash"]
    assert receipt["blockHash"] in blocks.get_new_entries()
    assert web3.eth.uninstall_filter(installed.filter_id)


def test_reverts_come_with_reasons(web3: Any, contract: Any) -> None:
    with pytest.raises(ContractLogicError, match="because"):
        contract.functions.fail("because").call()
    with pytest.raises(ContractCustomError):
        contract.functions.refuse(9).call()
    with pytest.raises(ContractLogicError, match="estimated"):
        contract.functions.fail("estimated").transact()
    receipt = mined(web3, contract.functions.fail("mined").transact({"gas": 100_000}))
    assert receipt["status"] == 0


def test_refusals_are_errors_with_words(web3: Any) -> None:
    with pytest.raises(Web3RPCError, match="does not exist/is not available"):
        web3.manager.request_blocking("eth_nothing", [])
    with pytest.raises(Web3RPCError, match="nonce too low"):
        web3.eth.send_transaction(
            {"to": web3.eth.default_account, "nonce": 0, "gas": 21_000, "value": 0}
        )


@pytest.fixture
async def socket(devnet: Devnet) -> AsyncIterator[Any]:
    async with AsyncWeb3(WebSocketProvider(devnet.websocket)) as connected:
        yield connected


async def test_subscriptions(socket: Any, contract: Any) -> None:
    heads = await socket.eth.subscribe("newHeads")
    logs = await socket.eth.subscribe("logs", {"address": contract.address})
    pending = await socket.eth.subscribe("newPendingTransactions")
    loop = asyncio.get_running_loop()
    sent = await loop.run_in_executor(None, contract.functions.note(1, "heard").transact)
    heard: dict[str, Any] = {}
    async with asyncio.timeout(20):
        async for message in socket.socket.process_subscriptions():
            heard.setdefault(message["subscription"], message["result"])
            if heard.keys() == {heads, logs, pending}:
                break
    assert heard[logs]["transactionHash"] == sent
    assert heard[pending] == sent
    assert heard[heads]["number"] > 0
    assert await socket.eth.unsubscribe(heads)
