"""The HTTP front on a transport in memory: however the bytes arrive, the answers are the same."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from metis_node.rpc.desk import Desk
from metis_node.rpc.front import Front, front_class
from metis_node.rpc.jsonrpc import Dispatcher
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method


class Pipe:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else None

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def _application(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("no ASGI here")


def connected() -> tuple[Front, Pipe]:
    limits = RpcLimits(body_bytes=500, header_bytes=500)
    methods = [Method("echo", lambda params, _session: params)]
    desk = Desk(dispatcher=Dispatcher(methods, limits), limits=limits)
    protocol_class = front_class(desk)
    config = Config(_application, http=protocol_class, lifespan="off", log_config=None)
    config.load()
    front, pipe = protocol_class(config, ServerState(), {}), Pipe()
    front.connection_made(pipe)  # type: ignore[arg-type]
    return front, pipe


async def answers(chunks: list[bytes]) -> tuple[bytes, bool]:
    """(everything written, closed) after these chunks."""
    front, pipe = connected()
    for chunk in chunks:
        if not pipe.closed:
            front.data_received(chunk)
    refused = front._refused
    front.connection_lost(None)
    return pipe.written, pipe.closed or refused


def request(parameter: object, head: str) -> bytes:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "echo", "params": [parameter]})
    return f"POST / HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


heads = st.sampled_from(["Host: a\r\n", "Host: b\r\n", "", "Host: a\r\nOrigin: x\r\n", "X: y\r\n"])
parameters = st.sampled_from(["", "a", "b", "\r\n\r\n", "POST / HTTP/1.1\r\n", "ab", 7])
whole_requests = st.builds(request, parameters, heads)
garbage = st.binary(max_size=40) | st.sampled_from(
    [b"\r\n", b"POST / HTTP/1.1\r\n\r\n", b"GET", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"]
)
streams = st.lists(whole_requests, min_size=1, max_size=6)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[a:b] for a, b in itertools.pairwise(edges)]


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
@settings(max_examples=300, deadline=None)
def test_answers_do_not_depend_on_how_the_requests_are_cut(
    stream: list[bytes], places: list[int]
) -> None:
    one_by_one = asyncio.run(answers(stream))
    assert one_by_one == asyncio.run(answers([b"".join(stream)]))
    assert one_by_one == asyncio.run(answers(cut(b"".join(stream), places)))
    assert one_by_one[0].count(b"HTTP/1.1 200 OK") == len(stream)


@given(st.lists(garbage | whole_requests, max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_front(chunks: list[bytes]) -> None:
    if any(b" /" in chunk[:9] and not chunk.startswith(b"POST / ") for chunk in chunks):
        return
    written, closed = asyncio.run(answers(chunks))
    if b"HTTP/1.1 4" in written:
        assert closed


async def test_the_rest_of_a_head_is_not_known_as_a_head() -> None:
    first, second = request("a", "Host: a\r\n"), request("b", "Host: a\r\n")
    rest = second[20:]
    written, refused = await answers([first + second[:20], rest, rest])
    assert written.count(b"HTTP/1.1 200 OK") == 2
    assert b"HTTP/1.1 400" in written
    assert refused
