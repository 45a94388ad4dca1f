"""Who is reachable where, and when to try again. Times: wall clock, seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from metis_node.network.limits import (
    BACKOFF_FIRST_S,
    BACKOFF_LAST_BOOTSTRAP_S,
    BACKOFF_LAST_S,
    MAX_ADDRESS_CHARS,
    MAX_ADDRESSES_PER_PEER,
    MAX_KNOWN_PEERS,
)
from metis_node.types.network import PeerId


@dataclass(slots=True, kw_only=True)
class KnownPeer:
    """One entry. Failures count dials in a row."""

    id: PeerId
    addresses: list[str] = field(default_factory=list)  # without /p2p/, the best first
    bootstrap: bool = False
    last_seen: float = 0.0  # 0: only heard of
    failures: int = 0
    next_dial: float = 0.0


class AddressBook:
    """At most MAX_KNOWN_PEERS; who was never seen, or not for long, goes first."""

    def __init__(self) -> None:
        self._peers: dict[PeerId, KnownPeer] = {}
        self.changed = False  # since it was last written

    def __len__(self) -> int:
        return len(self._peers)

    def __contains__(self, peer: PeerId) -> bool:
        return peer in self._peers

    def peers(self) -> list[KnownPeer]:
        return list(self._peers.values())

    def add_bootstrap(self, address: str) -> None:
        """An address of the operator's list, with /p2p/<peer id>. ValueError without."""
        peer, bare = split_address(address)
        entry = self._entry(peer)
        entry.bootstrap = True
        _put_first(entry.addresses, bare)

    def heard(self, address: str) -> None:
        """An address that somebody gave; the last of a peer's, and none of a peer with enough."""
        try:
            peer, bare = split_address(address)
        except ValueError:
            return
        if len(address) > MAX_ADDRESS_CHARS:
            return
        entry = self._entry(peer)
        if bare not in entry.addresses and len(entry.addresses) < MAX_ADDRESSES_PER_PEER:
            entry.addresses.append(bare)
            self.changed = True

    def seen(self, peer: PeerId, address: str, now: float) -> None:
        """A connection with the peer, who can be dialled at this address."""
        entry = self._entry(peer)
        _put_first(entry.addresses, address)
        entry.last_seen, entry.failures, entry.next_dial = now, 0, 0.0
        self.changed = True

    def lost(self, peer: PeerId, now: float) -> None:
        """The connection is gone; try again soon."""
        if entry := self._peers.get(peer):
            entry.last_seen, entry.next_dial = now, now

    def failed(self, peer: PeerId, now: float) -> None:
        """A dial that came to nothing: the next one waits twice as long."""
        if entry := self._peers.get(peer):
            last = BACKOFF_LAST_BOOTSTRAP_S if entry.bootstrap else BACKOFF_LAST_S
            entry.next_dial = now + min(last, BACKOFF_FIRST_S * 2 ** min(entry.failures, 10))
            entry.failures += 1

    def refused(self, peer: PeerId, now: float) -> None:
        """We or they will not have it: nothing changes that soon."""
        if entry := self._peers.get(peer):
            entry.next_dial = now + BACKOFF_LAST_S

    def is_bootstrap(self, peer: PeerId) -> bool:
        entry = self._peers.get(peer)
        return entry is not None and entry.bootstrap

    def address(self, peer: PeerId) -> str:
        """Where to find a peer; empty if unknown."""
        entry = self._peers.get(peer)
        return entry.addresses[0] if entry and entry.addresses else ""

    def restore(self, entry: KnownPeer) -> None:
        """An entry from disk; it does not replace a bootstrap peer's."""
        if entry.id in self._peers:
            for address in entry.addresses:
                self.heard(f"{address}/p2p/{entry.id}")
        elif len(self._peers) < MAX_KNOWN_PEERS:
            self._peers[entry.id] = entry

    def _entry(self, peer: PeerId) -> KnownPeer:
        if peer not in self._peers:
            if len(self._peers) >= MAX_KNOWN_PEERS:
                self._forget_one()
            self._peers[peer] = KnownPeer(id=peer)
            self.changed = True
        return self._peers[peer]

    def _forget_one(self) -> None:
        learnt = [peer for peer in self._peers.values() if not peer.bootstrap]
        if learnt:
            del self._peers[min(learnt, key=lambda peer: (peer.last_seen, -peer.failures)).id]


def split_address(address: str) -> tuple[PeerId, str]:
    """Peer id and the rest of a multiaddress. ValueError names what it lacks."""
    bare, separator, peer = address.rpartition("/p2p/")
    if not separator or not peer or "/" in peer:
        raise ValueError(f"{address!r} ends without /p2p/<peer id>")
    parts = bare.split("/")
    if len(parts) != 5 or parts[0] or parts[3] != "tcp" or not _is_port(parts[4]):
        raise ValueError(f"{address!r} is no /ip4|ip6|dns4/<host>/tcp/<port>/p2p/<peer id>")
    if parts[2] in {"0.0.0.0", "::"}:
        raise ValueError(f"{address!r} is where a node listens, not where it is reached")
    if parts[1] not in {"ip4", "ip6", "dns", "dns4", "dns6"} or not parts[2]:
        raise ValueError(f"{address!r} names no host by ip4, ip6, dns, dns4 or dns6")
    return PeerId(peer), bare


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65_536


def _put_first(addresses: list[str], address: str) -> None:
    if address in addresses:
        addresses.remove(address)
    addresses.insert(0, address)
    del addresses[MAX_ADDRESSES_PER_PEER:]
