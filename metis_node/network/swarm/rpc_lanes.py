"""What waits to go out to one gossip peer: control first, then by urgency of the topic."""

from __future__ import annotations

from collections import deque
from typing import Any

from libp2p.pubsub.rpc_queue import RpcQueue

from metis_node.network.lanes import SHARE_OF_THE_LAST
from metis_node.network.limits import MAX_FRAME_BYTES, TOPIC_LIMITS
from metis_node.types.network import Topic

MAX_WAITING = 4_096
MAX_WAITING_BYTES = 16 << 20  # in one lane, so that no topic's backlog refuses another's messages
RANKS = {topic.value: rank for rank, topic in enumerate(Topic, start=1)}
CONTROL = 0  # subscriptions, grafts, and what names no topic of ours


class UrgentFirst:
    """Stands in for libp2p's PriorityQueue: same calls, a lane for each topic, bounded in bytes."""

    def __init__(self) -> None:
        self._lanes: list[deque[tuple[Any, int]]] = [deque() for _ in range(len(Topic) + 1)]
        self._bytes = [0] * len(self._lanes)
        self._popped = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes))

    def push(self, rpc: Any, priority: bool = False) -> bool:
        """False where there is no room: the caller drops or tries again later."""
        rank = CONTROL if priority else rank_of(rpc)
        lane = self._lanes[rank]
        size = sum(len(message.data) for message in rpc.publish)
        if len(lane) >= MAX_WAITING or self._bytes[rank] + size > MAX_WAITING_BYTES:
            return False
        lane.append((rpc, size))
        self._bytes[rank] += size
        return True

    def pop(self) -> Any | None:
        self._popped += 1
        last_first = self._popped % SHARE_OF_THE_LAST == 0
        ranks = range(len(self._lanes))
        for rank in reversed(ranks) if last_first else ranks:
            if self._lanes[rank]:
                rpc, size = self._lanes[rank].popleft()
                self._bytes[rank] -= size
                return rpc
        return None


class RpcLanes(RpcQueue):
    """libp2p's queue for one peer, with our order and bounds inside."""

    def __init__(self) -> None:
        super().__init__(max_message_size=MAX_FRAME_BYTES)
        self._queue = UrgentFirst()  # type: ignore[assignment]

    def split_rpc(self, rpc: Any) -> list[Any]:
        """One message, or control alone, of a size that was checked before needs no splitting."""
        if len(rpc.publish) <= 1 and rpc.ByteSize() <= self.max_message_size:
            return [rpc]
        return super().split_rpc(rpc)


def rank_of(rpc: Any) -> int:
    """The lane of an RPC: that of its first message's topic `/metis/<chain>/<digest>/<topic>/1`."""
    if not rpc.publish or not rpc.publish[0].topicIDs:
        return CONTROL
    parts = rpc.publish[0].topicIDs[0].split("/")
    return RANKS.get(parts[4], len(TOPIC_LIMITS)) if len(parts) == 6 else len(TOPIC_LIMITS)
