"""JSON-RPC over WebSocket: an ASGI application for one path, and uvicorn's protocol beneath it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from metis_node.rpc.desk import Desk
from metis_node.rpc.session import Session
from metis_node.rpc.subscriptions import Feeds, Subscriber

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRY_AGAIN_LATER = 1013  # RFC 6455's registry
CLOSE_WAIT_S = 1.0  # to get the close frame out to a consumer that does not read
ABORT = "metis.abort"  # key of the ASGI state under which the transport's abort is found


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's protocol, whose applications can cut the connection."""

    async def run_asgi(self) -> None:
        self.scope["state"][ABORT] = self.transport.abort
        await super().run_asgi()


class WebSocketFace:
    """Serves one WebSocket per call."""

    def __init__(self, desk: Desk, feeds: Feeds) -> None:
        self._desk = desk
        self._feeds = feeds
        self.connections = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not self._allowed(scope):
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        self.connections += 1
        subscriber = Subscriber(self._desk.limits)
        try:
            await self._serve(scope, receive, send, subscriber)
        finally:
            self.connections -= 1
            self._feeds.remove_all(subscriber)

    def _allowed(self, scope: Message) -> bool:
        """Browsers name their page's origin; it must be one that may call us. Others name none."""
        if self.connections >= self._desk.limits.connections:
            return False
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        return all(self._desk.cors_header(origin) for origin in origins)

    async def _serve(
        self, scope: Message, receive: Receive, send: Send, subscriber: Subscriber
    ) -> None:
        client = scope["client"][0] if scope.get("client") else "local"
        bucket = self._desk.rates.bucket(client, perf_counter())
        is_page = any(name == b"origin" for name, _ in scope["headers"])
        session = Session(client, bucket, subscriber, is_page=is_page)
        conversation = Conversation(self._desk, session)
        reader = asyncio.create_task(conversation.read(receive))
        writer = asyncio.create_task(_write(subscriber, send))
        watch = asyncio.create_task(subscriber.given_up.wait())  # the writer may be stuck
        tasks = (reader, writer, watch)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if subscriber.failure is not None:
                await _give_up(scope, send, subscriber.failure)
        finally:
            subscriber.fail("closed")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class Conversation:
    """The requests of one WebSocket: at most so many unanswered at a time."""

    def __init__(self, desk: Desk, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._room = asyncio.Semaphore(desk.limits.websocket_in_flight)

    async def read(self, receive: Receive) -> None:
        """Until the client leaves."""
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            await self._room.acquire()
            text = message.get("text")
            body = message.get("bytes") or b"" if text is None else text.encode()
            self._desk.requests += 1
            answer = self._desk.dispatcher.handle(body, self._session)
            if isinstance(answer, bytes):
                self._respond(answer)
            else:
                answer.respond = self._respond

    def _respond(self, payload: bytes) -> None:
        self._room.release()
        if payload and self._session.subscriber is not None:
            self._session.subscriber.send(payload)


async def _write(subscriber: Subscriber, send: Send) -> None:
    while (payload := await subscriber.next()) is not None:
        await send({"type": "websocket.send", "text": payload.decode()})


async def _give_up(scope: Message, send: Send, reason: str) -> None:
    """Say why, if the client still reads; then cut the connection."""
    close = {"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": reason[:120]}
    try:
        async with asyncio.timeout(CLOSE_WAIT_S):
            await send(close)
        await asyncio.sleep(CLOSE_WAIT_S)
    except TimeoutError:
        pass
    abort = scope.get("state", {}).get(ABORT)
    if abort is not None:
        abort()
