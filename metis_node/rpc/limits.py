"""Every bound of the RPC in one place, and the token buckets of the per-client rate.

Nothing here does I/O; the clock is an argument.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcLimits:
    """Bounds of the RPC. Sizes in bytes, times in the unit that the name says. All configurable."""

    body_bytes: int = 5_000_000
    header_bytes: int = 65_536  # request line and headers of one request
    batch_entries: int = 1_000
    batch_response_bytes: int = 25_000_000
    batch_timeout_ms: int = 30_000  # calls of a batch that were not reached by then are refused
    batch_slice_ms: int = 5  # a batch gives the event loop back after this long
    log_range_blocks: int = 100_000
    log_results: int = 20_000
    log_addresses: int = 1_000  # addresses or topic alternatives in one filter
    call_gas: int = 50_000_000
    call_timeout_ms: int = 5_000
    call_inline_steps: int = (
        20_000  # EVM instructions run on the event loop before a thread takes over
    )
    trace_timeout_ms: int = 30_000
    trace_bytes: int = 64 << 20
    raw_transaction_bytes: int = 131_072  # geth's txMaxSize
    sync_timeout_ms: int = 2_000  # eth_sendRawTransactionSync where the caller names no time-out
    sync_timeout_max_ms: int = 60_000
    sync_waiting: int = 10_000  # eth_sendRawTransactionSync calls waiting for their receipt
    fee_history_blocks: int = 1_024
    fee_history_percentiles: int = 100
    proof_slots: int = 1_024
    simulate_blocks: int = 256
    txpool_content: int = 10_000  # transactions in one txpool_content answer
    reader_queue: int = 256  # calls waiting for the readers' threads
    block_cache_bytes: int = 16 << 20  # encoded blocks kept
    inline_transactions: int = 64  # blocks above this many full transactions are built in a thread
    connections: int = 4_096
    pipelined: int = 64  # unanswered requests of one connection
    idle_timeout_s: float = 75.0
    request_timeout_s: float = 30.0  # to receive one whole request
    websocket_frame_bytes: int = 5_000_000
    websocket_in_flight: int = 128  # unanswered requests of one WebSocket
    websocket_queue: int = 4_096  # messages waiting for a slow consumer
    websocket_queue_bytes: int = 32 << 20
    subscriptions: int = 128  # of one connection
    filters: int = 1_024  # of the node
    filter_idle_s: float = 300.0  # geth's time-out
    filter_changes: int = 20_000  # pending hashes kept for one filter
    client_rate: float = 0.0  # calls a second and client address; 0: no limit
    client_burst: int = 1_000
    clients: int = 10_000  # client addresses remembered


class TokenBucket:
    """A client's allowance: `rate` calls a second, `burst` at once."""

    __slots__ = ("burst", "filled_at", "rate", "tokens")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = float(burst)
        self.filled_at = now

    def take(self, count: int, now: float) -> float:
        """0 where `count` calls are granted, else the seconds until they would be.

        More than `burst` calls at once need a full bucket and empty it.
        """
        elapsed = max(0.0, now - self.filled_at)
        self.tokens = min(float(self.burst), self.tokens + elapsed * self.rate)
        self.filled_at = now
        need = min(count, self.burst)
        if self.tokens >= need:
            self.tokens -= need
            return 0.0
        return (need - self.tokens) / self.rate


class ClientRates:
    """The buckets of all client addresses; the one longest unused goes first."""

    def __init__(self, limits: RpcLimits) -> None:
        self._rate = limits.client_rate
        self._burst = limits.client_burst
        self._bound = limits.clients
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def bucket(self, client: str, now: float) -> TokenBucket | None:
        """The client's bucket, shared by its connections; None where no rate is set."""
        if self._rate <= 0:
            return None
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > self._bound:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client)
        return bucket
