"""The HTTP front: uvicorn's httptools protocol with a short way for `POST /`.

A JSON-RPC request goes from the parser to the dispatcher and back to the socket without ASGI, which
costs three times as much as the rest together. Everything else (other paths and methods, WebSocket
upgrades) takes uvicorn's way to the FastAPI application. Answers leave in the order of their
requests, whichever way these took. What a request means is not known here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from metis_node.rpc import errors
from metis_node.rpc.desk import Desk
from metis_node.rpc.jsonrpc import Deferred, failure
from metis_node.rpc.session import Session
from metis_node.rpc.uvicorn_shape import check_uvicorn

ROOT = b"/"
OFFER_HEADERS = (b"upgrade", b"connection", b"http2-settings")
JOINED_BELOW = 65_536  # larger bodies are written apart from their head, without a copy
LINGER_S = 2.0  # a refused connection stays open, so that its client can read why
DISCARDED_BYTES = 64 << 20  # read of a refused body before the connection is cut
REASONS = {
    200: b"OK",
    400: b"Bad Request",
    403: b"Forbidden",
    413: b"Content Too Large",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


check_uvicorn()


class Exchange:
    """One request whose answer has not been written: of ours, or a cycle of uvicorn's."""

    __slots__ = ("app", "body", "cycle", "front", "keep_alive", "origin", "payload", "status")

    def __init__(self, front: Front, keep_alive: bool, origin: bytes) -> None:
        self.front = front
        self.keep_alive = keep_alive
        self.origin = origin
        self.body: bytes | None = None  # not dispatched yet
        self.payload: bytes | None = None
        self.status = 200
        self.cycle: RequestResponseCycle | None = None
        self.app: ASGI3Application | None = None  # not started yet

    def take(self, answer: bytes | Deferred) -> None:
        """Have this answer, or wait for it."""
        if isinstance(answer, bytes):
            self.payload = answer
        else:
            answer.respond = self.respond

    def respond(self, payload: bytes) -> None:
        self.payload = payload
        self.front.pump()


