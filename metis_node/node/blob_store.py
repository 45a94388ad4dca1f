"""Blobs of the embedded L1: kept from admission until some blocks later, as Ethereum does.

Under key `v` ‖ versioned hash stands be64(head at admission) ‖ blob. What a sidecar must prove is
in `blob_sidecar.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from metis_node.l1.blobs import BLOB_BYTES, Sidecar
from metis_node.storage.kv import KeyValueStore
from metis_node.storage.tables import BLOBS, be64

RETENTION_BLOCKS = 4_096  # Ethereum's 4096 epochs, in blocks: a devnet's L1 lives hours
PRUNE_INTERVAL_BLOCKS = 64


class BlobStore:
    """Owner of the blob table. Reads from any thread, writes from one at a time."""

    def __init__(self, store: KeyValueStore, *, retention_blocks: int = RETENTION_BLOCKS) -> None:
        self._store = store
        self._retention_blocks = retention_blocks
        # versioned hash -> head when it was last admitted
        self._admitted_at: dict[bytes, int] = self._scan()

    def __len__(self) -> int:
        return len(self._admitted_at)

    def put(self, sidecar: Sidecar, head: int) -> None:
        """Keep the blobs of an admitted transaction. Call before its transaction is announced."""
        names = sidecar.versioned_hashes
        blobs = zip(names, sidecar.blobs, strict=True)
        self._store.write([(BLOBS + name, be64(head) + blob) for name, blob in blobs])
        self._admitted_at.update(dict.fromkeys(names, head))

    def get(self, versioned_hashes: Iterable[bytes]) -> list[bytes | None]:
        """The blobs, None for those that are unknown or no longer kept."""
        values = self._store.get_many([BLOBS + name for name in versioned_hashes])
        return [value[8:] if value is not None else None for value in values]

    def prune(self, head: int) -> int:
        """Drop what was admitted too many blocks ago. How many blobs went."""
        if head % PRUNE_INTERVAL_BLOCKS:
            return 0
        limit = head - self._retention_blocks
        stale = [name for name, number in self._admitted_at.items() if number < limit]
        if stale:
            self._store.write([(BLOBS + name, None) for name in stale], sync=False)
            for name in stale:
                del self._admitted_at[name]
        return len(stale)

    def _scan(self) -> dict[bytes, int]:
        pairs = self._store.iterate(BLOBS, bytes([BLOBS[0] + 1]))
        return {
            key[len(BLOBS) :]: int.from_bytes(value[:8], "big")
            for key, value in pairs
            if len(value) == 8 + BLOB_BYTES
        }
