"""The RPC server of one node: everything of this room put together, from socket to shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from time import monotonic

import structlog
from uvicorn import Config, Server

from metis_node.errors import InvalidConfig
from metis_node.rpc.app import create_app
from metis_node.rpc.backend import Backend
from metis_node.rpc.desk import Desk
from metis_node.rpc.filters import Filters
from metis_node.rpc.front import front_class
from metis_node.rpc.jsonrpc import Dispatcher
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.methods.table import method_table
from metis_node.rpc.metrics import RpcCollector
from metis_node.rpc.receipt_waiters import ReceiptWaiters
from metis_node.rpc.subscriptions import Feeds
from metis_node.rpc.websocket import WebSocketFace, WebSocketProtocol

BACKLOG = 2_048  # connections that the kernel holds until they are accepted
GRACE_S = 0.3  # for calls under way when the server is stopped
SHUTDOWN_S = 1  # for connections to close after that

log = structlog.get_logger(__name__)


class RpcServer:
    """`async with RpcServer(...) as server:` serves HTTP and WebSocket on one port until the end.

    Raises InvalidConfig on entry where it cannot listen. Never touches signals.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        host: str = "127.0.0.1",
        port: int = 8545,
        limits: RpcLimits | None = None,
        cors_origins: frozenset[str] = frozenset(),
        virtual_hosts: frozenset[str] | None = None,
    ) -> None:
        self.backend = backend
        self.host = host
        self.port = port  # the real one after entry, where 0 was given
        self.limits = limits if limits is not None else RpcLimits()
        self.feeds = Feeds(backend, self.limits)
        self.filters = Filters(self.limits, backend.pending, monotonic)
        self.waiters = ReceiptWaiters(self.limits.sync_waiting)
        self.dispatcher = Dispatcher(self._methods(), self.limits)
        self.desk = Desk(
            dispatcher=self.dispatcher,
            limits=self.limits,
            cors_origins=cors_origins,
            virtual_hosts=virtual_hosts,
        )
        self.face = WebSocketFace(self.desk, self.feeds)
        self.app = create_app(backend, self.desk, self.face)
        self._collector = RpcCollector(self.desk, self.feeds, self.face)
        self._stack = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://{_bracketed(self.host)}:{self.port}"

    async def __aenter__(self) -> RpcServer:
        async with contextlib.AsyncExitStack() as stack:
            listener = _listen(self.host, self.port)
            stack.callback(listener.close)
            self.port = listener.getsockname()[1]
            self.backend.registry.register(self._collector)
            stack.callback(self.backend.registry.unregister, self._collector)
            stack.callback(self.filters.close)
            stack.callback(self.backend.heads.subscribe(self.waiters.on_head))
            await stack.enter_async_context(self.feeds)
            await self._start(stack, listener)
            self._stack = stack.pop_all()
        log.info("rpc listening", host=self.host, port=self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _methods(self) -> list[Method]:
        return method_table(
            self.backend,
            self.limits,
            feeds=self.feeds,
            filters=self.filters,
            waiters=self.waiters,
        )

    async def _start(self, stack: contextlib.AsyncExitStack, listener: socket.socket) -> None:
        config = Config(
            self.app,
            http=front_class(self.desk),
            ws=WebSocketProtocol,
            ws_max_size=self.limits.websocket_frame_bytes,
            ws_per_message_deflate=False,  # its state costs 40 KB a connection
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        config.load()
        server = Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        loop = asyncio.create_task(server.main_loop(), name="rpc server")
        stack.push_async_callback(self._stop, server, loop, listener)

    async def _stop(
        self, server: Server, loop: asyncio.Task[None], listener: socket.socket
    ) -> None:
        server.should_exit = True
        await loop
        await self.dispatcher.close(GRACE_S)  # so that no connection has to be waited for
        await server.shutdown(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise InvalidConfig(
            f"cannot listen on {_bracketed(host)}:{port}: {error.strerror or error}; choose "
            "another --rpc-host or --rpc-port, or stop what uses it"
        ) from error
    return listener


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
