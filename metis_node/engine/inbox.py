"""The one bounded inbox of a host: facts come in from callbacks, the host's task takes them out."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from metis_node.errors import Temporary

T = TypeVar("T")


class Inbox(Generic[T]):
    """First in, first out, at most `capacity`. Event loop only."""

    def __init__(self, name: str, capacity: int) -> None:
        self._name = name
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Raises Temporary where the host does not keep up."""
        if len(self._items) >= self._capacity:
            raise Temporary(
                f"the inbox of {self._name} is full ({self._capacity}): its host does not keep up"
            )
        self._items.append(item)
        self._arrived.set()

    async def take(self) -> T:
        """The oldest item, as soon as there is one."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()
        return self._items.popleft()

    async def take_all(self) -> list[T]:
        """Everything that waits, at least one item."""
        items = [await self.take(), *self._items]
        self._items.clear()
        return items
