"""Local transactions on disk: what a client handed to this node survives its restart.

Puts and deletes gather in memory and cancel each other out; `flush` writes them, unsynced: a killed
process loses nothing that was flushed, a power cut may.
"""

from __future__ import annotations

from collections.abc import Iterable

from metis_node.storage.kv import KeyValueStore
from metis_node.storage.tables import LOCAL_TRANSACTIONS

AFTER = LOCAL_TRANSACTIONS[:-1] + bytes((LOCAL_TRANSACTIONS[-1] + 1,))


class LocalJournal:
    """Gather on the event loop, `flush` on a worker thread, one flush at a time."""

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store
        self._waiting: dict[bytes, bytes | None] = {}
        self._on_disk: set[bytes] = set()  # bounded by the mempool's own bound

    def __len__(self) -> int:
        """Changes that wait for a flush."""
        return len(self._waiting)

    def record(self, transaction_hash: bytes, raw: bytes) -> None:
        self._waiting[transaction_hash] = raw

    def forget(self, hashes: Iterable[bytes]) -> None:
        """These left the pool. One that never reached the disk costs nothing."""
        waiting, on_disk = self._waiting, self._on_disk
        for transaction_hash in hashes:
            if transaction_hash in on_disk:
                waiting[transaction_hash] = None
            else:
                waiting.pop(transaction_hash, None)

    def take(self) -> list[tuple[bytes, bytes | None]]:
        """The changes to write, which count as on disk from now on. Event loop."""
        changes, self._waiting = self._waiting, {}
        for transaction_hash, raw in changes.items():
            if raw is None:
                self._on_disk.discard(transaction_hash)
            else:
                self._on_disk.add(transaction_hash)
        return [(LOCAL_TRANSACTIONS + name, raw) for name, raw in changes.items()]

    def write(self, changes: list[tuple[bytes, bytes | None]]) -> None:
        """Write what `take` gave. Any thread; calls must not overtake each other."""
        if changes:
            self._store.write(changes, sync=False)

    def load(self) -> list[bytes]:
        """Raw transactions of the last run, for the intake. They count as on disk."""
        pairs = list(self._store.iterate(LOCAL_TRANSACTIONS, AFTER))
        self._on_disk.update(key[len(LOCAL_TRANSACTIONS) :] for key, _ in pairs)
        return [value for _, value in pairs]
