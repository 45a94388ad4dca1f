"""One JSON-RPC method: its handler and its figures. Dispatching is in `jsonrpc.py`.

A handler takes the positional parameters and the session, and returns what orjson encodes, an
`orjson.Fragment` of JSON already encoded, or an awaitable of either: a coroutine, or a future of
the running loop. The figures are plain integers, so that counting costs nothing on the hot path;
`metrics.py` reads them when it is scraped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from metis_node.rpc.session import Session

Handler = Callable[[list[Any], Session], Any]
ManyHandler = Callable[[Sequence[list[Any]]], Awaitable[Sequence[Any]]]

# Upper edges of the latency histogram, seconds.
BUCKETS = (2e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 0.5, 2.5, 10.0)


class Method:
    """`many`, where given, answers a run of calls in one batch at once: one result, or exception,
    for each list of parameters. `finish`, where given, makes JSON of what was awaited."""

    __slots__ = ("buckets", "calls", "errors", "finish", "handler", "many", "name", "seconds")

    def __init__(
        self,
        name: str,
        handler: Handler,
        many: ManyHandler | None = None,
        finish: Callable[[Any], Any] | None = None,
    ) -> None:
        self.name = name
        self.handler = handler
        self.many = many
        self.finish = finish
        self.calls = 0
        self.errors = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def observe(self, seconds: float) -> None:
        """Count one answered call that took this long."""
        self.calls += 1
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS, seconds)] += 1

    def observe_many(self, count: int, seconds: float) -> None:
        """Count calls that were answered together in this time."""
        self.calls += count
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS, seconds / count)] += count
