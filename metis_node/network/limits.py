"""Every bound of the network, beside its reason. Sizes in bytes, rates per second.

What follows from consensus: a vote is 200 bytes, a certificate of 32 validators 3 KiB, a proposal
carries a block up to 128 KiB or 32 bytes for each transaction of one of 1 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.network import RequestKind, Topic

KIB, MIB = 1 << 10, 1 << 20
MAX_FRAME_BYTES = 4 * MIB  # of anything on the wire, gossip's own overhead included


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A token bucket's size: `burst` at once, `per_second` in the long run."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLimits:
    """Bounds of one topic."""

    max_bytes: int  # of one payload
    origin: Rate  # messages that one peer may originate
    waiting: int  # messages in one queue; the oldest goes first
    waiting_bytes: int
    fresh_s: float  # the same payload again within it is a duplicate


TOPIC_LIMITS: dict[Topic, TopicLimits] = {
    # Votes are sent again each second while a height does not move: shorter than that.
    Topic.VOTES: TopicLimits(
        max_bytes=16 * KIB,
        origin=Rate(per_second=50, burst=1_200),
        waiting=4_096,
        waiting_bytes=4 * MIB,
        fresh_s=0.7,
    ),
    Topic.PROPOSALS: TopicLimits(
        max_bytes=1 * MIB,
        origin=Rate(per_second=10, burst=50),
        waiting=64,
        waiting_bytes=32 * MIB,
        fresh_s=0.7,
    ),
    Topic.BLOCKS: TopicLimits(
        max_bytes=2 * MIB,
        origin=Rate(per_second=10, burst=50),
        waiting=64,
        waiting_bytes=32 * MIB,
        fresh_s=30,
    ),
    Topic.EVIDENCE: TopicLimits(
        max_bytes=16 * KIB,
        origin=Rate(per_second=2, burst=50),
        waiting=256,
        waiting_bytes=1 * MIB,
        fresh_s=30,
    ),
    Topic.ANNOUNCEMENTS: TopicLimits(
        max_bytes=4 * KIB,
        origin=Rate(per_second=2, burst=50),
        waiting=256,
        waiting_bytes=1 * MIB,
        fresh_s=30,
    ),
    Topic.TRANSACTIONS: TopicLimits(
        max_bytes=256 * KIB,
        origin=Rate(per_second=50, burst=1_200),
        waiting=2_048,
        waiting_bytes=32 * MIB,
        fresh_s=30,
    ),
}

# A forwarder carries the messages of many origins, so its bucket is wider by this; a peer that
# invents origins fills it and pays for the rest.
FORWARDED = 8
# All that a peer may send on gossip's stream, with control messages and what is not for us.
STREAM_BYTES = Rate(per_second=4 * MIB, burst=24 * MIB)
STREAM_READS = Rate(per_second=2_000, burst=20_000)
CONTROL_ENTRIES = Rate(per_second=2_000, burst=20_000)  # message ids, grafts, prunes of gossip
RATED_PEERS = 4_096  # buckets kept: origins are free to invent
SEEN_PAYLOADS = 16_384  # digests kept for each topic


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Bounds of one kind of request."""

    max_request_bytes: int
    max_response_bytes: int
    rate: Rate  # for each peer


REQUEST_LIMITS: dict[RequestKind, RequestLimits] = {
    RequestKind.STATUS: RequestLimits(
        max_request_bytes=1 * KIB, max_response_bytes=1 * KIB, rate=Rate(per_second=10, burst=50)
    ),
    RequestKind.BLOCKS: RequestLimits(
        max_request_bytes=1 * KIB,
        max_response_bytes=4 * MIB - KIB,
        rate=Rate(per_second=20, burst=50),
    ),
    RequestKind.CERTIFICATES: RequestLimits(
        max_request_bytes=1 * KIB, max_response_bytes=1 * MIB, rate=Rate(per_second=20, burst=50)
    ),
    RequestKind.PROPOSAL: RequestLimits(
        max_request_bytes=1 * KIB,
        max_response_bytes=4 * MIB - KIB,
        rate=Rate(per_second=20, burst=50),
    ),
    RequestKind.TRANSACTIONS: RequestLimits(
        max_request_bytes=64 * KIB, max_response_bytes=2 * MIB, rate=Rate(per_second=20, burst=50)
    ),
}
SERVED_PER_PEER = 4  # requests of one peer at a time: 16 MiB of answers
SERVED = 32  # of all peers
ASKED_PER_PEER = 4  # ours under way at one peer; more wait
ASKED = 256  # ours under way and waiting
READ_REQUEST_S = 5.0
SERVE_S = 20.0  # from a request to the end of its answer
WRITE_STEP = 256 * KIB  # a stream's window is 256 KiB at first; a vote fits in between
MAX_REASON_BYTES = 240

CONNECT_S = 5.0  # one dial
UPGRADE_S = 4.0  # encryption and multiplexing of a new connection
# Connections above the peers: who is refused must get in to hear why, and a few hundred sockets
# that say nothing must not keep others out while UPGRADE_S runs for them.
SPARE_CONNECTIONS = 256
HELLO_S = 5.0  # until a new connection has said who it is
STREAM_S = 3.0  # opening a stream, or one write on a direct stream
DIRECT_STREAMS_PER_PEER = 2 * len(Topic)  # a new one may come before the old one's end is seen
SAME_MOMENT_S = 3.0  # two connections within it: both sides dialled, and nobody died
DIALS_AT_ONCE = 8
BACKOFF_FIRST_S = 1.0
BACKOFF_LAST_S = 60.0
BACKOFF_LAST_BOOTSTRAP_S = 5.0  # peers that the operator named are never given up

BAN_POINTS = 100.0
FORGIVEN_PER_SECOND = 1.0  # points
BAN_S = 600.0
MAX_BANS = 1_024
MAX_KNOWN_PEERS = 1_024
MAX_ADDRESSES_PER_PEER = 8
MAX_ADDRESS_CHARS = 200
SHARED_PEERS = 16  # addresses of others in a hello

# Each system call of the network's thread gives up the interpreter's lock and waits for it again,
# up to 5 ms as delivered while the event loop computes; a vote takes several.
SWITCH_S = 0.0005

RESTART_PAUSE_S = 1.0
MAX_RESTARTS = 3  # within RESTART_WINDOW_S; then it is for the operator
RESTART_WINDOW_S = 60.0
STOP_S = 1.5
START_S = 60.0  # the first import of libp2p on a loaded machine
REQUEST_GRACE_S = 2.0  # above its time-out: ending a request may hang in a connection that is dead
