"""Every private name of libp2p 0.8.1 that this room replaces or touches, and why.

`check_pinned` runs before the first host: another version, or a name that is gone, stops the
network with a message instead of letting it limp. All replacements keep the wire format.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from importlib import import_module, metadata
from typing import Any
from weakref import WeakKeyDictionary

import trio
from libp2p.host.basic_host import BasicHost
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.stream_muxer.yamux.yamux import YamuxStream

from metis_node.network.errors import NetworkFailed
from metis_node.network.swarm.rpc_lanes import RpcLanes

PINNED = "0.8.1"
pubsub_module: Any = import_module("libp2p.pubsub.pubsub")
gossipsub_module: Any = import_module("libp2p.pubsub.gossipsub")
RECORD_KEPT_S = 30.0
RECORDS_KEPT = 1_024

# owner, name, a text its source must contain: what the replacements below rely on
RELIED_ON: tuple[tuple[Any, str, str], ...] = (
    (pubsub_module, "RpcQueue", "def split_rpc"),
    (pubsub_module, "env_to_send_in_RPC", "get_local_record"),
    (gossipsub_module, "env_to_send_in_RPC", "get_local_record"),
    (pubsub_module, "maybe_consume_signed_record", "consume_envelope"),
    (gossipsub_module, "maybe_consume_signed_record", "consume_envelope"),
    (pubsub_module.Pubsub, "_handle_new_peer", "queue = RpcQueue()"),
    (pubsub_module.Pubsub, "_handle_dead_peer", "del self.peers[peer_id]"),
    (YamuxStream, "_auto_tune_and_send_window_update", "_pending_recv_release"),
    (YamuxStream, "_apply_autotune_epoch", "target_recv_window"),
    (YamuxStream, "send_window_update", "skip_lock"),
    (BasicHost, "_swarm_stream_handler", "multiselect.negotiate"),
    (Swarm, "__init__", "self._negative_peer_cache ="),
    (gossipsub_module.GossipSub, "send_rpc", "queue.push"),
)

_applied: list[str] = []  # for the process: the modules are shared by all its hosts


def check_pinned() -> None:
    """NetworkFailed if the installed libp2p is not the one these patches were written for."""
    version = metadata.version("libp2p")
    if version != PINNED:
        raise NetworkFailed(
            f"libp2p {version} is installed and {PINNED} is needed: run `make setup`, or install "
            "the pinned packages of constraints.txt"
        )
    if _applied:
        return
    for owner, name, text in RELIED_ON:
        found = getattr(owner, name, None)
        if found is None or text not in inspect.getsource(found):
            raise NetworkFailed(
                f"libp2p {version} has no {owner.__name__}.{name} as released: the installation "
                "was changed; reinstall the pinned packages of constraints.txt"
            )


def apply() -> None:
    """Replace what must be replaced, once for the process."""
    if _applied:
        return
    _urgent_first_queues()
    _keep_own_record()
    _keep_their_records()
    _fewer_window_updates()
    _applied.append(PINNED)


def forget_failed_dial(swarm: Any, peer: ID) -> None:
    """One refused dial makes stock refuse all dials to that peer for 60 s: our back-off decides."""
    swarm._negative_peer_cache.evict(str(peer))


def stream_handler_of(host: Any) -> Any:
    """The host's own handler of inbound streams, to be wrapped: what it raises ends the swarm."""
    return host._swarm_stream_handler


def drop_pubsub_peer(pubsub: Any, peer: ID) -> None:
    """Forget a peer's gossip stream, so that a new one is made at its next connection."""
    pubsub._handle_dead_peer(peer)


def end_socket(connection: Any) -> None:
    """End a connection below libp2p: reads see its end, writes fail, also those that wait now.

    What was written before is still sent. libp2p has no way to abort.
    """
    layer = connection.muxed_conn.secured_conn  # Noise, message framing, raw, TCP, trio
    while not hasattr(layer, "socket"):
        layer = _below(layer)
    with contextlib.suppress(OSError):  # it ended by itself
        layer.socket.shutdown(trio.socket.SHUT_RDWR)


def _below(layer: Any) -> Any:
    for name in ("conn", "read_writer", "read_write_closer", "stream"):
        if (found := getattr(layer, name, None)) is not None:
            return found
    raise NetworkFailed(f"libp2p {PINNED}: {type(layer).__name__} leads to no socket")


def _urgent_first_queues() -> None:
    """Stock holds 32 messages for a peer, drops the rest, and knows no urgency."""
    pubsub_module.RpcQueue = RpcLanes


def _keep_own_record() -> None:
    """Stock parses our own addresses for each message sent."""
    build = gossipsub_module.env_to_send_in_RPC
    kept: WeakKeyDictionary[Any, tuple[float, bytes]] = WeakKeyDictionary()

    def env_to_send_in_rpc(host: Any) -> tuple[bytes, bool]:
        at, record = kept.get(host, (float("-inf"), b""))
        now = time.monotonic()
        if now - at > RECORD_KEPT_S:
            record = build(host)[0]
            kept[host] = (now, record)
        return record, False

    gossipsub_module.env_to_send_in_RPC = env_to_send_in_rpc
    pubsub_module.env_to_send_in_RPC = env_to_send_in_rpc


def _keep_their_records() -> None:
    """Stock verifies the signature of the same record with each message received."""
    consume = gossipsub_module.maybe_consume_signed_record
    kept: WeakKeyDictionary[Any, dict[ID, bytes]] = WeakKeyDictionary()

    def maybe_consume_signed_record(rpc: Any, host: Any, peer: ID) -> bool:
        if not rpc.HasField("senderRecord"):
            return True
        records = kept.setdefault(host, {})
        if records.get(peer) == rpc.senderRecord:
            return True
        if not consume(rpc, host, peer):
            return False
        if len(records) >= RECORDS_KEPT:
            records.clear()
        records[peer] = rpc.senderRecord
        return True

    gossipsub_module.maybe_consume_signed_record = maybe_consume_signed_record
    pubsub_module.maybe_consume_signed_record = maybe_consume_signed_record


def _fewer_window_updates() -> None:
    """Stock sends a window update for each read, and in one branch grants more than was read."""

    async def after_half(self: Any, *, bytes_read: int = 0) -> None:
        self._pending_recv_release += bytes_read
        released = self._pending_recv_release
        if released < self.target_recv_window // 2:
            return
        self._pending_recv_release = 0
        self.recv_window += released
        buffered = len(self.conn.stream_buffers.get(self.stream_id, b""))
        grown = self._apply_autotune_epoch(buffered)
        await self.send_window_update(released + grown, skip_lock=True)

    YamuxStream._auto_tune_and_send_window_update = after_half  # type: ignore[method-assign]
