"""Every method with wrong parameters of every kind: a clear error, never a crash."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from metis_node.rpc.session import Session
from metis_node.rpc.subscriptions import Subscriber
from tests import factories
from tests.integration.rpc.rpc_node import RpcNode, running_node

SEED = 7
ROUNDS = 60  # parameter lists for each method
ADDRESS = "0x" + factories.key(0).address.hex()
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.5, 1e308, 2**63, 2**64 - 1),
    *("", "0x", "0x0", "0x1", "0x00", "0xg", "0x" + "f" * 64, "0x" + "f" * 65, "1", "é☃", "\0"),
    *("latest", "pending", "safe", "finalized", "earliest", "newest", "newHeads", "logs"),
    *(ADDRESS, ADDRESS[:-1], ADDRESS + "0", ADDRESS.upper(), "0x" + "00" * 32, "0x" + "ff" * 32),
    *([], {}, [[]], [None], {"a": 1}, {"": {}}, [[[[[[[[]]]]]]]]),
    {"blockNumber": "0x1"},
    {"blockHash": "0x" + "00" * 32, "requireCanonical": 5},
    {"to": ADDRESS, "data": "0x1"},
    {"to": ADDRESS, "gas": "0xffffffffffffffffff", "value": "0x" + "f" * 64},
    {"to": 5, "from": [], "data": {}, "nonce": "x"},
    {"to": ADDRESS, "input": "0x01", "data": "0x02"},
    {"from": ADDRESS, "gasPrice": "0x1", "maxFeePerGas": "0x1"},
    {"to": ADDRESS, "accessList": [{"address": "0x", "storageKeys": 5}]},
    {"to": ADDRESS, "authorizationList": [{}], "blobVersionedHashes": ["0x"], "type": "0xff"},
    {"fromBlock": "0x0", "toBlock": "latest", "address": [], "topics": [[], None, ["0x"]]},
    {"fromBlock": "0xffffffffffffff", "topics": [["0x" + "00" * 32] * 2]},
    {"blockStateCalls": [{}, {"calls": 5}, {"blockOverrides": {"number": "0x0"}}]},
    {"blockStateCalls": [{"calls": [{"to": ADDRESS}], "stateOverrides": {"0x": 1}}]},
    {ADDRESS: {"balance": "0x", "code": 5, "state": {}, "stateDiff": {}}},
    {ADDRESS: {"movePrecompileToAddress": ADDRESS}},
    {"number": "-1", "time": {}, "baseFee": 5, "blobBaseFee": "0x"},
    {"tracer": "callTracer", "tracerConfig": 5},
    {"tracer": "nothing"},
    {"tracer": "{ javascript }", "timeout": "1h", "limit": -1},
    {"tracer": "prestateTracer", "tracerConfig": {"diffMode": "yes"}},
    ["0x" + "00" * 32] * 3,
    [-1, 50, "x"],
    "0x" + factories.sign_dynamic_fee(factories.key(0), nonce=0, to=bytes(20)).hex(),
    "0x02" + "c0",
    "0x7e" + "c0",
    "0xf8" + "ff" * 20,
]


async def ask(node: RpcNode, method: str, params: Any, session: Session) -> dict[str, Any]:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    answer: dict[str, Any] = orjson.loads(await node.server.dispatcher.answer(body, session))
    return answer


@pytest.mark.slow
async def test_no_parameters_crash_any_method() -> None:
    source = random.Random(SEED)
    async with running_node() as node:
        await node.mine()
        session = Session("fuzz", subscriber=Subscriber(node.server.limits))
        for method in sorted(node.server.dispatcher.methods):
            for _ in range(ROUNDS):
                params = source.choices(VALUES, k=source.randrange(5))
                if method == "eth_sendRawTransactionSync":
                    params[1:2] = [1]  # milliseconds: nobody makes blocks here
                answer = await ask(node, method, params, session)
                error = answer.get("error")
                if error is not None:
                    assert error["code"] != -32603, (method, params, error)
                    assert 0 < len(error["message"]) < 1_000, (method, params, error)


async def test_deeply_nested_parameters_are_refused_cheaply() -> None:
    nested = b"[" * 100_000 + b"]" * 100_000
    async with running_node() as node:
        client = await node.connect()
        body = b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":' + nested + b"}"
        assert (await client.ask(body))["error"]["code"] == -32700
        in_bounds = b'{"a":' * 500 + b"0" + b"}" * 500
        for method in (b"eth_call", b"eth_estimateGas", b"eth_simulateV1", b"debug_traceCall"):
            body = b'{"jsonrpc":"2.0","id":1,"method":"%s","params":[%s]}' % (method, in_bounds)
            error = (await client.ask(body))["error"]
            assert error["message"].endswith("nested too deeply")
        await client.close()


async def test_huge_numbers_are_refused() -> None:
    async with running_node() as node:
        client = await node.connect()
        digits = b"9" * 100_000
        body = b'{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":[%s,"latest"]}'
        answer = await client.ask(body % digits)
        assert answer["error"]["code"] in (-32700, -32602)
        assert "error" in await node.answer("eth_getBalance", ADDRESS, "0x" + "f" * 100_000)
        assert "error" in await node.answer("eth_feeHistory", "0x" + "f" * 64, "0x" + "f" * 64)
        await client.close()
