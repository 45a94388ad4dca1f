"""Where batches stand on L1, kept in the store: for questions about a block, and to resume a scan.

Nothing here has to be right for the chain to be right: it is rebuilt by scanning L1 again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from metis_node.errors import CorruptStore
from metis_node.storage.kv import KeyValueStore
from metis_node.storage.tables import BATCHES, be64
from metis_node.types.primitives import Hash32

CURSOR_KEY = BATCHES + b"cursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """A batch that counted."""

    first: int
    last: int
    l1_block: int
    l1_hash: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A scan can go on at `next_l1_block` if L1 still has `l1_hash` right before it."""

    next_l1_block: int
    l1_hash: Hash32
    safe: int


class BatchIndex:
    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    def record(self, batch: BatchRecord) -> None:
        key = BATCHES + be64(batch.last)
        self._store.write([(key, orjson.dumps(asdict(batch)))], sync=False)

    def find(self, number: int) -> BatchRecord | None:
        """The batch that holds a block, if one on L1 does."""
        start, stop = BATCHES + be64(number), BATCHES + b"\xff" * 8
        for key, value in self._store.iterate(start, stop):
            if len(key) != 9:
                continue
            found = BatchRecord(**orjson.loads(value))
            return found if found.first <= number else None
        return None

    def save_cursor(self, cursor: Cursor) -> None:
        value = be64(cursor.next_l1_block) + be64(cursor.safe) + cursor.l1_hash
        self._store.write([(CURSOR_KEY, value)], sync=False)

    def load_cursor(self) -> Cursor | None:
        value = self._store.get(CURSOR_KEY)
        if value is None:
            return None
        if len(value) != 48:
            raise CorruptStore(f"the cursor of the batch scan has {len(value)} bytes, expected 48")
        return Cursor(
            next_l1_block=int.from_bytes(value[:8], "big"),
            safe=int.from_bytes(value[8:16], "big"),
            l1_hash=Hash32(value[16:]),
        )
