"""Payloads that came already: a message takes more than one way to us."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from metis_node.network.limits import SEEN_PAYLOADS, TOPIC_LIMITS
from metis_node.types.network import Topic


class SeenPayloads:
    """Digests of the last payloads by topic, each for as long as the topic's limit says."""

    def __init__(self) -> None:
        self._seen: dict[Topic, OrderedDict[bytes, float]] = {
            topic: OrderedDict() for topic in Topic
        }

    def first(self, topic: Topic, payload: bytes, now: float) -> bool:
        """Whether this payload is new, which it is not any more. `now` in seconds, monotonic."""
        digest = hashlib.blake2b(payload, digest_size=16).digest()
        seen = self._seen[topic]
        if now - seen.get(digest, float("-inf")) < TOPIC_LIMITS[topic].fresh_s:
            return False
        seen[digest] = now
        seen.move_to_end(digest)
        if len(seen) > SEEN_PAYLOADS:
            seen.popitem(last=False)
        return True
