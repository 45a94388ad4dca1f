"""Probes, metrics and docs beside the JSON-RPC, and starting and stopping the server."""

from __future__ import annotations

import asyncio
import socket

import orjson
import pytest

from metis_node.errors import InvalidConfig
from metis_node.rpc.backend import Check
from tests import factories
from tests.integration.rpc.front_server import post
from tests.integration.rpc.rpc_node import running_node


async def test_health_and_readiness() -> None:
    problems: list[str | None] = [None]
    check = Check(name="l1", problem=lambda: problems[0])
    async with running_node(checks=(check,)) as node:
        status, body = await node.get("/healthz")
        assert (status, orjson.loads(body)["status"]) == (200, "ok")
        status, body = await node.get("/readyz")
        assert (status, orjson.loads(body)) == (200, {"ready": True, "problems": {}, "head": 0})
        problems[0] = "the last L1 block is 900 s old: check l1.rpc"
        status, body = await node.get("/readyz")
        assert status == 503
        assert orjson.loads(body)["problems"] == {"l1": problems[0]}


async def test_calls_are_counted_by_method() -> None:
    async with running_node() as node:
        await node.call("eth_blockNumber")
        await node.call("eth_blockNumber")
        await node.error("eth_getBalance", "0x12")
        await node.error("eth_nothing")
        status, body = await node.get("/metrics")
        text = body.decode()
        assert status == 200
        assert 'metis_rpc_call_seconds_count{method="eth_blockNumber"} 2.0' in text
        assert 'metis_rpc_errors_total{method="eth_getBalance"} 1.0' in text
        assert "metis_rpc_refused_total 1.0" in text
        assert "metis_rpc_requests_total 4.0" in text


async def test_docs_and_unknown_paths() -> None:
    async with running_node() as node:
        assert (await node.get("/docs"))[0] == 200
        _, body = await node.get("/openapi.json")
        assert {"/healthz", "/readyz", "/metrics"} <= orjson.loads(body)["paths"].keys()
        assert (await node.get("/nothing"))[0] == 404


async def test_the_slow_way_answers_like_the_short_one() -> None:
    """A request in absolute form is left to ASGI; the answer is the same."""
    async with running_node() as node:
        client = await node.connect()
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
        short = await client.ask(body)
        await client.send(post(body, path="http://localhost/"))
        assert (await client.answer())[2] == short
        await client.close()


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidConfig, match=f"cannot listen on 127.0.0.1:{port}"):
            async with running_node(server_options={"port": port}):
                pass


async def test_stopping_is_quick_with_open_connections() -> None:
    loop = asyncio.get_running_loop()
    async with running_node() as node:
        clients = [await node.connect() for _ in range(5)]
        for client in clients:
            await client.ask({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"})
        waiting = await node.connect()
        raw = factories.sign_dynamic_fee(factories.key(0), nonce=0, to=bytes(20))
        params = ["0x" + raw.hex(), 60_000]
        arrived = asyncio.Event()
        node.backend.pending.subscribe(lambda _: arrived.set())
        asking = asyncio.create_task(
            waiting.ask(
                {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "eth_sendRawTransactionSync",
                    "params": params,
                }
            )
        )
        await arrived.wait()
        started = loop.time()
    assert loop.time() - started < 1.5
    assert "shutting down" in (await asking)["error"]["message"]
    for client in (*clients, waiting):
        assert await client.ended()
        await client.close()


async def test_pages_of_allowed_origins_may_ask() -> None:
    async with running_node(server_options={"cors_origins": frozenset({"*"})}) as node:
        client = await node.connect()
        await client.send(
            b"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n"
            b"Access-Control-Request-Method: POST\r\n"
            b"Access-Control-Request-Headers: content-type\r\n\r\n"
        )
        head = (await client.reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert " 200 " in head.split("\r\n")[0]
        assert "access-control-allow-origin: *" in head
        await client.close()


async def test_only_the_configured_namespaces_are_served() -> None:
    async with running_node(namespaces=frozenset({"eth", "rpc"})) as node:
        assert await node.call("eth_blockNumber") == "0x0"
        assert await node.call("rpc_modules") == {"eth": "1.0", "rpc": "1.0"}
        assert (await node.error("debug_getRawHeader", "latest"))["code"] == -32601
