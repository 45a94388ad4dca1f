"""What the network counts, for metrics. Written by both threads, one writer for each number."""

from __future__ import annotations

from dataclasses import dataclass, field

from metis_node.types.network import Topic


def by_topic() -> dict[Topic, int]:
    return dict.fromkeys(Topic, 0)


@dataclass(slots=True, kw_only=True)
class Counters:
    """Sums since the start of the process, and gauges of the last second."""

    messages_in: dict[Topic, int] = field(default_factory=by_topic)
    messages_out: dict[Topic, int] = field(default_factory=by_topic)
    bytes_in: dict[Topic, int] = field(default_factory=by_topic)
    bytes_out: dict[Topic, int] = field(default_factory=by_topic)
    dropped_in: dict[Topic, int] = field(default_factory=by_topic)  # the engine did not keep up
    dropped_out: dict[Topic, int] = field(default_factory=by_topic)  # the wire did not keep up
    too_fast: dict[Topic, int] = field(default_factory=by_topic)  # over a peer's rate
    duplicates: dict[Topic, int] = field(default_factory=by_topic)
    mesh: dict[Topic, int] = field(default_factory=by_topic)  # gauge: peers that gossip goes to
    malformed: int = 0
    oversize_out: int = 0  # our own payloads above their topic's limit
    fallbacks: int = 0  # direct messages that took gossip instead
    requests_out: int = 0
    requests_failed: int = 0
    requests_served: int = 0
    requests_refused: int = 0
    refused_peers: int = 0
    bans: int = 0
    dials: int = 0
    dials_failed: int = 0
    repaired: int = 0  # half-dead peers that the watchdog disconnected
    handler_errors: int = 0  # exceptions of the engine's handlers
    restarts: int = 0
    peers: int = 0  # gauge