class Front(HttpToolsProtocol):
    """One connection. `front_class` binds it to a desk."""

    desk: Desk

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = False
        self._exchanges: deque[Exchange] = deque()
        self._session = Session("")
        self._ours = False  # the request being read goes the short way
        self._offered = False  # the request offers to leave HTTP/1.1, see `_upgrade`
        self._refused = False  # the rest of the connection is read and thrown away
        self._in_head = True
        self._in_message = False  # the parser has seen the beginning of a request, not its end
        self._head_bytes = 0
        self._simple = False  # the last head: ours, its body as long as it says, nothing unusual
        self._known_head = b""
        self._known_size = 0  # of a request with that head; 0: none is known
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._origin = b""
        self._host = b""
        self._head = b""
        self._head_of: object = None
        self._active_at = 0.0
        self._began_at = 0.0
        self._unread = 0  # bytes written that the client had not taken at the last look
        self._idle_timer: asyncio.TimerHandle | None = None

    # --- connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.desk.connections += 1
        limits = self.desk.limits
        self._active_at = self._began_at = now = self.loop.time()
        client = self.client[0] if self.client else "local"
        self._session = Session(client, self.desk.rates.bucket(client, now))
        self._idle_timer = self.loop.call_later(limits.idle_timeout_s, self._check_idle)
        if self.desk.connections > limits.connections:
            text = f"too many connections: at most {limits.connections}"
            self._refuse(503, errors.LIMIT_EXCEEDED, text)

    def connection_lost(self, exc: Exception | None) -> None:
        self.desk.connections -= 1
        self._stop_timer()
        for exchange in self._exchanges:
            cycle = exchange.cycle
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self._exchanges.clear()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close once everything asked for has been answered."""
        if not self._exchanges:
            self.transport.close()
            return
        last = self._exchanges[-1]
        last.keep_alive = False
        if last.cycle is not None:
            last.cycle.keep_alive = False

    def handle_websocket_upgrade(self) -> None:
        if self._exchanges:  # a pipelined upgrade: nobody does this, and its order would be lost
            self.transport.close()
            return
        self.desk.connections -= 1
        self._stop_timer()
        super().handle_websocket_upgrade()

    def _stop_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _check_idle(self) -> None:
        """Runs once per time-out instead of being armed by each request, which would cost more."""
        limits = self.desk.limits
        now = self.loop.time()
        unread = self.transport.get_write_buffer_size()
        if unread and unread == self._unread:
            self.transport.abort()  # its client has read nothing for a whole turn of this timer
            return
        self._unread = unread
        if self._exchanges or unread:
            idle = 0.0
        elif self._in_message or self._head_bytes:
            idle = limits.idle_timeout_s if now - self._began_at > limits.request_timeout_s else 0.0
        else:
            idle = now - self._active_at
        if idle >= limits.idle_timeout_s:
            self.transport.close()
            return
        delay = min(limits.idle_timeout_s - idle, limits.request_timeout_s)
        self._idle_timer = self.loop.call_later(delay, self._check_idle)

    # --- reading

    def data_received(self, data: bytes) -> None:
        self._active_at = self.loop.time()
        head = self._known_head
        if len(data) == self._known_size and data.startswith(head) and self._at_boundary():
            # The same head as before means the same: one whole request, its body is the rest.
            self._answer(data[len(head) :])
            return
        self._known_size = 0
        whole = self._at_boundary()
        self._parse(data)
        if whole and self._simple and self._at_boundary():
            self._remember_head(data)

    def _at_boundary(self) -> bool:
        """Whether the parser stands between two requests."""
        return not self._in_message and not self._head_bytes and not self._refused

    def _remember_head(self, data: bytes) -> None:
        """Know this head again if `data` is exactly one request with a plain body: clients repeat
        their heads, and parsing one costs more than answering most requests."""
        end = data.find(b"\r\n\r\n") + 4
        if end + self._body_bytes == len(data):
            self._known_head = data[:end]
            self._known_size = len(data)

    def _parse(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(400, errors.INVALID_REQUEST, "malformed HTTP request")
            return
        if self._in_head and self._head_bytes > self.desk.limits.header_bytes:
            self._refuse_head()

    def _upgrade(self, rest: bytes) -> None:
        if self._should_upgrade():
            self.handle_websocket_upgrade()
            return
        # Another protocol was offered (h2c): stay with HTTP/1.1. The parser has stopped before the
        # body, so a new one reads the request again, without the offer.
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(400, errors.INVALID_REQUEST, "CONNECT is not served here")
            return
        self.parser = httptools.HttpRequestParser(self)
        self._offered = False
        kept = [pair for pair in self.headers if pair[0].lower() not in OFFER_HEADERS]
        lines = [b"%s %s HTTP/1.1\r\n" % (method, self.url)]
        lines += [b"%s: %s\r\n" % pair for pair in kept]
        self.data_received(b"".join([*lines, b"\r\n", rest]))

    def _get_upgrade(self) -> bytes | None:
        self.headers = [(name.lower(), value) for name, value in self.headers]
        return super()._get_upgrade()

    def on_message_begin(self) -> None:
        self._in_message = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._origin = b""
        self._host = b""
        self._simple = True
        self._began_at = self._active_at

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))
        size = len(name)
        if size == 17 and name.lower() == b"transfer-encoding":
            self._simple = False
        elif size == 6:
            lowered = name.lower()
            if lowered == b"origin":
                self._origin = value
                self._session.is_page = True
            elif lowered == b"expect":
                self._simple = False
                self.expect_100_continue = value.lower() == b"100-continue"
        elif size == 4 and name.lower() == b"host":
            self._host = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        parser = self.parser
        if self._refused:
            self._ours = True
            return
        if parser.should_upgrade() and not self._should_upgrade():
            self._offered = True
            self._simple = False
            return
        if self.desk.virtual_hosts is not None and not self.desk.host_allowed(self._host):
            self._refuse(403, errors.REFUSED, "invalid host specified")
            return
        self._ours = (
            self.url == ROOT and parser.get_method() == b"POST" and not parser.should_upgrade()
        )
        if not self._ours:
            self._simple = False
            self._take_uvicorns_way()
            return
        self._body = []
        self._body_bytes = 0
        if self.expect_100_continue and not self._exchanges:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if not self._ours:
            super().on_body(body)
            return
        self._body_bytes += len(body)
        if self._refused:
            if self._body_bytes > DISCARDED_BYTES:
                self.transport.abort()
            return
        bound = self.desk.limits.body_bytes
        if self._body_bytes > bound:
            self._refuse(413, errors.INVALID_REQUEST, f"request body above {bound} bytes")
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._in_message = False
        if self._offered:
            return
        if not self._ours:
            super().on_message_complete()
        elif not self._refused:
            parts = self._body
            self._body = []
            self._answer(parts[0] if len(parts) == 1 else b"".join(parts))
        elif not self._exchanges:
            self.transport.close()

    def _take_uvicorns_way(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers.extend((name.lower(), value) for name, value in headers)
        # With a cycle of an earlier request left here uvicorn would queue this one by itself; all
        # queueing is done in `_exchanges`.
        self.cycle = None  # type: ignore[assignment]
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        exchange = Exchange(self, cycle.keep_alive, b"")
        exchange.cycle = cycle
        exchange.app = app
        self._exchanges.append(exchange)
        self.pump()

    def on_response_complete(self) -> None:
        """A cycle of uvicorn's has answered."""
        self.server_state.total_requests += 1
        self._active_at = self.loop.time()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.pump()

    # --- answering

    def _answer(self, body: bytes) -> None:
        """A whole JSON-RPC request has been read."""
        self.desk.requests += 1
        keep_alive = self.parser.should_keep_alive()
        exchanges = self._exchanges
        if self.flow.write_paused or len(exchanges) >= self.desk.limits.pipelined:
            exchange = Exchange(self, keep_alive, self._origin)
            exchange.body = body
            exchanges.append(exchange)
            self.flow.pause_reading()
            return
        answer = self.desk.dispatcher.handle(body, self._session)
        if type(answer) is bytes and not exchanges:
            self._write(answer, 200, keep_alive, self._origin)
            return
        exchange = Exchange(self, keep_alive, self._origin)
        exchange.take(answer)
        exchanges.append(exchange)

    def pump(self) -> None:
        """Write the answers that are due, in the order of their requests; start what waited."""
        exchanges = self._exchanges
        while exchanges and not self.transport.is_closing():
            exchange = exchanges[0]
            if exchange.cycle is not None:
                if not self._pump_cycle(exchange, exchange.cycle):
                    return
            elif not self._pump_ours(exchange):
                return
        if not self.flow.write_paused and not self.transport.is_closing():
            self.flow.resume_reading()

    def _pump_cycle(self, exchange: Exchange, cycle: RequestResponseCycle) -> bool:
        if exchange.app is not None:
            app, exchange.app = exchange.app, None
            super()._start_asgi_task(cycle, app)
            return False
        if not cycle.response_complete:
            return False
        self._exchanges.popleft()
        return True

    def _pump_ours(self, exchange: Exchange) -> bool:
        if exchange.body is not None:
            if self.flow.write_paused:
                return False
            body, exchange.body = exchange.body, None
            exchange.take(self.desk.dispatcher.handle(body, self._session))
        if exchange.payload is None:
            return False
        self._exchanges.popleft()
        self._write(exchange.payload, exchange.status, exchange.keep_alive, exchange.origin)
        return True

    def _write(self, payload: bytes, status: int, keep_alive: bool, origin: bytes) -> None:
        size = len(payload)
        if status == 200 and keep_alive and not origin:
            head = b"%s%d\r\n\r\n" % (self._ok_head(), size)
        else:
            head = self._unusual_head(size, status, keep_alive, origin)
        if size < JOINED_BELOW:
            self.transport.write(head + payload)
        else:
            self.transport.write(head)
            self.transport.write(payload)
        if not keep_alive and not self._refused:
            self.transport.close()
        elif self.flow.write_paused:
            self.flow.pause_reading()

    def _unusual_head(self, size: int, status: int, keep_alive: bool, origin: bytes) -> bytes:
        lines = [
            b"HTTP/1.1 %d %s\r\n" % (status, REASONS[status]),
            *(b"%s: %s\r\n" % pair for pair in self.server_state.default_headers),
            b"content-type: application/json\r\n",
        ]
        if origin:
            lines.append(self.desk.cors_header(origin))
        if not keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"content-length: %d\r\n\r\n" % size)
        return b"".join(lines)

    def _ok_head(self) -> bytes:
        """The usual head up to the length; built anew when uvicorn's clock moved its date."""
        defaults = self.server_state.default_headers
        if self._head_of is not defaults:
            self._head_of = defaults
            self._head = b"".join(
                [
                    b"HTTP/1.1 200 OK\r\n",
                    *(b"%s: %s\r\n" % pair for pair in defaults),
                    b"content-type: application/json\r\ncontent-length: ",
                ]
            )
        return self._head

    def resume_writing(self) -> None:
        super().resume_writing()
        self.pump()

    # --- refusing

    def _refuse_head(self) -> None:
        bound = self.desk.limits.header_bytes
        self._refuse(431, errors.INVALID_REQUEST, f"request headers above {bound} bytes")

    def _refuse(self, status: int, code: int, message: str) -> None:
        """Answer with this error after what came before, then close.

        What the client still sends is read and thrown away, for a while: closing at once would
        reset the connection, and the client would never see why.
        """
        if self._refused or self.transport.is_closing():
            return
        self.desk.refused += 1
        self._refused = True
        self._ours = True
        self._body = []
        exchange = Exchange(self, False, self._origin)
        exchange.status = status
        exchange.payload = failure(None, errors.error_member(code, message))
        self._exchanges.append(exchange)
        self.pump()
        self._stop_timer()
        self._linger(self.loop.time() + LINGER_S)

    def _linger(self, deadline: float) -> None:
        if self.loop.time() >= deadline:
            self.transport.close()
        elif not self.transport.is_closing():
            self._idle_timer = self.loop.call_later(LINGER_S / 4, self._linger, deadline)


def front_class(desk: Desk) -> type[Front]:
    """The protocol for one server's connections."""
    return type("BoundFront", (Front,), {"desk": desk})
