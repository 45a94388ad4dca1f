"""Blocks as encoded JSON, bounded in bytes: many clients ask for the same new block."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

Key = tuple[str, bytes]  # (shape, block hash)


class BlockCache:
    """Forgets what was used longest ago. For any thread."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._size = 0
        self._entries: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> bytes | None:
        with self._lock:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: Key, value: bytes) -> None:
        if len(value) > self._bound // 2:
            return
        with self._lock:
            previous = self._entries.pop(key, b"")
            self._entries[key] = value
            self._size += len(value) - len(previous)
            while self._size > self._bound:
                _, dropped = self._entries.popitem(last=False)
                self._size -= len(dropped)
