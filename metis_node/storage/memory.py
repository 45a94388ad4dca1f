"""The key-value port in memory, for tests and throw-away chains."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence


class _Pairs:
    """Reads over a dict and its sorted keys."""

    def __init__(self, values: dict[bytes, bytes], order: list[bytes]) -> None:
        self._values = values
        self._order = order
        self._lock = threading.Lock()  # keys and values change together

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self._values.get(key) for key in keys]

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        for key in self._range(start, stop, reverse):
            value = self._values.get(key)
            if value is not None:
                yield key, value

    def keys(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        return iter(self._range(start, stop, reverse))

    def _range(self, start: bytes, stop: bytes, reverse: bool) -> list[bytes]:
        """A copy, so that writes during an iteration do not disturb it."""
        with self._lock:
            found = self._order[bisect_left(self._order, start) : bisect_left(self._order, stop)]
        return found[::-1] if reverse else found


class MemorySnapshot(_Pairs):
    """A frozen copy."""

    def close(self) -> None:
        self._values = {}
        self._order = []


class MemoryStore(_Pairs):
    """A `KeyValueStore` that forgets everything with the process."""

    def __init__(self) -> None:
        super().__init__({}, [])

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], *, sync: bool = True) -> None:  # noqa: ARG002
        with self._lock:
            for key, value in list(changes):
                self._change(key, value)

    def snapshot(self) -> MemorySnapshot:
        with self._lock:
            return MemorySnapshot(dict(self._values), list(self._order))

    def close(self) -> None:
        """Nothing to release."""

    def _change(self, key: bytes, value: bytes | None) -> None:
        known = key in self._values
        if value is not None:
            self._values[key] = value
            if not known:
                insort(self._order, key)
        elif known:
            del self._values[key]
            del self._order[bisect_left(self._order, key)]
