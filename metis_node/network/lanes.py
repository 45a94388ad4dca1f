"""A queue with a lane for each topic: the urgent overtakes, nobody waits for ever. Thread-safe."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from metis_node.network.limits import TOPIC_LIMITS
from metis_node.types.network import Topic

T = TypeVar("T")

# Every so many takes go to the least urgent lane that holds something, so that a storm of votes
# delays blocks and transactions and never stops them.
SHARE_OF_THE_LAST = 16


class Lanes(Generic[T]):
    """Bounded by TOPIC_LIMITS for each topic; a full lane drops its oldest item."""

    def __init__(self, dropped: Callable[[Topic], None]) -> None:
        self._lanes: dict[Topic, deque[tuple[T, int]]] = {topic: deque() for topic in Topic}
        self._bytes = dict.fromkeys(Topic, 0)
        self._dropped = dropped
        self._taken = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, topic: Topic, item: T, size: int) -> None:
        """Append an item of that many bytes to its topic's lane."""
        limits = TOPIC_LIMITS[topic]
        with self._lock:
            lane = self._lanes[topic]
            lane.append((item, size))
            self._bytes[topic] += size
            while len(lane) > limits.waiting or self._bytes[topic] > limits.waiting_bytes:
                self._bytes[topic] -= lane.popleft()[1]
                self._dropped(topic)

    def take(self) -> T | None:
        """The next item; None if there is none."""
        with self._lock:
            self._taken += 1
            order = list(Topic)
            if self._taken % SHARE_OF_THE_LAST == 0:
                order.reverse()
            for topic in order:
                if self._lanes[topic]:
                    item, size = self._lanes[topic].popleft()
                    self._bytes[topic] -= size
                    return item
            return None
