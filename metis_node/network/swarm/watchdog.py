"""Once a second: gauges, the address book on disk, and peers that are only half there.

A peer that came back from a crash, or whose cable was pulled, can look connected while gossip with
it is dead: libp2p keeps the old stream. Such a peer is disconnected, and the dialer brings it back.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import structlog
import trio

from metis_node.network.address_file import encode_addresses, save_addresses
from metis_node.network.state import NetworkState
from metis_node.network.swarm.gossip import Gossip, GossipRouter
from metis_node.network.swarm.peers import Peer, Peers
from metis_node.types.network import Topic

TICK_S = 1.0
TROUBLED_TICKS = 8  # a handshake takes one, on a machine that has other things to do several
LATE_S = 1.0  # a tick as late as that: we are short of processor time, and no judge of others
SILENT_S = 8.0  # then a ping
PING_S = 8.0  # a peer under load answers late, and losing it loses messages
SAVE_S = 10.0
PING_PROTOCOL = "/ipfs/ping/1.0.0"
PING_BYTES = 32

log = structlog.get_logger(__name__)


class Watchdog:
    """Sees what libp2p does not."""

    def __init__(
        self, host: Any, gossip: Gossip, router: GossipRouter, state: NetworkState, peers: Peers
    ) -> None:
        self._host = host
        self._gossip = gossip
        self._router = router
        self._state = state
        self._peers = peers
        self._saved_at = time.monotonic()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                due = time.monotonic() + TICK_S
                await trio.sleep(TICK_S)
                self._state.alive_at = now = time.monotonic()
                self._gauge()
                for peer in self._peers.accepted():
                    if now - due < LATE_S:
                        self._look_at(peer, nursery)
                    else:
                        peer.heard_at = now
                if time.monotonic() - self._saved_at > SAVE_S:
                    await self.save()

    async def save(self) -> None:
        """Write the address book, if it changed."""
        self._saved_at = time.monotonic()
        if not self._state.book.changed:
            return
        self._state.book.changed = False
        data = encode_addresses(self._state.book, self._state.scores, time.time())
        try:
            await trio.to_thread.run_sync(save_addresses, self._state.settings.address_book, data)
        except OSError as error:
            log.warning("cannot write the address book", why=str(error))

    def _gauge(self) -> None:
        for topic, name in self._state.names.topics.items():
            self._state.counters.mesh[topic] = len(self._router.mesh.get(name, ()))
        self._peers.publish()

    def _look_at(self, peer: Peer, nursery: trio.Nursery) -> None:
        peer.troubled = 0 if self._is_whole(peer) else peer.troubled + 1
        if peer.troubled >= TROUBLED_TICKS:
            peer.troubled = 0
            self._state.counters.repaired += 1
            log.warning("peer is half-dead, connecting anew", peer=peer.id)
            self._peers.drop(peer.id)
        elif time.monotonic() - peer.heard_at > SILENT_S:
            peer.heard_at = time.monotonic()  # the next ping is due after as long again
            nursery.start_soon(self._ping, peer)

    def _is_whole(self, peer: Peer) -> bool:
        votes = self._state.names.topics[Topic.VOTES]
        stream = self._gossip.peers.get(peer.raw_id)
        return (
            stream is not None
            and peer.raw_id in self._gossip.peer_topics.get(votes, ())
            and len(self._host.get_network().get_connections(peer.raw_id)) <= 1
            and not getattr(stream.muxed_conn, "is_closed", False)
        )

    async def _ping(self, peer: Peer) -> None:
        answered, started = False, time.monotonic()
        with contextlib.suppress(Exception), trio.move_on_after(PING_S):
            stream = await self._host.new_stream(peer.raw_id, [PING_PROTOCOL])
            await stream.write(bytes(PING_BYTES))
            answered = bool(await stream.read(PING_BYTES))
            await stream.close()
        if answered or peer.heard_at > started or self._peers.get(peer.id) is not peer:
            return
        if time.monotonic() - self._state.alive_at < TICK_S + LATE_S:
            self._state.counters.repaired += 1
            log.warning("peer is silent, disconnecting", peer=peer.id)
            self._peers.drop(peer.id)
