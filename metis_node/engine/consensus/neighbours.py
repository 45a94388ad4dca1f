"""Peers that stand at another height: who is ahead is told to the block sync, who is behind gets
the block it lacks, and a proposal that comes a moment early waits."""

from __future__ import annotations

from collections.abc import Callable

from metis_node.codec.block_messages import DecidedBlock, encode_decided
from metis_node.engine.consensus.ports import Gossip
from metis_node.engine.consensus.reception import ProposalArrived
from metis_node.engine.ports import Clock
from metis_node.types.network import PeerId, Topic

HELP_INTERVAL_MS = 1_000  # between two blocks for one peer
MAX_HELPED = 1_024  # peers
MAX_EARLY = 16  # proposals of heights that have not begun here
MAX_EARLY_HEIGHTS = 2

DecidedAt = Callable[[int], DecidedBlock | None]


class Neighbours:
    """Event loop only."""

    def __init__(self, gossip: Gossip, clock: Clock) -> None:
        self.on_ahead: Callable[[PeerId, int], None] | None = None  # a peer has this block
        self.decided_block: DecidedAt | None = None
        self._gossip = gossip
        self._clock = clock
        self._helped: dict[PeerId, int] = {}
        self._early: list[ProposalArrived] = []

    def stands_at(self, peer: PeerId, height: int) -> None:
        """Whoever speaks of a height to come has the block below it."""
        if self.on_ahead is not None:
            self.on_ahead(peer, height - 1)

    def help(self, peer: PeerId, height: int) -> None:
        """The peer stands at a height that is decided: it gets the block, once a second at most."""
        now = self._clock.now_ms()
        if now - self._helped.get(peer, 0) < HELP_INTERVAL_MS:
            return
        block = self.decided(height)
        if block is None:
            return
        if len(self._helped) >= MAX_HELPED:
            self._helped.clear()
        self._helped[peer] = now
        self._gossip.send(peer, Topic.BLOCKS, encode_decided(block))

    def decided(self, height: int) -> DecidedBlock | None:
        """A stored block with its certificate; None where it is not here."""
        return None if self.decided_block is None else self.decided_block(height)

    def keep_early(self, item: ProposalArrived, head: int) -> None:
        """The others may be a moment ahead: a proposal of the next height waits for it."""
        height = item.value.proposal.height
        if height <= head:
            return
        self.stands_at(item.peer, height)
        if height <= head + MAX_EARLY_HEIGHTS and len(self._early) < MAX_EARLY:
            self._early.append(item)

    def take_early(self) -> list[ProposalArrived]:
        early, self._early = self._early, []
        return early
