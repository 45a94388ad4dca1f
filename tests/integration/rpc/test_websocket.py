"""JSON-RPC and subscriptions over WebSocket, with the `websockets` library as the client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from metis_node.rpc.limits import RpcLimits
from tests import factories
from tests.integration.rpc import probe_contract as probe
from tests.integration.rpc.rpc_node import RpcNode, running_node

ALICE, BOB = factories.key(0), factories.key(1)


class Socket:
    """A WebSocket that keeps answers and news apart."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.news: list[Any] = []

    async def ask(self, method: str, *params: Any) -> Any:
        await self.connection.send(
            orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).decode()
        )
        while True:
            message = orjson.loads(await self.connection.recv())
            if message.get("method") != "eth_subscription":
                return message
            self.news.append(message["params"])

    async def call(self, method: str, *params: Any) -> Any:
        answer = await self.ask(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    async def next(self, subscription: str) -> Any:
        """The next news of one subscription; the others' are kept."""
        while True:
            for index, params in enumerate(self.news):
                if params["subscription"] == subscription:
                    return self.news.pop(index)["result"]
            message = orjson.loads(await asyncio.wait_for(self.connection.recv(), 10))
            assert message["method"] == "eth_subscription"
            self.news.append(message["params"])


@contextlib.asynccontextmanager
async def opened(node: RpcNode, **options: Any) -> AsyncIterator[Socket]:
    url = f"ws://127.0.0.1:{node.server.port}"
    async with connect(url, **options) as connection:
        yield Socket(connection)


async def read_to_the_end(connection: ClientConnection) -> None:
    while True:
        await connection.recv()


async def test_calls_and_batches_like_over_http() -> None:
    async with running_node() as node, opened(node) as socket:
        assert await socket.call("eth_chainId") == hex(factories.CHAIN_ID)
        assert (await socket.ask("eth_nothing"))["error"]["code"] == -32601
        await socket.connection.send("nonsense")
        assert orjson.loads(await socket.connection.recv())["error"]["code"] == -32700
        batch = [{"jsonrpc": "2.0", "id": n, "method": "eth_blockNumber"} for n in range(3)]
        await socket.connection.send(orjson.dumps(batch).decode())
        answers = orjson.loads(await socket.connection.recv())
        assert [answer["id"] for answer in answers] == [0, 1, 2]
        await socket.connection.send(orjson.dumps(batch[0]))  # a binary frame
        assert orjson.loads(await socket.connection.recv())["result"] == "0x0"


async def test_new_heads_come_in_order() -> None:
    async with running_node() as node, opened(node) as socket:
        heads = await socket.call("eth_subscribe", "newHeads")
        mined = [await node.mine() for _ in range(3)]
        for imported in mined:
            head = await socket.next(heads)
            assert head["number"] == hex(imported.number)
            assert head["hash"] == "0x" + imported.sealed.hash.hex()
            assert "transactions" not in head
        assert await socket.call("eth_unsubscribe", heads) is True
        assert (await socket.ask("eth_unsubscribe", heads))["error"]["message"] == (
            "subscription not found"
        )
        await node.mine()
        assert await socket.call("eth_blockNumber") == "0x4"
        assert socket.news == []


async def test_logs_come_to_those_who_asked_for_them() -> None:
    async with running_node() as node, opened(node) as socket:
        await node.send(
            factories.sign_dynamic_fee(
                ALICE, nonce=0, to=None, data=probe.init_code(), gas_limit=1_000_000
            )
        )
        imported = await node.mine()
        block = await node.call("eth_getBlockReceipts", hex(imported.number))
        contract = block[1]["contractAddress"]
        every = await socket.call("eth_subscribe", "logs")
        mine = await socket.call("eth_subscribe", "logs", {"address": contract})
        by_topic = await socket.call(
            "eth_subscribe", "logs", {"topics": ["0x" + probe.TOPIC.hex()]}
        )
        others = await socket.call("eth_subscribe", "logs", {"address": "0x" + "77" * 20})
        for nonce in range(2):
            await node.send(
                factories.sign_dynamic_fee(
                    BOB, nonce=nonce, to=bytes.fromhex(contract[2:]), value=1, gas_limit=100_000
                )
            )
        await node.mine()
        found = await node.call("eth_getLogs", {"address": contract})
        assert len(found) == 2
        for subscription in (mine, by_topic):
            assert [await socket.next(subscription) for _ in range(2)] == found
        assert [await socket.next(every) for _ in range(len(found))] == found
        assert all(news["subscription"] != others for news in socket.news)


async def test_pending_transactions_as_hashes_and_in_full() -> None:
    async with running_node() as node, opened(node) as socket:
        hashes = await socket.call("eth_subscribe", "newPendingTransactions")
        full = await socket.call("eth_subscribe", "newPendingTransactions", True)
        sent = await node.send(factories.sign_dynamic_fee(ALICE, nonce=0, to=b"\x77" * 20))
        assert await socket.next(hashes) == sent
        transaction = await socket.next(full)
        assert transaction["hash"] == sent
        assert transaction["blockNumber"] is None


async def test_syncing_tells_of_changes() -> None:
    status: list[dict[str, str] | None] = [None]
    async with running_node(sync_status=lambda: status[0]) as node, opened(node) as socket:
        syncing = await socket.call("eth_subscribe", "syncing")
        status[0] = {"startingBlock": "0x0", "currentBlock": "0x1", "highestBlock": "0x9"}
        await node.mine()
        assert await socket.next(syncing) == {"syncing": True, "status": status[0]}
        assert await socket.call("eth_syncing") == status[0]
        status[0] = None
        await node.mine()
        assert await socket.next(syncing) is False


async def test_wrong_subscriptions_are_refused() -> None:
    async with running_node() as node, opened(node) as socket:
        error = (await socket.ask("eth_subscribe", "newTails"))["error"]
        assert error["code"] == -32601
        assert error["message"].startswith('no "newTails" subscription in eth namespace')
        assert "error" in await socket.ask("eth_subscribe")
        assert "error" in await socket.ask("eth_subscribe", "logs", {"address": "0x1"})
        assert "error" in await socket.ask("eth_subscribe", "newPendingTransactions", 5)
        over_http = await node.error("eth_subscribe", "newHeads")
        assert over_http["message"].startswith("notifications not supported")


async def test_subscriptions_of_a_connection_are_bounded() -> None:
    async with running_node(RpcLimits(subscriptions=2)) as node, opened(node) as socket:
        first = await socket.call("eth_subscribe", "newHeads")
        await socket.call("eth_subscribe", "newHeads")
        error = (await socket.ask("eth_subscribe", "newHeads"))["error"]
        assert error["message"] == "too many subscriptions on this connection: at most 2"
        await socket.call("eth_unsubscribe", first)
        await socket.call("eth_subscribe", "newHeads")


async def test_subscriptions_end_with_their_connection() -> None:
    async with running_node() as node:
        async with opened(node) as socket:
            await socket.call("eth_subscribe", "newHeads")
            await socket.call("eth_subscribe", "newPendingTransactions")
            assert len(node.server.feeds) == 2
            assert node.backend.pending.has_subscribers
        while node.server.face.connections:  # noqa: ASYNC110, it notices by itself
            await asyncio.sleep(0.01)
        assert len(node.server.feeds) == 0
        assert not node.backend.pending.has_subscribers


async def test_a_slow_consumer_is_disconnected_with_a_reason() -> None:
    limits = RpcLimits(websocket_queue=4)
    async with running_node(limits) as node:
        url = f"ws://127.0.0.1:{node.server.port}"
        async with connect(url, max_queue=1) as slow, opened(node) as quick:
            request = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
            await slow.send(orjson.dumps(request).decode())
            await slow.recv()
            (subscriber,) = {
                one.subscriber for one in node.server.feeds._by_kind["newHeads"].values()
            }
            heads = await quick.call("eth_subscribe", "newHeads")
            for _ in range(5):  # more than the queue holds, within one turn of the loop
                subscriber.push(b'"x"')
            assert subscriber.failure == "slow consumer: more than 4 messages waiting"
            with pytest.raises(ConnectionClosed) as closed:
                await read_to_the_end(slow)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
            assert "slow consumer" in closed.value.rcvd.reason
            await node.mine()
            assert (await quick.next(heads))["number"] == "0x1"


async def test_a_frame_above_the_limit_closes_the_connection() -> None:
    limits = RpcLimits(websocket_frame_bytes=1_000)
    async with running_node(limits) as node, opened(node) as socket:
        await socket.connection.send("x" * 2_000)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_pages_of_other_origins_are_refused() -> None:
    options = {"cors_origins": frozenset({"https://good.example"})}
    async with running_node(server_options=options) as node:
        async with opened(node, origin="https://good.example") as socket:
            assert await socket.call("eth_chainId")
        with pytest.raises(InvalidStatus) as refused:
            async with opened(node, origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403


async def test_stopping_closes_websockets() -> None:
    loop = asyncio.get_running_loop()
    async with running_node() as node:
        connection = await connect(f"ws://127.0.0.1:{node.server.port}")
        socket = Socket(connection)
        await socket.call("eth_subscribe", "newHeads")
        started = loop.time()
    assert loop.time() - started < 2
    with pytest.raises(ConnectionClosed):
        await connection.recv()


async def test_a_consumer_that_never_reads_is_cut_off() -> None:
    """Its socket is full, so not even the close frame gets through."""
    async with running_node(RpcLimits(websocket_queue=1_000)) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port, limit=1_000)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        body = b'{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'
        assert len(body) < 126
        writer.write(bytes((0x81, 0x80 | len(body))) + bytes(4) + body)
        assert b"result" in await reader.read(500)
        (subscription,) = node.server.feeds._by_kind["newHeads"].values()
        news = b'"' + b"x" * 100_000 + b'"'
        async with asyncio.timeout(20):
            while node.server.face.connections:
                subscription.notify(news)
                await asyncio.sleep(0)
        assert subscription.subscriber.failure is not None
        assert len(node.server.feeds) == 0
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
