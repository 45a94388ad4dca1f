"""The bounded cache."""

from __future__ import annotations

import pytest

from metis_node.chain.cache import LruCache


def test_the_least_recently_used_leaves_first() -> None:
    cache: LruCache[int, str] = LruCache(2)
    cache.put(1, "a")
    cache.put(2, "b")
    assert cache.get(1) == "a"
    cache.put(3, "c")
    assert [cache.get(n) for n in (1, 2, 3)] == ["a", None, "c"]
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0


def test_a_cache_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        LruCache(0)
