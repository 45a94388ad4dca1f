"""A value over L1 blocks, as the contracts' checkpoints keep it: what held after any block.

Grows at the end and is cut at the end; nothing in the middle ever changes.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, TypeVar

T = TypeVar("T")


class History(Generic[T]):
    """Asking for a block before the first change gives `first`."""

    __slots__ = ("_blocks", "_first", "_values")

    def __init__(self, first: T) -> None:
        self._first = first
        self._blocks: list[int] = []
        self._values: list[T] = []

    @property
    def last(self) -> T:
        return self._values[-1] if self._values else self._first

    def set(self, block: int, value: T) -> None:
        """From `block` on. Of several changes in one block the last one holds."""
        assert not self._blocks or block >= self._blocks[-1]
        if self._blocks and self._blocks[-1] == block:
            self._values[-1] = value
        elif value != self.last:
            self._blocks.append(block)
            self._values.append(value)

    def at(self, block: int) -> T:
        """What held after `block`."""
        index = bisect_right(self._blocks, block)
        return self._values[index - 1] if index else self._first

    def undo_to(self, block: int) -> None:
        """Forget what changed after `block`."""
        keep = bisect_right(self._blocks, block)
        del self._blocks[keep:]
        del self._values[keep:]

    def __bool__(self) -> bool:
        """Whether it ever changed."""
        return bool(self._blocks)
