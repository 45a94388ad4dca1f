"""What outlives a restart of the trio side, and the queues between the two threads."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from metis_node.network.address_book import AddressBook
from metis_node.network.counters import Counters
from metis_node.network.lanes import Lanes
from metis_node.network.limits import RATED_PEERS
from metis_node.network.scores import Scores
from metis_node.network.seen_payloads import SeenPayloads
from metis_node.network.settings import NetworkSettings
from metis_node.network.token_bucket import Buckets
from metis_node.network.wire import WireNames
from metis_node.types.network import NetworkIdentity, PeerId, PeerInfo, RequestKind, Topic

RequestHandler = Callable[[PeerId, RequestKind, bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message of ours: to one peer, or to all where `peer` is None."""

    topic: Topic
    payload: bytes
    peer: PeerId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message of a peer, who originated it (gossip: not who forwarded it)."""

    topic: Topic
    payload: bytes
    peer: PeerId


@dataclass(slots=True, kw_only=True)
class NetworkState:
    """Each field is written by one thread, except the two queues, which lock."""

    settings: NetworkSettings
    identity: NetworkIdentity
    names: WireNames
    secret: bytes
    serve: Callable[
        [PeerId, RequestKind, bytes, float], Awaitable[bytes]
    ]  # awaited on the trio side
    wake_inbox: Callable[[], None]
    outbox: Lanes[Outgoing]
    inbox: Lanes[Incoming]
    counters: Counters
    scores: Scores = field(default_factory=Scores)
    book: AddressBook = field(default_factory=AddressBook)
    seen: SeenPayloads = field(default_factory=SeenPayloads)
    rates: Buckets[tuple[str, str, object]] = field(default_factory=lambda: Buckets(RATED_PEERS))
    listen_port: int = 0  # the one in use: a restart takes the same
    listen_addresses: tuple[str, ...] = ()
    peers: tuple[PeerInfo, ...] = ()
    alive_at: float = field(default_factory=time.monotonic)  # last tick of the trio side

    def deliver(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        """Hand a payload to the asyncio side, unless it came a moment ago by another way."""
        counters = self.counters
        if not self.seen.first(topic, payload, time.monotonic()):
            counters.duplicates[topic] += 1
            return
        counters.messages_in[topic] += 1
        self.inbox.put(topic, Incoming(topic=topic, payload=payload, peer=peer), len(payload))
        self.wake_inbox()
