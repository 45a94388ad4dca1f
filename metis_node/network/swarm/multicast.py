"""Peers of a devnet, found by multicast DNS: their addresses go into the book."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import trio
from libp2p.discovery.events.peerDiscovery import peerDiscovery


@contextlib.contextmanager
def multicast_discovery(post: Callable[..., None], heard: Callable[[str], None]) -> Iterator[None]:
    """While inside, pass each address to `heard`, by `post`: libp2p has threads of its own."""

    def found(peer: Any) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            for address in peer.addrs:
                bare = str(address).split("/p2p/")[0].replace("/0.0.0.0/", "/127.0.0.1/")
                post(heard, f"{bare}/p2p/{peer.peer_id}")

    peerDiscovery.register_peer_discovered_handler(found)
    try:
        yield
    finally:
        peerDiscovery.unregister_peer_discovered_handler(found)
