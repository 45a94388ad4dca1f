"""The key-value port. Adapters: `leveldb.py` (disk), `memory.py` (tests)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol


class Reader(Protocol):
    """Point reads and ordered scans over one consistent or live state of a store."""

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]: ...

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with start <= key < stop, in key order (or against it)."""
        ...

    def keys(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[bytes]: ...


class Snapshot(Reader, Protocol):
    """A frozen state of the store. Close it."""

    def close(self) -> None: ...


class KeyValueStore(Reader, Protocol):
    """An ordered store of bytes. Reads may come from any thread; one writer at a time."""

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], *, sync: bool = True) -> None:
        """Apply all or nothing; None deletes. With `sync`, durable when this returns."""
        ...

    def snapshot(self) -> Snapshot: ...

    def close(self) -> None: ...
