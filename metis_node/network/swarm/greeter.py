"""The handshake on each new connection: who is of another chain or genesis is told so, and parts.

The side that dialled speaks first. A connection that stays silent is closed. Rules N4 to N6.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import structlog
import trio
from libp2p.abc import INotifee
from libp2p.custom_types import TProtocol

from metis_node.network.hello import MAX_HELLO_BYTES, Hello, decode_hello, mismatch
from metis_node.network.limits import ASKED_PER_PEER, HELLO_S, SAME_MOMENT_S, SHARED_PEERS
from metis_node.network.state import NetworkState
from metis_node.network.swarm.peers import Peer, Peers
from metis_node.network.swarm.streams import BufferedStream, reset_quietly, write_frame
from metis_node.network.wire import HELLO_CODE, HELLO_PROTOCOL, MalformedFrame, encode_frame
from metis_node.types.network import Offence, PeerId

log = structlog.get_logger(__name__)


class Greeter(INotifee):
    """Greets whom we dialled, answers who dialled us, and fills the table of peers."""

    def __init__(self, host: Any, state: NetworkState, peers: Peers, nursery: trio.Nursery) -> None:
        self._host = host
        self._state = state
        self._peers = peers
        self._nursery = nursery
        self._own = str(host.get_id())

    async def connected(self, network: Any, conn: Any) -> None:  # noqa: ARG002
        raw_id = conn.muxed_conn.peer_id
        if self._is_back(PeerId(str(raw_id))):
            return
        entry = self._peers.add(
            Peer(
                id=PeerId(str(raw_id)),
                raw_id=raw_id,
                outbound=bool(conn.muxed_conn.is_initiator),
                remote_host=_remote_host(conn),
                asking=trio.CapacityLimiter(ASKED_PER_PEER),
            )
        )
        # A banned peer that dials us is greeted as well: it shall know why it is sent away.
        if conn.muxed_conn.is_initiator:
            self._nursery.start_soon(self._greet, entry)
        else:
            self._nursery.start_soon(self._expect, entry)

    async def disconnected(self, network: Any, conn: Any) -> None:
        raw_id = conn.muxed_conn.peer_id
        others = [other for other in network.get_connections(raw_id) if other is not conn]
        if not others:
            self._peers.remove(PeerId(str(raw_id)))

    async def opened_stream(self, network: Any, stream: Any) -> None:
        """Of no interest."""

    async def closed_stream(self, network: Any, stream: Any) -> None:
        """Of no interest."""

    async def listen(self, network: Any, multiaddr: Any) -> None:
        """Of no interest."""

    async def listen_close(self, network: Any, multiaddr: Any) -> None:
        """Of no interest."""

    async def answer(self, stream: Any) -> None:
        """Handle a stream of the hello protocol: the peer that dialled speaks first."""
        entry = self._peers.get(PeerId(str(stream.muxed_conn.peer_id)))
        if entry is None:
            await reset_quietly(stream)
            return
        with trio.fail_after(HELLO_S):
            theirs = await _read_hello(stream)
            refusal = mismatch(self._state.identity, theirs.identity) or self._no_room(entry.id)
            await write_frame(stream, self._hello(refusal))
            with contextlib.suppress(Exception):
                await stream.close()
        if refusal:
            await self._part(entry, refusal, by="us")
        elif theirs.refusal:
            await self._part(entry, theirs.refusal, by="them")
        else:
            self._accept(entry, theirs)

    def _is_back(self, peer: PeerId) -> bool:
        """Whether a peer connects that is connected for long: it came back, and the old is dead.

        libp2p would go on using the old connection, so all of them end, and one is dialled anew.
        """
        entry = self._peers.get(peer)
        if entry is None or time.time() - entry.since < SAME_MOMENT_S:
            return False
        log.info("peer is back before its old connection ended, connecting anew", peer=peer)
        self._peers.drop(peer)
        return True

    async def _greet(self, entry: Peer) -> None:
        try:
            with trio.fail_after(HELLO_S):
                protocols = [TProtocol(HELLO_PROTOCOL)]
                stream = await self._host.new_stream(entry.raw_id, protocols)
                await write_frame(stream, self._hello(""))
                theirs = await _read_hello(stream)
                with contextlib.suppress(Exception):
                    await stream.close()
        except Exception as error:
            if isinstance(error, MalformedFrame):
                self._peers.blame(entry.id, Offence.MALFORMED)
            self._give_up(entry, repr(error)[:200])
            return
        ours = mismatch(self._state.identity, theirs.identity)
        if ours:
            await self._part(entry, ours, by="us")
        elif theirs.refusal:
            await self._part(entry, theirs.refusal, by="them")
        else:
            self._accept(entry, theirs)

    async def _expect(self, entry: Peer) -> None:
        """Close a connection whose peer does not greet in time."""
        with trio.move_on_after(HELLO_S):
            await entry.accepted.wait()
        if not entry.accepted.is_set() and self._peers.get(entry.id) is entry:
            self._give_up(entry, f"silent for {HELLO_S:g} s")

    def _give_up(self, entry: Peer, why: str) -> None:
        """No greeting, which may be a restart that we caught: soon again."""
        if not entry.accepted.is_set():
            self._state.book.failed(entry.id, time.time())
            log.info("no greeting", peer=entry.id, address=entry.remote_host, why=why)
            self._peers.drop(entry.id)

    async def _part(self, entry: Peer, reason: str, *, by: str) -> None:
        if entry.accepted.is_set():
            return  # a second connection of a peer that is in already
        self._state.counters.refused_peers += 1
        self._state.book.refused(entry.id, time.time())
        log.warning("peer refused", peer=entry.id, address=entry.remote_host, reason=reason, by=by)
        if by == "us":
            await trio.sleep(0.2)  # the reason is on its way: let it arrive before the end
        self._peers.drop(entry.id)

    def _accept(self, entry: Peer, theirs: Hello) -> None:
        for address in theirs.addresses:
            self._state.book.heard(address)
        address = self._state.book.address(entry.id)
        if entry.remote_host and theirs.listen_port:
            family = "ip6" if ":" in entry.remote_host else "ip4"
            address = f"/{family}/{entry.remote_host}/tcp/{theirs.listen_port}"
        self._peers.accept(entry, agent=theirs.agent, address=address)

    def _no_room(self, peer: PeerId) -> str:
        if why := self._state.scores.banned(peer, time.time()):
            return f"banned: {why}"
        limit = self._state.settings.max_peers
        others = [other for other in self._peers.accepted() if other.id != peer]
        if len(others) >= limit and not self._state.book.is_bootstrap(peer):
            return f"no room: {limit} peers"
        return ""

    def _hello(self, refusal: str) -> bytes:
        own = [f"{address}/p2p/{self._own}" for address in self._state.settings.announced]
        known = [f"{peer.address}/p2p/{peer.id}" for peer in self._peers.accepted() if peer.address]
        hello = Hello(
            identity=self._state.identity,
            listen_port=self._state.listen_port,
            agent=self._state.settings.agent,
            refusal=refusal,
            addresses=() if refusal else (*own, *known)[:SHARED_PEERS],
        )
        return encode_frame(HELLO_CODE, hello.encode())


async def _read_hello(stream: Any) -> Hello:
    code, payload = await BufferedStream(stream).read_frame(lambda _: MAX_HELLO_BYTES)
    if code != HELLO_CODE:
        raise MalformedFrame(f"a frame of code {code:#x} where a hello belongs")
    return decode_hello(payload)


def _remote_host(conn: Any) -> str:
    """The address at the other end; empty if libp2p does not tell."""
    with contextlib.suppress(Exception):
        remote = conn.muxed_conn.get_remote_address()
        if remote is not None:
            return str(remote[0])
    return ""
