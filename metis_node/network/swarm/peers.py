"""Who is connected, who is accepted, and what happens to those who misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import trio
from libp2p.peer.id import ID

from metis_node.network.scores import Misdeed
from metis_node.network.state import NetworkState
from metis_node.types.network import Offence, PeerId, PeerInfo

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Peer:
    """One connected peer."""

    id: PeerId
    raw_id: ID
    outbound: bool
    remote_host: str
    since: float = field(default_factory=time.time)
    heard_at: float = field(default_factory=time.monotonic)
    agent: str = ""
    address: str = ""
    accepted: trio.Event = field(default_factory=trio.Event)
    direct_streams: int = 0  # inbound
    asking: trio.CapacityLimiter
    serving: int = 0
    troubled: int = 0  # ticks in a row that the watchdog saw it half-dead

    def info(self, points: float) -> PeerInfo:
        return PeerInfo(
            id=self.id,
            address=self.address,
            outbound=self.outbound,
            agent=self.agent,
            connected_since=self.since,
            points=points,
        )


class Peers:
    """The table of connected peers. `disconnect` starts a disconnection and returns at once."""

    def __init__(self, state: NetworkState, disconnect: Callable[[ID], None]) -> None:
        self._state = state
        self._disconnect = disconnect
        self._peers: dict[PeerId, Peer] = {}

    def get(self, peer: PeerId) -> Peer | None:
        return self._peers.get(peer)

    def all(self) -> list[Peer]:
        return list(self._peers.values())

    def accepted(self) -> list[Peer]:
        return [peer for peer in self._peers.values() if peer.accepted.is_set()]

    def add(self, peer: Peer) -> Peer:
        """The table's entry of a peer: this one, or the one of an earlier connection."""
        return self._peers.setdefault(peer.id, peer)

    def remove(self, peer: PeerId) -> None:
        entry = self._peers.pop(peer, None)
        if entry is not None and entry.accepted.is_set():
            self._state.book.lost(peer, time.time())
            log.info("peer left", peer=peer, peers=len(self.accepted()))
        self.publish()

    def accept(self, entry: Peer, *, agent: str, address: str) -> None:
        """A peer has the same identity: from now on it is one of us."""
        entry.agent, entry.address = agent, address
        fresh = not entry.accepted.is_set()
        entry.accepted.set()
        self._state.book.seen(entry.id, address, time.time())
        if fresh:
            log.info(
                "peer joined",
                peer=entry.id,
                address=address,
                agent=agent,
                outbound=entry.outbound,
                peers=len(self.accepted()),
            )
        self.publish()

    def heard_from(self, peer: PeerId) -> None:
        if entry := self._peers.get(peer):
            entry.heard_at = time.monotonic()

    def blame(self, peer: PeerId, deed: Offence | Misdeed) -> None:
        """Score what a peer did; at the ban it is also disconnected."""
        if self._state.scores.blame(peer, deed, time.time()):
            self._state.counters.bans += 1
            self._state.book.changed = True
            log.warning("peer banned", peer=peer, why=deed.value)
            self.drop(peer)

    def drop(self, peer: PeerId) -> None:
        """Disconnect a peer, if it is connected."""
        if entry := self._peers.get(peer):
            self._disconnect(entry.raw_id)

    def publish(self) -> None:
        """Let the other thread see who is there."""
        now = time.time()
        self._state.peers = tuple(
            peer.info(self._state.scores.points(peer.id, now)) for peer in self.accepted()
        )
        self._state.counters.peers = len(self._state.peers)
