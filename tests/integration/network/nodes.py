"""Networks on loopback sockets, each in this process with a libp2p host and a thread of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from metis_node.network.errors import NetworkFailed
from metis_node.network.service import NetworkService
from metis_node.network.settings import NetworkSettings
from metis_node.types.network import NetworkIdentity, PeerId, RequestKind, Topic
from metis_node.types.primitives import Hash32

IDENTITY = NetworkIdentity(
    chain_id=59_902, genesis_hash=Hash32(b"\x11" * 32), parameters_hash=Hash32(b"\x22" * 32)
)


class Node:
    """A network and what it received."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        bootstrap: Sequence[str] = (),
        identity: NetworkIdentity = IDENTITY,
        secret: bytes = b"",
        port: int = 0,
        max_peers: int = 50,
        mdns: bool = False,
        announced: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.secret = secret or secrets.token_bytes(32)
        self.received: list[tuple[PeerId, Topic, bytes]] = []
        self.asked: list[tuple[PeerId, RequestKind, bytes]] = []
        self.failures: list[NetworkFailed] = []
        self.changed = asyncio.Event()
        self.network = NetworkService(
            identity,
            NetworkSettings(
                listen_host="127.0.0.1",
                listen_port=port,
                bootstrap=tuple(bootstrap),
                address_book=directory / f"{name}.json",
                max_peers=max_peers,
                mdns=mdns,
                announced=tuple(announced),
                late_dial_s=0.3,
                agent=f"test/{name}",
            ),
            secret=self.secret,
            on_message=self.on_message,
            on_request=self.on_request,
            on_failed=self.failures.append,
        )

    @property
    def id(self) -> PeerId:
        return self.network.peer_id

    @property
    def address(self) -> str:
        return self.network.listen_addresses[0]

    def on_message(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        self.received.append((peer, topic, payload))
        self.changed.set()

    async def on_request(self, peer: PeerId, kind: RequestKind, payload: bytes) -> bytes:
        self.asked.append((peer, kind, payload))
        return kind.value.encode() + b":" + payload

    def payloads(self, topic: Topic) -> list[bytes]:
        return [payload for _, found, payload in self.received if found is topic]

    async def until(self, condition: Callable[[], bool], seconds: float = 40) -> None:
        """Wait for what follows from messages."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


async def eventually(condition: Callable[[], bool], seconds: float = 40) -> None:
    """Wait for what shows in a network's snapshot, which nobody announces."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def meshed(node: Node, peers: int) -> bool:
    """Connected to so many peers, and gossip goes to them on every topic."""
    mesh = node.network.stats().mesh
    return len(node.network.peers()) == peers and min(mesh.values()) >= min(peers, 4)


@asynccontextmanager
async def joined(directory: Path, count: int) -> AsyncIterator[list[Node]]:
    """So many nodes, each connected to all before it."""
    async with AsyncExitStack() as stack:
        nodes: list[Node] = []
        for number in range(count):
            bootstrap = [node.address for node in nodes]
            node = Node(directory, f"n{number}", bootstrap=bootstrap)
            await stack.enter_async_context(node.network)
            nodes.append(node)
        for node in nodes:
            await eventually(lambda node=node: meshed(node, count - 1))
        yield nodes
