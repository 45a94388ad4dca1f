"""Long-lived streams to single peers: a vote takes one write, no signature and no mesh. Rule N11.

One stream for each peer and topic, opened when first used, so that a proposal under way holds up no
vote. What cannot go this way goes by gossip.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio
from libp2p.custom_types import TProtocol

from metis_node.network.limits import (
    DIRECT_STREAMS_PER_PEER,
    HELLO_S,
    STREAM_S,
    TOPIC_LIMITS,
    WRITE_STEP,
)
from metis_node.network.scores import Misdeed
from metis_node.network.seen_payloads import SeenPayloads
from metis_node.network.state import NetworkState
from metis_node.network.swarm.peers import Peer, Peers
from metis_node.network.swarm.streams import (
    BufferedStream,
    StreamEnded,
    reset_quietly,
    write_frame,
)
from metis_node.network.wire import TOPIC_CODES, TOPICS, MalformedFrame, encode_frame
from metis_node.types.network import Offence, PeerId, Topic

log = structlog.get_logger(__name__)

Fallback = Callable[[Topic, bytes], Awaitable[None]]


class Link:
    """What waits for one peer on one topic; a full queue drops its oldest."""

    def __init__(self, peer: Peer, topic: Topic, dropped: Callable[[Topic], None]) -> None:
        self.peer = peer
        self.topic = topic
        self.waiting: deque[bytes] = deque()
        self.arrived = trio.Event()
        self._bytes = 0
        self._dropped = dropped

    def put(self, payload: bytes) -> None:
        limits = TOPIC_LIMITS[self.topic]
        self.waiting.append(payload)
        self._bytes += len(payload)
        while len(self.waiting) > limits.waiting or self._bytes > limits.waiting_bytes:
            self._bytes -= len(self.waiting.popleft())
            self._dropped(self.topic)
        self.arrived.set()

    async def wait(self) -> None:
        """Until something waits."""
        while not self.waiting:
            self.arrived = trio.Event()
            await self.arrived.wait()

    def next(self) -> list[bytes]:
        """The oldest payloads that fit into one write, at least one; they stay until `sent`."""
        size = 0
        payloads: list[bytes] = []
        for payload in self.waiting:
            size += len(payload)
            if payloads and size > WRITE_STEP:
                break
            payloads.append(payload)
        return payloads

    def sent(self, payloads: list[bytes]) -> None:
        """Take out what was written; a drop may have been faster."""
        for payload in payloads:
            if self.waiting and self.waiting[0] is payload:
                self.waiting.popleft()
                self._bytes -= len(payload)


class DirectLinks:
    """Both directions of the direct protocol."""

    def __init__(
        self,
        host: Any,
        state: NetworkState,
        peers: Peers,
        nursery: trio.Nursery,
        fallback: Fallback,
    ) -> None:
        self._host = host
        self._state = state
        self._peers = peers
        self._nursery = nursery
        self._fallback = fallback
        self._fallen = SeenPayloads()  # to 20 peers in vain is once by gossip
        self._links: dict[tuple[PeerId, Topic], Link] = {}

    async def send(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        """Queue for a peer that is there; gossip for one that is not."""
        entry = self._peers.get(peer)
        if entry is None or not entry.accepted.is_set():
            await self._fall_back(topic, payload)
            return
        link = self._links.get((peer, topic))
        if link is None or link.peer is not entry:
            link = self._links[(peer, topic)] = Link(entry, topic, self._count_drop)
            self._nursery.start_soon(self._write, link)
        link.put(payload)

    async def receive(self, stream: Any) -> None:
        """Handle an inbound stream: frames of any topic until it ends."""
        entry = self._peers.get(PeerId(str(stream.muxed_conn.peer_id)))
        if entry is None or entry.direct_streams >= DIRECT_STREAMS_PER_PEER:
            await reset_quietly(stream)
            return
        with trio.fail_after(HELLO_S):
            await entry.accepted.wait()  # they may be done with the handshake a moment before us
        entry.direct_streams += 1
        try:
            await self._read(entry, BufferedStream(stream))
        except StreamEnded:
            pass
        except MalformedFrame as error:
            self._state.counters.malformed += 1
            self._peers.blame(entry.id, Offence.MALFORMED)
            log.info("direct stream refused", peer=entry.id, why=str(error))
        finally:
            entry.direct_streams -= 1
            await reset_quietly(stream)

    async def _read(self, entry: Peer, stream: BufferedStream) -> None:
        counters = self._state.counters
        while True:
            code, payload = await stream.read_frame(_limit_of)
            entry.heard_at = now = time.monotonic()
            topic = TOPICS[code]
            counters.bytes_in[topic] += len(payload)
            rate = TOPIC_LIMITS[topic].origin
            if self._state.rates.take((entry.id, "direct", topic), rate, now):
                self._state.deliver(entry.id, topic, payload)
            else:
                counters.too_fast[topic] += 1
                self._peers.blame(entry.id, Misdeed.TOO_FAST)

    async def _write(self, link: Link) -> None:
        """Write what waits, until the stream fails or the peer is gone; the rest goes by gossip."""
        stream = None
        try:
            with trio.fail_after(STREAM_S):
                protocols = [TProtocol(self._state.names.direct)]
                stream = await self._host.new_stream(link.peer.raw_id, protocols)
            while self._peers.get(link.peer.id) is link.peer:
                await self._write_next(link, stream)
        except Exception as error:
            log.debug("direct stream lost", peer=link.peer.id, why=repr(error)[:200])
        finally:
            if self._links.get((link.peer.id, link.topic)) is link:
                del self._links[(link.peer.id, link.topic)]
            if stream is not None:
                await reset_quietly(stream)
        for payload in list(link.waiting):
            await self._fall_back(link.topic, payload)

    async def _write_next(self, link: Link, stream: Any) -> None:
        with trio.move_on_after(1.0):  # look again whether the peer is still there
            await link.wait()
        payloads = link.next()
        if not payloads:
            return
        code, counters = TOPIC_CODES[link.topic], self._state.counters
        await write_frame(stream, b"".join(encode_frame(code, payload) for payload in payloads))
        link.sent(payloads)
        counters.messages_out[link.topic] += len(payloads)
        counters.bytes_out[link.topic] += sum(map(len, payloads))

    async def _fall_back(self, topic: Topic, payload: bytes) -> None:
        if self._fallen.first(topic, payload, time.monotonic()):
            self._state.counters.fallbacks += 1
            await self._fallback(topic, payload)

    def _count_drop(self, topic: Topic) -> None:
        self._state.counters.dropped_out[topic] += 1


def _limit_of(code: int) -> int:
    if code not in TOPICS:
        raise MalformedFrame(f"a frame of code {code:#x} names no topic")
    return TOPIC_LIMITS[TOPICS[code]].max_bytes
