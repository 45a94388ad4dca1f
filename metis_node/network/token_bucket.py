"""How much of something a peer may do. Time comes in as an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from metis_node.network.limits import Rate

K = TypeVar("K", bound=Hashable)


class TokenBucket:
    """Full at first; `take` says whether there was enough."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def take(self, now: float, amount: float = 1.0) -> bool:
        self._tokens = min(
            self._rate.burst, self._tokens + max(0.0, now - self._at) * self._rate.per_second
        )
        self._at = max(now, self._at)
        if self._tokens < amount:
            return False
        self._tokens -= amount
        return True


class Buckets(Generic[K]):
    """A bucket for each key, of which the `capacity` last used are kept."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._buckets: OrderedDict[K, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: K, rate: Rate, now: float, amount: float = 1.0) -> bool:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(rate, now)
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(now, amount)
