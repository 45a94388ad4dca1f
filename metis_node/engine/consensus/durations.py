"""How long something takes, counted as a histogram: plain numbers that a scrape reads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Durations:
    """Event loop only."""

    def __init__(self, edges_s: Sequence[float]) -> None:
        """`edges_s`: upper edges of the buckets, rising; what is longer goes into one more."""
        self.edges_s = tuple(edges_s)
        self.counts = [0] * (len(self.edges_s) + 1)
        self.total_s = 0.0
        self.longest_s = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.edges_s, seconds)] += 1
        self.total_s += seconds
        self.longest_s = max(self.longest_s, seconds)
