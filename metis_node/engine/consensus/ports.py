"""What the host of the agreement needs from others, as Protocols. `node/assembly` wires them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from metis_node.types.network import Offence, PeerId, RequestKind, Topic


class Gossip(Protocol):
    """The network between nodes. Nothing here waits but `request`."""

    def peers(self) -> Sequence[PeerId]:
        """Those that are connected now."""
        ...

    def publish(self, topic: Topic, payload: bytes) -> None:
        """To everybody, by gossip. What does not fit a queue is dropped and counted."""
        ...

    def send(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        """To one peer that is connected, on a stream of its own."""
        ...

    async def request(
        self, peer: PeerId, kind: RequestKind, payload: bytes, *, timeout_s: float
    ) -> bytes:
        """The answer. Raises Temporary where there is none."""
        ...

    def penalise(self, peer: PeerId, offence: Offence) -> None: ...

    def disconnect(self, peer: PeerId) -> None:
        """Close the connections with a peer, which may come back."""
        ...


class NoNetwork:
    """A validator that is alone: its own vote is all of the power."""

    def peers(self) -> Sequence[PeerId]:
        return ()

    def publish(self, topic: Topic, payload: bytes) -> None:
        pass

    def send(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        pass

    async def request(
        self,
        peer: PeerId,  # noqa: ARG002
        kind: RequestKind,  # noqa: ARG002
        payload: bytes,  # noqa: ARG002
        *,
        timeout_s: float,  # noqa: ARG002
    ) -> bytes:
        raise AssertionError("there is nobody to ask")

    def penalise(self, peer: PeerId, offence: Offence) -> None:
        pass

    def disconnect(self, peer: PeerId) -> None:
        pass
