"""One life of the trio side: host, gossip and what runs around them, from start to end or crash."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio
from libp2p import new_host
from libp2p.crypto.secp256k1 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.config import ConnectionConfig
from libp2p.peer.id import ID
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from metis_node.network.limits import SPARE_CONNECTIONS, STOP_S, STREAM_S, UPGRADE_S
from metis_node.network.state import NetworkState, Outgoing
from metis_node.network.swarm import patches
from metis_node.network.swarm.dialer import Dialer
from metis_node.network.swarm.direct import DirectLinks
from metis_node.network.swarm.gossip import Gossip, GossipRouter
from metis_node.network.swarm.greeter import Greeter
from metis_node.network.swarm.multicast import multicast_discovery
from metis_node.network.swarm.peers import Peers
from metis_node.network.swarm.requests import Requests
from metis_node.network.swarm.streams import reset_quietly
from metis_node.network.swarm.watchdog import Watchdog
from metis_node.network.wire import HELLO_PROTOCOL
from metis_node.types.network import Offence, PeerId, RequestKind

DISCONNECT_S = 2.0

log = structlog.get_logger(__name__)


class SwarmRun:
    """Everything but `post` and `stop` runs on the trio side."""

    def __init__(self, state: NetworkState) -> None:
        self._state = state
        self._token: trio.lowlevel.TrioToken | None = None
        self._stop = trio.Event()
        self._outgoing = trio.Event()

    def post(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Run a synchronous call on the trio side, from any thread. RunFinishedError at the end."""
        if self._token is None:
            raise trio.RunFinishedError("the network is not up yet")
        self._token.run_sync_soon(call, *arguments)

    def stop(self) -> None:
        self._stop.set()

    def wake_outbox(self) -> None:
        """Something waits in the outbox."""
        self._outgoing.set()

    def blame(self, peer: PeerId, offence: Offence) -> None:
        self._peers.blame(peer, offence)

    def drop(self, peer: PeerId) -> None:
        self._peers.drop(peer)

    def start_ask(
        self,
        peer: PeerId,
        kind: RequestKind,
        payload: bytes,
        timeout_s: float,
        done: Callable[[bytes | None, BaseException | None], None],
    ) -> None:
        """Ask a peer; `done` gets the answer or the error, whatever happens."""

        async def ask() -> None:
            answer: bytes | None = None
            failure: BaseException | None = None
            try:
                answer = await self._requests.ask(peer, kind, payload, timeout_s)
            except Exception as error:
                failure = error
            finally:
                done(answer, failure)

        self._nursery.start_soon(ask)

    async def main(self, came_up: Callable[[], None]) -> None:
        """Run until `stop`, or until libp2p falls over."""
        patches.check_pinned()
        patches.apply()
        host = self._new_host()
        router = GossipRouter(self._state)
        self._host = host
        self._peers = Peers(self._state, self._start_disconnect)
        gossip = Gossip(host, router, self._state, self._peers)
        self._gossip = gossip
        with contextlib.ExitStack() as found:
            if self._state.settings.mdns:
                found.enter_context(multicast_discovery(self.post, self._state.book.heard))
            await self._live(host, gossip, router, came_up)

    async def _live(
        self, host: Any, gossip: Gossip, router: GossipRouter, came_up: Callable[[], None]
    ) -> None:
        listen = self._listen_address()
        async with (
            host.run(listen_addrs=[listen]),
            background_trio_service(gossip),
            background_trio_service(router),
            trio.open_nursery() as nursery,
        ):
            self._nursery = nursery
            await gossip.wait_until_ready()
            # Stock dials whom it ever heard of, up to half of the connections allowed.
            await host.get_network().auto_connector.stop()
            self._note_addresses(host)
            self._set_handlers(host, nursery)
            for name in self._state.names.topics.values():
                await gossip.subscribe(name)
            watchdog = Watchdog(host, gossip, router, self._state, self._peers)
            nursery.start_soon(Dialer(host, self._state, self._peers).run)
            nursery.start_soon(watchdog.run)
            nursery.start_soon(self._pump_outbox)
            self._token = trio.lowlevel.current_trio_token()
            came_up()
            await self._stop.wait()
            await self._take_leave(watchdog)
            nursery.cancel_scope.cancel()

    async def _take_leave(self, watchdog: Watchdog) -> None:
        """Write the address book and close all connections, in half of the time to stop."""
        with trio.move_on_after(STOP_S / 2):
            await watchdog.save()
            async with trio.open_nursery() as nursery:
                for peer in list(self._host.get_network().connections):
                    nursery.start_soon(self._disconnect, peer)

    def _new_host(self) -> Any:
        settings = self._state.settings
        most = settings.max_peers + SPARE_CONNECTIONS
        return new_host(
            key_pair=create_new_key_pair(self._state.secret),
            listen_addrs=[self._listen_address()],
            muxer_preference="YAMUX",
            enable_mDNS=settings.mdns,
            negotiate_timeout=5,
            disable_identify_address_discovery=True,
            connection_config=ConnectionConfig(
                max_connections=most,
                high_watermark=most,
                min_connections=0,
                low_watermark=0,
                max_connections_per_peer=3,
                inbound_upgrade_timeout=UPGRADE_S,
                outbound_upgrade_timeout=UPGRADE_S,
                outbound_stream_protocol_negotiation_timeout=STREAM_S,
                inbound_stream_protocol_negotiation_timeout=STREAM_S,
            ),
        )

    def _listen_address(self) -> Multiaddr:
        host = self._state.settings.listen_host
        family = "ip6" if ":" in host else "ip4"
        return Multiaddr(f"/{family}/{host}/tcp/{self._state.listen_port}")

    def _note_addresses(self, host: Any) -> None:
        addresses = [str(address) for address in host.get_addrs()]
        self._state.listen_port = int(addresses[0].split("/")[4])
        self._state.listen_addresses = tuple(addresses)

    def _set_handlers(self, host: Any, nursery: trio.Nursery) -> None:
        names, peers = self._state.names, self._peers
        greeter = Greeter(host, self._state, peers, nursery)
        self._requests = Requests(host, self._state, peers)
        self._direct = DirectLinks(host, self._state, peers, nursery, self._gossip.send)
        handlers = {
            HELLO_PROTOCOL: greeter.answer,
            names.direct: self._direct.receive,
            names.request: self._requests.serve,
        }
        for protocol, handler in handlers.items():
            host.set_stream_handler(TProtocol(protocol), handler)
        network = host.get_network()
        network.set_stream_handler(_guarded(patches.stream_handler_of(host)))
        network.register_notifee(greeter)

    async def _pump_outbox(self) -> None:
        while True:
            item = self._state.outbox.take()
            if item is None:
                self._outgoing = trio.Event()
                if not len(self._state.outbox):
                    await self._outgoing.wait()
                continue
            try:
                await self._send(item)
            except Exception as error:
                log.warning("message lost", topic=item.topic.value, why=repr(error)[:200])

    async def _send(self, item: Outgoing) -> None:
        if item.peer is not None:
            await self._direct.send(item.peer, item.topic, item.payload)
            return
        counters = self._state.counters
        counters.messages_out[item.topic] += 1
        counters.bytes_out[item.topic] += len(item.payload)
        await self._gossip.send(item.topic, item.payload)

    def _start_disconnect(self, peer: ID) -> None:
        self._nursery.start_soon(self._disconnect, peer)

    async def _disconnect(self, peer: ID) -> None:
        """Close all connections with a peer, also one whose other end is gone.

        Their sockets end first: libp2p's own close says farewell, which waits behind a write that
        never ends, and until it is done a dial of the peer is answered with the dead connection.
        One by one, because `host.disconnect` also forgets the connection by which a peer is back.
        """
        network = self._host.get_network()
        connections = list(network.get_connections(peer))
        for connection in connections:
            patches.end_socket(connection)
        try:
            with trio.fail_after(DISCONNECT_S):
                for connection in connections:
                    await connection.close()
        except Exception as error:
            log.warning(
                "connection did not close, forgetting it", peer=str(peer), why=repr(error)[:200]
            )
            for connection in connections:
                network.remove_conn(connection)
        if network.get_connections(peer):
            return  # it was faster, and is back
        self._peers.remove(PeerId(str(peer)))
        patches.drop_pubsub_peer(self._gossip, peer)


def _guarded(handler: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """A stream handler whose errors end its stream, where stock lets them end the host."""

    async def handle(stream: Any) -> None:
        try:
            await handler(stream)
        except Exception as error:
            log.debug("stream handler failed", why=repr(error)[:200])
            await reset_quietly(stream)

    return handle
