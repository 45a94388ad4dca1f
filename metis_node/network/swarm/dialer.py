"""Keeps us connected: bootstrap peers always, others of the address book up to the target.

The lower peer id dials; the higher waits a little, so that two nodes do not dial each other at once
and end with two connections.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo as DialInfo
from multiaddr import Multiaddr

from metis_node.network.address_book import KnownPeer
from metis_node.network.limits import CONNECT_S, DIALS_AT_ONCE
from metis_node.network.state import NetworkState
from metis_node.network.swarm import patches
from metis_node.network.swarm.peers import Peers
from metis_node.types.network import PeerId

TICK_S = 0.25

log = structlog.get_logger(__name__)


class Dialer:
    """One task that looks at the book four times a second."""

    def __init__(self, host: Any, state: NetworkState, peers: Peers) -> None:
        self._host = host
        self._state = state
        self._peers = peers
        self._own = PeerId(str(host.get_id()))
        self._dialing: set[PeerId] = set()
        self._missing_since: dict[PeerId, float] = {}

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                for entry in self._due(time.time()):
                    self._dialing.add(entry.id)
                    nursery.start_soon(self._dial, entry)
                await trio.sleep(TICK_S)

    def _due(self, now: float) -> list[KnownPeer]:
        connected = {peer.id for peer in self._peers.all()}
        wanted = self._state.settings.target_peers - len(connected)
        due: list[KnownPeer] = []
        for entry in sorted(self._state.book.peers(), key=lambda entry: -entry.last_seen):
            if entry.id in connected:
                self._missing_since.pop(entry.id, None)
            elif self._is_due(entry, now) and (entry.bootstrap or wanted > 0):
                due.append(entry)
                wanted -= not entry.bootstrap
        return due[: max(0, DIALS_AT_ONCE - len(self._dialing))]

    def _is_due(self, entry: KnownPeer, now: float) -> bool:
        missing_since = self._missing_since.setdefault(entry.id, now)
        late = self._state.settings.late_dial_s if entry.id < self._own else 0.0
        return (
            entry.id != self._own
            and entry.id not in self._dialing
            and bool(entry.addresses)
            and now >= entry.next_dial
            and now - missing_since >= late
            and not self._state.scores.banned(entry.id, now)
        )

    async def _dial(self, entry: KnownPeer) -> None:
        peer = ID.from_string(entry.id)
        counters = self._state.counters
        counters.dials += 1
        try:
            patches.forget_failed_dial(self._host.get_network(), peer)
            self._host.get_peerstore().clear_addrs(peer)
            addresses = [Multiaddr(address) for address in entry.addresses]
            with trio.fail_after(CONNECT_S):
                await self._host.connect(DialInfo(peer, addresses))
        except Exception as error:
            counters.dials_failed += 1
            self._state.book.failed(entry.id, time.time())
            log.debug("dial failed", peer=entry.id, why=repr(error)[:200])
        finally:
            self._dialing.discard(entry.id)
