"""The HTTP front on a real socket, over methods that need no chain and a small ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import orjson
from uvicorn import Config, Server

from metis_node.rpc.desk import Desk
from metis_node.rpc.front import front_class
from metis_node.rpc.limits import RpcLimits
from tests.unit.rpc.dispatching import Bench


class App:
    """Answers every request that the front leaves to ASGI; `/gated` waits for the gate."""

    def __init__(self, gate: asyncio.Event) -> None:
        self.gate = gate
        self.seen: list[str] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.seen.append(f"{scope['method']} {scope['path']}")
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/gated":
            await self.gate.wait()
        text = orjson.dumps({"asgi": scope["path"], "body": len(body)})
        headers = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})


class Running:
    def __init__(self, desk: Desk, bench: Bench, app: App, server: Server, port: int) -> None:
        self.desk = desk
        self.bench = bench
        self.app = app
        self.port = port
        self._server = server
        self._loop = asyncio.create_task(server.main_loop())

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._loop
        await self._server.shutdown()

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Client(reader, writer)


class Client:
    """HTTP/1.1 by hand: bytes go out as they are, answers are read one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """(status, headers, decoded JSON or None). Raises IncompleteReadError at the end."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, orjson.loads(body) if body else None

    async def ask(self, body: bytes | object, **headers: str) -> Any:
        await self.send(post(body, **headers))
        return (await self.answer())[2]

    async def ended(self) -> bool:
        """Whether the server has closed, once it has or has sent something else."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 5) == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def post(body: bytes | object, path: str = "/", **headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


@contextlib.asynccontextmanager
async def running_front(
    limits: RpcLimits | None = None, **desk_options: Any
) -> AsyncIterator[Running]:
    limits = limits or RpcLimits()
    bench = Bench(limits)
    desk = Desk(dispatcher=bench.dispatcher, limits=limits, **desk_options)
    app = App(bench.gate)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    config = Config(
        app,
        http=front_class(desk),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    running = Running(desk, bench, app, server, listener.getsockname()[1])
    try:
        yield running
    finally:
        await running.stop()
        listener.close()
