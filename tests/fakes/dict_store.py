"""The smallest store an engine can stand on: a dict of bytes. No ordering, no durability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class DictStore:
    """Keys and values in memory, with the two calls that the native engine needs."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        for key, value in changes:
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value

    def under(self, prefix: bytes) -> dict[bytes, bytes]:
        """All entries whose key begins with `prefix`, keys without it, in key order."""
        cut = len(prefix)
        found = sorted(key for key in self.values if key.startswith(prefix))
        return {key[cut:]: self.values[key] for key in found}
