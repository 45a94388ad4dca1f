"""One chain with its RPC server in this process: real parts throughout, blocks made on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.blockchain import Blockchain, Imported
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.chain.mempool import Mempool
from metis_node.chain.queries import Queries
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.block_producer import BlockProducer
from metis_node.engine.committer import Committer
from metis_node.engine.heads import Heads, PendingTransactions
from metis_node.engine.intake import Intake
from metis_node.engine.ports import SoleProposer
from metis_node.execution.genesis import parse_genesis
from metis_node.rpc.backend import Backend
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.server import RpcServer
from metis_node.storage.memory import MemoryStore
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Address, Hash32
from tests import factories
from tests.integration.rpc.front_server import Client

BENEFICIARY = Address(b"\xbe" * 20)
FUNDED_KEYS = 10


class FixedOrigin:
    """An L1 that stands still; young enough for every block."""

    def __init__(self, timestamp: int) -> None:
        self._origin = L1Origin(
            number=7,
            hash=Hash32(b"\x11" * 32),
            timestamp=timestamp,
            base_fee_per_gas=10**9,
            blob_base_fee=1,
            prev_randao=Hash32(b"\x22" * 32),
        )

    def origin_for(self, parent_origin_number: int, block_time_s: int) -> L1Origin | None:  # noqa: ARG002
        return self._origin

    async def changed(self) -> None:
        await asyncio.Event().wait()


class PunctualClock:
    """It is always just the time at which the next block is due: no block is late, however slow
    the machine."""

    def __init__(self, chain: Blockchain) -> None:
        self._chain = chain

    def now_ms(self) -> int:
        return earliest_time_ms(self._chain.head.header, self._chain.rules)

    async def wait_until_ms(self, due_ms: int) -> None:
        assert due_ms <= self.now_ms()


@dataclass
class RpcNode:
    """The parts, and short ways to use them."""

    backend: Backend
    server: RpcServer
    producer: BlockProducer

    async def mine(self) -> Imported:
        imported = await self.producer.produce()
        assert imported is not None
        return imported

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        return Client(reader, writer)

    async def answer(self, method: str, *params: Any) -> Any:
        """The whole answer over HTTP."""
        client = await self.connect()
        try:
            return await client.ask(
                {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
            )
        finally:
            await client.close()

    async def call(self, method: str, *params: Any) -> Any:
        """The result; AssertionError with the error where there is one."""
        answer = await self.answer(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, method: str, *params: Any) -> Any:
        answer = await self.answer(method, *params)
        assert "error" in answer, answer
        return answer["error"]

    async def send(self, raw: bytes) -> str:
        result: str = await self.call("eth_sendRawTransaction", "0x" + raw.hex())
        return result

    async def get(self, path: str) -> tuple[int, bytes]:
        """An ordinary HTTP GET."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        raw = await reader.read()
        writer.close()
        await writer.wait_closed()
        head, _, body = raw.partition(b"\r\n\r\n")
        return int(head.split()[1]), body


def genesis_document(timestamp: int) -> dict[str, Any]:
    alloc = json.loads(factories.alloc_json(factories.funded(FUNDED_KEYS)))
    return {
        "rules": {
            "chain_id": factories.CHAIN_ID,
            "forks": [{"timestamp": 0, "name": "prague"}],
            "gas_limit": factories.GAS_LIMIT,
            "block_time_ms": 1_000,
            "l1_start": 7,
        },
        "l1": {
            "number": 7,
            "hash": "0x" + "11" * 32,
            "timestamp": timestamp,
            "base_fee_per_gas": 10**9,
            "blob_base_fee": 1,
            "prev_randao": "0x" + "22" * 32,
        },
        "timestamp": timestamp,
        "alloc": alloc,
    }


@contextlib.asynccontextmanager
async def running_node(
    limits: RpcLimits | None = None, *, server_options: dict[str, Any] | None = None, **backend: Any
) -> AsyncIterator[RpcNode]:
    timestamp = int(time.time()) - 600
    genesis = parse_genesis(orjson.dumps(genesis_document(timestamp)))
    chain = Blockchain.initialise(MemoryStore(), genesis)
    heads, pending = Heads(), PendingTransactions()
    mempool = Mempool(AdmissionRules.of(chain.rules, timestamp))
    mempool.on_pending = pending.push
    committer = Committer(blockchain=chain, mempool=mempool, heads=heads)
    intake = Intake(blockchain=chain, mempool=mempool, journal=None)
    readers = ThreadPoolExecutor(2)
    parts = Backend(
        client_version="metis-node/test",
        blockchain=chain,
        queries=Queries(chain),
        mempool=mempool,
        intake=intake,
        heads=heads,
        pending=pending,
        readers=readers,
        registry=CollectorRegistry(),
        **backend,
    )
    producer = BlockProducer(
        leadership=SoleProposer(),
        builder=BlockBuilder(
            blockchain=chain,
            committer=committer,
            mempool=mempool,
            origins=FixedOrigin(timestamp),
            clock=PunctualClock(chain),
            beneficiary=BENEFICIARY,
        ),
    )
    task = asyncio.create_task(intake.run())
    try:
        options = {"port": 0, **(server_options or {})}
        async with RpcServer(parts, limits=limits, **options) as server:
            yield RpcNode(parts, server, producer)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await committer.aclose()
        await intake.aclose()
        readers.shutdown()
