"""Requests per second and server CPU per request of single RPC methods, beside anvil in one run.

Both servers get the same transfers first and then take turns, method by method. The client is a
bare asyncio protocol on keep-alive connections with one request in flight each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from eth_account import Account

from bench.anvil_process import ANVIL, Anvil, anvil
from bench.devnet_process import Devnet, devnet
from bench.loadgen import BLOCK_BYTES, GAS_LIMIT
from bench.report import publish

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
RECIPIENT = "0x" + "77" * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    name: str
    host: str
    port: int
    pid: int
    key: str

    def cpu_s(self) -> float:
        """User and system time of the process so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S


class Connection(asyncio.Protocol):
    """Sends the next request when an answer has come, until the deadline."""

    def __init__(self, server: Server, bodies: Iterator[bytes], deadline: float) -> None:
        self._head = f"POST / HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n".encode()
        self._bodies = bodies
        self._deadline = deadline
        self._buffer = b""
        self.answered = 0
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        size = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + size:
            return
        self.answered += 1
        self.failed += b'"error"' in self._buffer
        self._buffer = b""
        if time.perf_counter() < self._deadline:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        body = next(self._bodies)
        self._transport.write(
            b"%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (self._head, len(body), body)
        )


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench rpc_front", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="per method and server")
    parser.add_argument("--rounds", type=int, default=3, help="the median is shown")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--transfers", type=int, default=500, help="made before measuring")
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(_ours())]
        if ANVIL.exists():
            servers.append(stack.enter_context(_peer()))
        rows = asyncio.run(_measure(servers, options))
    columns = ["method"]
    for server in servers:
        columns += [f"{server.name} req/s", f"{server.name} CPU us"]
    publish("rpc_front", columns, rows, connections=options.connections, rounds=options.rounds)


@contextlib.contextmanager
def _ours() -> Iterator[Server]:
    with devnet(
        gas_limit=GAS_LIMIT, max_block_bytes=BLOCK_BYTES, options=("--no-batcher",)
    ) as node:
        yield _server("metis-node", node)


@contextlib.contextmanager
def _peer() -> Iterator[Server]:
    with anvil() as node:
        yield _server("anvil", node)


def _server(name: str, node: Devnet | Anvil) -> Server:
    url = urlsplit(node.url)
    assert url.hostname is not None
    assert url.port is not None
    return Server(name=name, host=url.hostname, port=url.port, pid=node.pid, key=node.key)


async def _measure(servers: list[Server], options: argparse.Namespace) -> list[list[object]]:
    requests = [_requests(server, await _transfer(server, options.transfers)) for server in servers]
    rows: list[list[object]] = []
    for method in requests[0]:
        row: list[object] = [method]
        figures: list[list[tuple[float, float]]] = [[] for _ in servers]
        for _ in range(options.rounds):
            for index, server in enumerate(servers):
                figures[index].append(await _load(server, requests[index][method], options))
        for runs in figures:
            middle = sorted(runs)[len(runs) // 2]
            row += [round(middle[0]), middle[1]]
        rows.append(row)
        print(row, flush=True)
    return rows


async def _load(
    server: Server, bodies: list[bytes], options: argparse.Namespace
) -> tuple[float, float]:
    """(requests per second, CPU microseconds per request)."""
    loop = asyncio.get_running_loop()
    started, cpu = time.perf_counter(), server.cpu_s()
    deadline = started + options.seconds
    connections = []
    for index in range(options.connections):
        cycle = itertools.cycle(bodies[index % len(bodies) :] + bodies[: index % len(bodies)])
        connection = Connection(server, cycle, deadline)
        await loop.create_connection(partial(_same, connection), server.host, server.port)
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    answered = sum(connection.answered for connection in connections)
    failed = sum(connection.failed for connection in connections)
    if failed:
        raise SystemExit(f"{server.name}: {failed} of {answered} answers were errors")
    took = time.perf_counter() - started
    return answered / took, (server.cpu_s() - cpu) / answered * 1e6


def _same(connection: Connection) -> Connection:
    return connection


def _requests(server: Server, hashes: list[str]) -> dict[str, list[bytes]]:
    """Bodies by what they ask for."""
    sender = Account.from_key(server.key).address
    latest = "latest"
    call = {"from": sender, "to": "0x" + "00" * 19 + "04", "data": "0x" + "ab" * 32}  # identity
    batch = [_call("eth_blockNumber", index=index) for index in range(100)]
    return {
        "eth_blockNumber": [_body(_call("eth_blockNumber"))],
        "eth_chainId": [_body(_call("eth_chainId"))],
        "eth_getBalance": [_body(_call("eth_getBalance", sender, latest))],
        "eth_getTransactionCount": [_body(_call("eth_getTransactionCount", sender, latest))],
        "eth_call": [_body(_call("eth_call", call, latest))],
        "eth_gasPrice": [_body(_call("eth_gasPrice"))],
        "eth_getTransactionReceipt": [
            _body(_call("eth_getTransactionReceipt", one)) for one in hashes
        ],
        "eth_getTransactionByHash": [
            _body(_call("eth_getTransactionByHash", one)) for one in hashes
        ],
        "eth_getBlockByNumber": [_body(_call("eth_getBlockByNumber", latest, False))],
        "batch of 100 eth_blockNumber": [_body(batch)],
    }


def _call(method: str, *params: object, index: int = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": index, "method": method, "params": list(params)}


def _body(request: object) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode()


async def _transfer(server: Server, count: int) -> list[str]:
    """Make transfers and wait until the last is in a block; their hashes."""
    account = Account.from_key(server.key)
    chain_id = int(await _ask(server, "eth_chainId"), 16)
    first = int(await _ask(server, "eth_getTransactionCount", account.address, "latest"), 16)
    hashes = []
    for nonce in range(first, first + count):
        signed = account.sign_transaction(
            {
                "chainId": chain_id,
                "nonce": nonce,
                "to": RECIPIENT,
                "value": 1,
                "gas": 21_000,
                "gasPrice": 10**10,
            }
        )
        raw = "0x" + bytes(signed.raw_transaction).hex()
        hashes.append(await _ask(server, "eth_sendRawTransaction", raw))
    while await _ask(server, "eth_getTransactionReceipt", hashes[-1]) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return hashes


async def _ask(server: Server, method: str, *params: object) -> Any:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    body = _body(_call(method, *params))
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + body)
    answer = json.loads((await reader.read()).split(b"\r\n\r\n", 1)[1])
    writer.close()
    if "error" in answer:
        raise SystemExit(f"{server.name}: {method}: {answer['error']}")
    return answer["result"]
