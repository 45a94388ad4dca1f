"""The HTTP front on real sockets: order, limits, keep-alive, and what it leaves to uvicorn."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from metis_node.rpc.limits import RpcLimits
from tests.integration.rpc.front_server import post, running_front
from tests.unit.rpc.dispatching import call


async def test_a_call_is_answered_and_the_connection_kept() -> None:
    async with running_front() as front:
        client = await front.connect()
        for number in range(3):
            await client.send(post(call("echo", number)))
            status, headers, answer = await client.answer()
            assert (status, answer["result"]) == (200, [number])
            assert headers["content-type"] == "application/json"
            assert "date" in headers
        assert front.app.seen == []
        await client.close()


async def test_asynchronous_calls_and_batches_are_answered() -> None:
    async with running_front() as front:
        client = await front.connect()
        assert (await client.ask(call("later", 1)))["result"] == [1]
        answers = await client.ask([call("later", 1), call("echo", 2)])
        assert [answer["result"] for answer in answers] == [[1], [2]]
        await client.close()


async def test_a_notification_is_answered_without_content() -> None:
    async with running_front() as front:
        client = await front.connect()
        await client.send(post({"jsonrpc": "2.0", "method": "echo"}))
        status, headers, answer = await client.answer()
        assert (status, headers["content-length"], answer) == (200, "0", None)
        await client.close()


async def test_a_chunked_body_is_put_together() -> None:
    async with running_front() as front:
        client = await front.connect()
        raw = orjson.dumps(call("echo", "chunked"))
        chunks = b"".join(b"1\r\n" + raw[i : i + 1] + b"\r\n" for i in range(len(raw)))
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await client.send(head + chunks + b"0\r\n\r\n")
        assert (await client.answer())[2]["result"] == ["chunked"]
        await client.close()


async def test_a_request_in_single_bytes_is_put_together() -> None:
    async with running_front() as front:
        client = await front.connect()
        for byte in post(call("echo", 5)):
            await client.send(bytes((byte,)))
        assert (await client.answer())[2]["result"] == [5]
        await client.close()


async def test_other_paths_and_methods_go_to_the_application() -> None:
    async with running_front() as front:
        client = await front.connect()
        await client.send(b"GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.answer())[2] == {"asgi": "/healthz", "body": 0}
        await client.send(post(b"12345", path="/other"))
        assert (await client.answer())[2] == {"asgi": "/other", "body": 5}
        assert (await client.ask(call("echo", 1)))["result"] == [1]
        assert front.app.seen == ["GET /healthz", "POST /other"]
        await client.close()


async def test_pipelined_answers_keep_the_order_of_their_requests() -> None:
    async with running_front() as front:
        client = await front.connect()
        await client.send(
            post(call("echo", 0))
            + post(call("gated", 1))
            + post(call("echo", 2))
            + b"GET /gated HTTP/1.1\r\nHost: x\r\n\r\n"
            + post(call("later", 4))
            + b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n"
            + post(call("echo", 6))
        )
        assert (await client.answer())[2]["result"] == [0]
        assert front.app.seen == []
        front.bench.gate.set()
        answers = [(await client.answer())[2] for _ in range(6)]
        assert answers[0]["result"] == [1]
        assert answers[1]["result"] == [2]
        assert answers[2]["asgi"] == "/gated"
        assert answers[3]["result"] == [4]
        assert answers[4]["asgi"] == "/last"
        assert answers[5]["result"] == [6]
        await client.close()


async def test_many_pipelined_requests_wait_their_turn() -> None:
    async with running_front(RpcLimits(pipelined=4)) as front:
        client = await front.connect()
        await client.send(post(call("gated", 0)))
        await client.send(b"".join(post(call("later", i)) for i in range(1, 200)))
        front.bench.gate.set()
        for number in range(200):
            assert (await client.answer())[2]["result"] == [number]
        await client.close()


async def test_a_client_that_does_not_read_is_not_served_ahead() -> None:
    async with running_front() as front:
        client = await front.connect()
        request = post(call("big", 1_000_000))
        await client.send(request * 50)
        await asyncio.wait_for(_settled(front.bench.dispatcher.methods["big"]), 10)
        assert front.bench.dispatcher.methods["big"].calls < 20
        for _ in range(50):
            assert len((await client.answer())[2]["result"]) == 1_000_000
        await client.close()


async def _settled(method: object) -> None:
    """Until the number of calls has not moved for ten turns of 20 ms."""
    unchanged, seen = 0, -1
    while unchanged < 10:
        await asyncio.sleep(0.02)
        calls = method.calls  # type: ignore[attr-defined]
        unchanged = unchanged + 1 if calls == seen else 0
        seen = calls


async def test_a_client_that_never_reads_is_cut_off() -> None:
    async with running_front(RpcLimits(idle_timeout_s=0.2)) as front:
        client = await front.connect()
        await client.send(post(call("big", 20_000_000)) * 3)
        async with asyncio.timeout(10):
            while front.desk.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await client.close()


async def test_a_body_above_the_limit_is_refused_while_it_comes() -> None:
    async with running_front(RpcLimits(body_bytes=1_000)) as front:
        client = await front.connect()
        assert (await client.ask(call("echo", "x" * 800)))["result"]
        await client.send(post(call("echo", "x" * 2_000)))
        status, headers, answer = await client.answer()
        assert status == 413
        assert headers["connection"] == "close"
        assert "above 1000 bytes" in answer["error"]["message"]
        assert await client.ended()
        assert front.desk.refused == 1
        await client.close()


async def test_an_endless_chunked_body_is_refused() -> None:
    async with running_front(RpcLimits(body_bytes=1_000)) as front:
        client = await front.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await client.send(b"200\r\n" + b"x" * 512 + b"\r\n")
        assert (await client.answer())[0] == 413
        await client.close()


async def test_endless_headers_are_refused() -> None:
    async with running_front(RpcLimits(header_bytes=1_000)) as front:
        client = await front.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 5_000)
        status, _, answer = await client.answer()
        assert status == 431
        assert "headers above 1000 bytes" in answer["error"]["message"]
        await client.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50,
        b"HELLO\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_refused(garbage: bytes) -> None:
    async with running_front() as front:
        client = await front.connect()
        await client.send(garbage)
        status, _, answer = await client.answer()
        assert status == 400
        assert answer["error"]["message"] == "malformed HTTP request"
        assert await client.ended()
        await client.close()


async def test_garbage_after_a_request_does_not_spoil_its_answer() -> None:
    async with running_front() as front:
        client = await front.connect()
        await client.send(post(call("gated", 1)) + b"\x00\x01garbage\r\n\r\n")
        front.bench.gate.set()
        assert (await client.answer())[2]["result"] == [1]
        assert (await client.answer())[0] == 400
        await client.close()


async def test_a_client_may_ask_to_continue_first() -> None:
    async with running_front() as front:
        client = await front.connect()
        raw = orjson.dumps(call("echo", 9))
        head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        await client.send(head % len(raw))
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(raw)
        assert (await client.answer())[2]["result"] == [9]
        await client.close()


async def test_close_and_http_1_0_are_honoured() -> None:
    async with running_front() as front:
        client = await front.connect()
        await client.send(post(call("echo"), Connection="close"))
        _, headers, _ = await client.answer()
        assert headers["connection"] == "close"
        assert await client.ended()
        old = await front.connect()
        await old.send(post(call("echo", 1)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await old.answer())[2]["result"] == [1]
        assert await old.ended()
        await client.close()
        await old.close()


async def test_an_offer_of_another_protocol_is_passed_over() -> None:
    async with running_front() as front:
        client = await front.connect()
        offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "A"}
        for number in range(2):
            await client.send(post(call("echo", number), **offer))
            assert (await client.answer())[2]["result"] == [number]
        assert (await client.ask(call("echo", 3)))["result"] == [3]
        await client.close()


async def test_a_page_of_an_allowed_origin_may_read_the_answer() -> None:
    async with running_front(cors_origins=frozenset(["https://good.example"])) as front:
        client = await front.connect()
        await client.send(post(call("echo"), Origin="https://good.example"))
        _, headers, _ = await client.answer()
        assert headers["access-control-allow-origin"] == "https://good.example"
        await client.send(post(call("echo"), Origin="https://bad.example"))
        _, headers, _ = await client.answer()
        assert "access-control-allow-origin" not in headers
        await client.close()


async def test_a_connection_that_spoke_for_a_page_stays_a_pages() -> None:
    async with running_front(cors_origins=frozenset(["*"])) as front:
        page, program = await front.connect(), await front.connect()
        assert (await program.ask(call("is_page")))["result"] is False
        for headers in ({"Origin": "https://a.example"}, {"Origin": "https://a.example"}, {}):
            await page.send(post(call("is_page"), **headers))
            assert (await page.answer())[2]["result"] is True
        assert (await program.ask(call("is_page")))["result"] is False
        await page.close()
        await program.close()


async def test_a_foreign_host_name_is_refused() -> None:
    async with running_front(virtual_hosts=frozenset(["localhost"])) as front:
        client = await front.connect()
        assert (await client.ask(call("echo", 1)))["result"] == [1]
        numeric = post(call("echo", 2)).replace(b"Host: localhost", b"Host: 127.0.0.1:8545")
        await client.send(numeric)
        assert (await client.answer())[2]["result"] == [2]
        await client.send(post(call("echo")).replace(b"Host: localhost", b"Host: evil.example"))
        status, _, answer = await client.answer()
        assert (status, answer["error"]["message"]) == (403, "invalid host specified")
        await client.close()


async def test_more_connections_than_allowed_are_refused() -> None:
    async with running_front(RpcLimits(connections=2)) as front:
        first, second = await front.connect(), await front.connect()
        assert (await first.ask(call("echo", 1)))["result"] == [1]
        assert (await second.ask(call("echo", 2)))["result"] == [2]
        third = await front.connect()
        status, _, answer = await third.answer()
        assert (status, answer["error"]["code"]) == (503, -32005)
        for client in (first, second, third):
            await client.close()


async def test_an_idle_connection_is_closed_and_a_busy_one_kept() -> None:
    async with running_front(RpcLimits(idle_timeout_s=0.2)) as front:
        idle, busy = await front.connect(), await front.connect()
        await busy.send(post(call("gated", 1)))
        assert await idle.ended()
        front.bench.gate.set()
        assert (await busy.answer())[2]["result"] == [1]
        await idle.close()
        await busy.close()


async def test_a_request_that_never_ends_is_cut() -> None:
    limits = RpcLimits(idle_timeout_s=0.2, request_timeout_s=0.2)
    async with running_front(limits) as front:
        client = await front.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert await client.ended()
        await client.close()


async def test_a_client_that_leaves_early_harms_nobody() -> None:
    async with running_front() as front:
        leaving, staying = await front.connect(), await front.connect()
        await leaving.send(post(call("gated", 1)) + b"GET /gated HTTP/1.1\r\nHost: x\r\n\r\n")
        await leaving.close()
        front.bench.gate.set()
        assert (await staying.ask(call("echo", 2)))["result"] == [2]
        await staying.close()


async def test_stopping_answers_what_is_under_way() -> None:
    async with running_front() as front:
        client = await front.connect()
        await client.send(post(call("gated", 1)))
        idle = await front.connect()
        assert (await idle.ask(call("echo")))["result"] == []
        stopping = asyncio.create_task(front.stop())
        assert await idle.ended()
        front.bench.gate.set()
        _, _, answer = await client.answer()
        assert answer["result"] == [1]
        assert await client.ended()
        await stopping
        await idle.close()
        await client.close()


async def test_repeated_and_changed_heads_are_told_apart() -> None:
    """Requests on one connection whose heads repeat, differ at equal length, or come in parts."""
    async with running_front() as front:
        client = await front.connect()
        tricky = "\r\n\r\nPOST / HTTP/1.1\r\n"
        for value in ("aaaa", "bbbb", tricky, tricky, "cccc"):
            assert (await client.ask(call("echo", value)))["result"] == [value]
        elsewhere = post(call("echo", "dddd"), path="/x").replace(b"localhost", b"localhos")
        assert len(elsewhere) == len(post(call("echo", "dddd")))
        await client.send(elsewhere)
        assert (await client.answer())[2]["asgi"] == "/x"
        await client.send(elsewhere)
        assert (await client.answer())[2]["asgi"] == "/x"
        await client.ask(call("echo", "ffff"))
        request = post(call("echo", "gggg"))
        for cut in (1, 30, len(request) - 1):
            await client.send(request[:cut])
            await asyncio.sleep(0)
            await client.send(request[cut:])
            assert (await client.answer())[2]["result"] == ["gggg"]
        await client.send(request + request[:40])
        assert (await client.answer())[2]["result"] == ["gggg"]
        await client.send(request[40:] + request)
        for _ in range(2):
            assert (await client.answer())[2]["result"] == ["gggg"]
        await client.close()
