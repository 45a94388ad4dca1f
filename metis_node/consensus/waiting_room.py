"""Messages of heights that have not begun here yet, kept within bounds (rule C7)."""

from __future__ import annotations

from collections import Counter

from metis_node.consensus.inputs import (
    CertificateReceived,
    ProposalReceived,
    RoundCertificateReceived,
    VoteReceived,
    YieldReceived,
)
from metis_node.types.primitives import Address

MAX_HEIGHTS_AHEAD = 8
MAX_PER_SENDER = 32  # messages of one sender for one height: two votes in each of a few rounds
MAX_PER_HEIGHT = 1_024
CERTIFICATES = Address(bytes(20))  # they have no sender of their own, and share one allowance

Waiting = (
    VoteReceived | ProposalReceived | YieldReceived | CertificateReceived | RoundCertificateReceived
)


class WaitingRoom:
    """What does not fit is dropped: senders repeat what matters while a height stands."""

    def __init__(self) -> None:
        self._heights: dict[int, list[Waiting]] = {}
        self._senders: dict[int, Counter[Address]] = {}

    def keep(self, height: int, sender: Address, message: Waiting, *, current: int) -> bool:
        """False where there is no room for it."""
        if not current < height <= current + MAX_HEIGHTS_AHEAD:
            return False
        kept = self._heights.setdefault(height, [])
        senders = self._senders.setdefault(height, Counter())
        if len(kept) >= MAX_PER_HEIGHT or senders[sender] >= MAX_PER_SENDER:
            return False
        if message in kept:
            return False
        kept.append(message)
        senders[sender] += 1
        return True

    def take(self, height: int) -> list[Waiting]:
        """What waited for `height`; everything below is forgotten."""
        taken = self._heights.get(height, [])
        for known in [known for known in self._heights if known <= height]:
            del self._heights[known], self._senders[known]
        return taken
