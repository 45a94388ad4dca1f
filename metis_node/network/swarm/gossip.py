"""libp2p's pubsub with guards: nothing that a peer sends may end it, and cheap checks come first.

Only public methods are overridden. Rules N7 to N10.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pubsub import Pubsub

from metis_node.network.limits import (
    CONTROL_ENTRIES,
    FORWARDED,
    MAX_FRAME_BYTES,
    STREAM_BYTES,
    STREAM_READS,
    TOPIC_LIMITS,
    Rate,
)
from metis_node.network.scores import Misdeed
from metis_node.network.state import NetworkState
from metis_node.network.swarm import patches
from metis_node.network.swarm.peers import Peers
from metis_node.network.swarm.streams import BufferedStream, reset_quietly
from metis_node.network.wire import TOPIC_CODES, MalformedFrame, decode_frame, encode_frame
from metis_node.types.network import Offence, PeerId, Topic

log = structlog.get_logger(__name__)


class Flooded(Exception):
    """A peer sends more than any honest one."""


class GossipRouter(GossipSub):
    """GossipSub 1.1 with the settings that hold for small meshes.

    Off: stock's spam protection (10 messages a second, our own included), adaptive heartbeats (they
    slow down when the mesh is ill), IDONTWANT (twice the frames for small messages).
    """

    def __init__(self, state: NetworkState) -> None:
        self._state = state
        super().__init__(
            [PROTOCOL_ID_V11],
            degree=6,
            degree_low=4,
            degree_high=12,
            heartbeat_interval=1,
            prune_back_off=10,
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
            adaptive_gossip_enabled=False,
        )

    async def handle_rpc(self, rpc: Any, sender_peer_id: ID) -> None:
        """Control messages. Flooded, which ends the stream, above any honest rate."""
        control = rpc.control
        entries = len(control.graft) + len(control.prune) + len(control.idontwant)
        entries += sum(1 + len(part.messageIDs) for part in (*control.ihave, *control.iwant))
        key = (str(sender_peer_id), "stream", "control")
        if not self._state.rates.take(key, CONTROL_ENTRIES, time.monotonic(), entries):
            raise Flooded(str(sender_peer_id))
        await super().handle_rpc(rpc, sender_peer_id)

    async def on_peer_subscribed(self, peer_id: ID, topic: str) -> None:
        await _guarded("graft", super().on_peer_subscribed, peer_id, topic)

    async def flush_pending_messages(self, peer_id: ID) -> None:
        await _guarded("flush", super().flush_pending_messages, peer_id)


class Gossip(Pubsub):
    """Pubsub that knows our topics, rates its peers and delivers without a channel in between."""

    def __init__(self, host: Any, router: GossipRouter, state: NetworkState, peers: Peers) -> None:
        self._state = state
        self._table = peers
        self._topic_of = {name: topic for topic, name in state.names.topics.items()}
        super().__init__(
            host,
            router,
            strict_signing=True,
            max_inbound_rpc_size=MAX_FRAME_BYTES,
            allowed_topics=frozenset(self._topic_of),
            max_subscriptions_per_peer=2 * len(Topic),
            max_subscriptions_per_rpc=4 * len(Topic),
        )
        # Stock starts at seconds: a node that sent more than one message a second uses ids again
        # after a restart, and its peers take what it says for repeated.
        self.counter = time.time_ns()

    async def send(self, topic: Topic, payload: bytes) -> None:
        """Publish to all."""
        frame = encode_frame(TOPIC_CODES[topic], payload)
        await self.publish(self._state.names.topics[topic], frame)

    def is_peer_blacklisted(self, peer_id: ID) -> bool:
        return bool(self._state.scores.banned(PeerId(str(peer_id)), time.time()))

    async def stream_handler(self, stream: Any) -> None:
        peer = stream.muxed_conn.peer_id
        buffered = BufferedStream(stream, on_read=lambda size: self._meter(peer, size))
        try:
            await super().stream_handler(buffered)  # type: ignore[arg-type]
        except Exception as error:
            if isinstance(error, Flooded):
                self._table.blame(PeerId(str(peer)), Misdeed.FLOOD)
            else:
                self._state.counters.malformed += 1
                self._table.blame(PeerId(str(peer)), Offence.MALFORMED)
                log.info("gossip stream refused", peer=str(peer), why=repr(error)[:200])
            await reset_quietly(stream)
            patches.drop_pubsub_peer(self, peer)

    def handle_subscription(self, origin_id: ID, sub_message: Any) -> None:
        if sub_message.topicid not in self._topic_of:
            self._table.blame(PeerId(str(origin_id)), Offence.USELESS)
        super().handle_subscription(origin_id, sub_message)

    async def push_msg(self, msg_forwarder: ID, msg: Any) -> None:
        try:
            if msg_forwarder == self.my_id or self._admits(msg_forwarder, msg):
                await super().push_msg(msg_forwarder, msg)
        except Exception as error:
            self._state.counters.malformed += 1
            self._table.blame(PeerId(str(msg_forwarder)), Offence.MALFORMED)
            log.info("gossip message refused", peer=str(msg_forwarder), why=repr(error)[:200])

    async def validate_msg(self, msg_forwarder: ID, msg: Any) -> None:
        """Nothing: `push_msg` has checked, before it paid for the signature."""

    def notify_subscriptions(self, publish_message: Any) -> None:
        origin = ID(publish_message.from_id)
        if origin == self.my_id:
            return
        topic = self._topic_of[publish_message.topicIDs[0]]
        payload = decode_frame(
            publish_message.data, code=TOPIC_CODES[topic], limit=TOPIC_LIMITS[topic].max_bytes
        )
        self._state.deliver(PeerId(str(origin)), topic, payload)

    def _admits(self, forwarder: ID, msg: Any) -> bool:
        """Whether a message is worth its signature check; blames for what is not."""
        counters, peer = self._state.counters, PeerId(str(forwarder))
        if len(msg.topicIDs) != 1 or msg.topicIDs[0] not in self._topic_of:
            raise MalformedFrame(f"{len(msg.topicIDs)} topics in one message, or not ours")
        topic = self._topic_of[msg.topicIDs[0]]
        limits, now = TOPIC_LIMITS[topic], time.monotonic()
        counters.bytes_in[topic] += len(msg.data)
        wide = Rate(
            per_second=limits.origin.per_second * FORWARDED, burst=limits.origin.burst * FORWARDED
        )
        if not self._state.rates.take((peer, "forwards", topic), wide, now):
            counters.too_fast[topic] += 1
            self._table.blame(peer, Misdeed.TOO_FAST)
            return False
        if self.seen_messages.has(self.get_message_id(msg)):
            return False
        decode_frame(msg.data, code=TOPIC_CODES[topic], limit=limits.max_bytes)
        origin = PeerId(str(ID(msg.from_id)))
        if not self._state.rates.take((origin, "originates", topic), limits.origin, now):
            counters.too_fast[topic] += 1
            if origin == peer:
                self._table.blame(peer, Misdeed.TOO_FAST)
            return False
        return True

    def _meter(self, peer: ID, size: int) -> None:
        """Flooded if a peer's gossip stream as a whole is over its rate."""
        name, now = str(peer), time.monotonic()
        self._table.heard_from(PeerId(name))
        rates = self._state.rates
        enough = rates.take((name, "stream", "bytes"), STREAM_BYTES, now, size)
        if not (enough and rates.take((name, "stream", "reads"), STREAM_READS, now)):
            raise Flooded(name)


async def _guarded(what: str, call: Any, *arguments: Any) -> None:
    """Run a step of the router that stock starts as a task: an error would end gossip."""
    try:
        await call(*arguments)
    except Exception as error:
        log.warning("gossip step failed", step=what, why=repr(error)[:200])
