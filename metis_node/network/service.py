"""The network as the rest of the node sees it: asyncio, bytes, and no trio.

Handlers run on the event loop. Nothing here blocks it, and no exception of a handler leaves here.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from metis_node.errors import InvalidConfig, MetisError
from metis_node.network.address_book import split_address
from metis_node.network.address_file import load_addresses
from metis_node.network.counters import Counters
from metis_node.network.errors import NetworkDown, NetworkFailed, RequestTimedOut
from metis_node.network.lanes import Lanes
from metis_node.network.limits import (
    ASKED,
    REQUEST_GRACE_S,
    REQUEST_LIMITS,
    START_S,
    TOPIC_LIMITS,
)
from metis_node.network.peer_id import peer_id_of
from metis_node.network.settings import NetworkSettings
from metis_node.network.state import NetworkState, Outgoing
from metis_node.network.thread import NetworkThread
from metis_node.network.wire import WireNames
from metis_node.types.network import (
    NetworkIdentity,
    Offence,
    PeerId,
    PeerInfo,
    RequestKind,
    Topic,
)

MessageHandler = Callable[[PeerId, Topic, bytes], None]
RequestHandler = Callable[[PeerId, RequestKind, bytes], Awaitable[bytes]]
AT_A_TIME = 64  # messages handed over before the loop has its turn again

log = structlog.get_logger(__name__)


class NetworkService:
    """`async with NetworkService(...)`: up inside, gone behind.

    `on_message` gets each payload once, by whichever way it came first, and who originated it.
    `on_request` answers, or raises a MetisError whose message the peer is told. `on_failed` is
    called once if the network falls again and again: the node must stop.
    """

    def __init__(
        self,
        identity: NetworkIdentity,
        settings: NetworkSettings,
        *,
        secret: bytes,
        on_message: MessageHandler,
        on_request: RequestHandler,
        on_failed: Callable[[NetworkFailed], None],
    ) -> None:
        counters = Counters()
        self._on_message = on_message
        self._on_request = on_request
        self._on_failed = on_failed
        self._woken = False
        self._asked: set[asyncio.Future[bytes]] = set()
        self._state = NetworkState(
            settings=settings,
            identity=identity,
            names=WireNames.of(identity),
            secret=secret,
            serve=self._serve,
            wake_inbox=self._wake_inbox,
            outbox=Lanes(functools.partial(_count, counters.dropped_out)),
            inbox=Lanes(functools.partial(_count, counters.dropped_in)),
            counters=counters,
            listen_port=settings.listen_port,
        )
        self.peer_id = peer_id_of(secret)
        _add_bootstrap(self._state, settings.bootstrap, self.peer_id)
        _check_announced(settings.announced, self.peer_id)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        path: Path = self._state.settings.address_book
        await asyncio.to_thread(load_addresses, path, self._state.book, self._state.scores)
        self._up: asyncio.Future[None] = self._loop.create_future()
        self._arrived = asyncio.Event()
        self._thread = NetworkThread(
            self._state,
            came_up=lambda: self._from_thread(self._came_up),
            went_down=lambda: self._from_thread(self._went_down),
            failed=lambda error: self._from_thread(self._failed, error),
        )
        self._thread.start()
        self._pump = asyncio.create_task(self._hand_over(), name="network inbox")
        try:
            await asyncio.wait_for(asyncio.shield(self._up), START_S)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    @property
    def listen_addresses(self) -> tuple[str, ...]:
        """Multiaddresses with /p2p/<peer id>."""
        return self._state.listen_addresses

    def peers(self) -> list[PeerInfo]:
        """Connected peers of the same chain, genesis and parameters."""
        return list(self._state.peers)

    def stats(self) -> Counters:
        """A copy of all counters."""
        return copy.deepcopy(self._state.counters)

    def publish(self, topic: Topic, payload: bytes) -> None:
        """Tell all. Never blocks; a payload above its limit is counted, logged and left out."""
        self._put(Outgoing(topic=topic, payload=payload))

    def send(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        """Tell one peer, on the stream that is kept for it; by gossip if there is none."""
        self._put(Outgoing(topic=topic, payload=payload, peer=peer))

    async def request(
        self, peer: PeerId, kind: RequestKind, payload: bytes, *, timeout_s: float
    ) -> bytes:
        """Ask one peer. PeerUnreachable, RequestTimedOut, RequestRefused or NetworkDown."""
        limit = REQUEST_LIMITS[kind].max_request_bytes
        if not 0 < len(payload) <= limit:
            raise ValueError(f"a request of {len(payload)} bytes; {kind.value} allows {limit}")
        if len(self._asked) >= ASKED:
            raise RequestTimedOut(f"{ASKED} requests are under way: nothing answers")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._asked.add(answer)
        done = functools.partial(self._from_thread, _settle, answer)
        try:
            self._thread.post(self._thread.run.start_ask, peer, kind, payload, timeout_s, done)
            async with asyncio.timeout(timeout_s + REQUEST_GRACE_S):
                return await answer
        except TimeoutError as error:
            raise RequestTimedOut(f"the request to {peer} does not end: {kind.value}") from error
        finally:
            self._asked.discard(answer)

    def penalise(self, peer: PeerId, offence: Offence) -> None:
        """Score what a peer did; enough of it bans and disconnects."""
        self._thread.try_post(lambda: self._thread.run.blame(peer, offence))

    def disconnect(self, peer: PeerId) -> None:
        """Close the connection with a peer, which may come back."""
        self._thread.try_post(lambda: self._thread.run.drop(peer))

    def learn_address(self, address: str) -> None:
        """Where a peer may be: `/ip4/…/tcp/…/p2p/<peer id>`; ignored if malformed."""
        self._thread.try_post(self._state.book.heard, address)

    def _put(self, item: Outgoing) -> None:
        limit = TOPIC_LIMITS[item.topic].max_bytes
        if not 0 < len(item.payload) <= limit:
            self._state.counters.oversize_out += 1
            log.error("message of wrong size", topic=item.topic.value, bytes=len(item.payload))
            return
        self._state.outbox.put(item.topic, item, len(item.payload))
        self._wake_outbox()

    async def _hand_over(self) -> None:
        """Give the inbox to the engine, a few at a time."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._woken = False
            while len(self._state.inbox):
                for _ in range(AT_A_TIME):
                    item = self._state.inbox.take()
                    if item is None:
                        break
                    self._handle(item.peer, item.topic, item.payload)
                await asyncio.sleep(0)

    def _handle(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        try:
            self._on_message(peer, topic, payload)
        except Exception:
            self._state.counters.handler_errors += 1
            log.exception("message handler failed", topic=topic.value, peer=peer)

    async def _serve(
        self, peer: PeerId, kind: RequestKind, payload: bytes, timeout_s: float
    ) -> bytes:
        """Awaited on the trio side: the engine's answer, computed on the event loop."""
        from metis_node.network.swarm.crossing import await_on_loop

        return await await_on_loop(
            self._loop, functools.partial(self._answer, peer, kind, payload, timeout_s)
        )

    async def _answer(
        self, peer: PeerId, kind: RequestKind, payload: bytes, timeout_s: float
    ) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._on_request(peer, kind, payload)
        except MetisError:
            raise
        except Exception as error:
            self._state.counters.handler_errors += 1
            log.exception("request handler failed", kind=kind.value, peer=peer)
            raise MetisError("the node failed to answer") from error

    def _wake_outbox(self) -> None:
        with contextlib.suppress(NetworkDown):  # the next run looks into the outbox first
            self._thread.post(self._thread.run.wake_outbox)

    def _wake_inbox(self) -> None:
        if not self._woken:
            self._woken = True
            self._from_thread(self._arrived.set)

    def _from_thread(self, call: Callable[..., object], *arguments: object) -> None:
        """Run on the event loop, if there is still one."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            log.debug("event loop is gone")

    def _came_up(self) -> None:
        if not self._up.done():
            self._up.set_result(None)
        self._wake_outbox()

    def _went_down(self) -> None:
        for answer in self._asked:
            _settle(answer, None, NetworkDown("the network went down before an answer came"))

    def _failed(self, error: NetworkFailed) -> None:
        if self._up.done():
            self._on_failed(error)
        else:
            self._up.set_exception(error)

    async def _close(self) -> None:
        if not await asyncio.to_thread(self._thread.stop):
            log.warning("network did not stop in time; leaving its thread behind")
        self._went_down()
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)


def _settle(
    answer: asyncio.Future[bytes], value: bytes | None, error: BaseException | None
) -> None:
    if answer.done():
        return
    if value is not None:
        answer.set_result(value)
    else:
        answer.set_exception(error or NetworkDown("the network is starting again"))


def _count(counts: dict[Topic, int], topic: Topic) -> None:
    counts[topic] += 1


def _add_bootstrap(state: NetworkState, bootstrap: tuple[str, ...], own: PeerId) -> None:
    for address in bootstrap:
        try:
            peer, _ = split_address(address)
        except ValueError as error:
            raise InvalidConfig(f"the bootstrap list: {error}") from error
        if peer != own:
            state.book.add_bootstrap(address)


def _check_announced(announced: tuple[str, ...], own: PeerId) -> None:
    for address in announced:
        try:
            split_address(f"{address}/p2p/{own}")
        except ValueError as error:
            raise InvalidConfig(f"the announced address {address!r}: {error}") from error
