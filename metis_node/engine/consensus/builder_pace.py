"""Builders that are late again and again, by this node's clock (rule C14)."""

from __future__ import annotations

from collections import deque

from metis_node.types.primitives import Address

LATE_SHARE = 0.5  # of the propose time-out after which a block counts as late
WINDOW = 16  # blocks
MOST_LATE = 8  # of them


class BuilderPace:
    """At most one builder per epoch is called slow, so that plain load does not spin the pen."""

    def __init__(self) -> None:
        self._builder: Address | None = None
        self._late: deque[bool] = deque(maxlen=WINDOW)
        self._slow: Address | None = None
        self._epoch = -1

    def observe(self, builder: Address, share: float) -> None:
        """A block of `builder` came, `share` of the propose time-out after it was due."""
        if builder != self._builder:
            self._builder = builder
            self._late.clear()
        self._late.append(share > LATE_SHARE)
        if self._slow is None and sum(self._late) >= MOST_LATE:
            self._slow = builder

    def is_slow(self, builder: Address, epoch: int) -> bool:
        """Whether the propose time-out of its round 0 is cut; an epoch's end forgives."""
        if epoch != self._epoch:
            self._epoch, self._slow = epoch, None
            self._late.clear()
        return builder == self._slow
