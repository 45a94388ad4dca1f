"""The batch machine: when a channel closes, what is sent, when to begin again from what L1 has.

A plain object: one input in, a list of effects out. No clock, network, disk or log. Nothing is kept
over a restart: `Started` tells where the batches on L1 end, and the rest follows. Rules M1 to M8 of
`docs/protocol/batches.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from metis_node.batching.channel import CHANNEL_TIMEOUT_BLOCKS
from metis_node.batching.effects import (
    DiscardChannel,
    Effect,
    EncodeChannel,
    SetPressure,
    Submit,
)
from metis_node.batching.inputs import (
    BlockDecided,
    ChannelEncoded,
    FlushRequested,
    Input,
    L1HeadSeen,
    SafeHeadSeen,
    Started,
    SubmissionConfirmed,
    SubmissionFailed,
    Ticked,
)
from metis_node.batching.span_batch import MAX_BLOCKS, MAX_TRANSACTION_BYTES

MAX_CHANNELS_IN_FLIGHT = 8
PATIENCE_L1_BLOCKS = 12  # how long L1 may take to show what must follow from what it has
TIMEOUT_MARGIN_BLOCKS = 30  # a channel is given up this long before readers would
MAX_RAW_BYTES = MAX_TRANSACTION_BYTES // 2  # of one channel, so that one block more always fits
INITIAL_RATIO_PERMILLE = 700  # compressed to raw, until measured
MIN_RATIO_PERMILLE = 20
EMPTY_BLOCK_BYTES = 8  # what a block costs beside its transactions, roughly


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """When channels close and when to push back. Sizes in bytes, times in milliseconds."""

    target_bytes: int  # compressed size at which a channel closes
    max_age_ms: int  # age of the oldest block in it at which it closes
    backlog_low_bytes: int = 8 << 20  # raw bytes not on L1 at which building begins to hold back
    backlog_high_bytes: int = 64 << 20  # and at which it holds back wholly


@dataclass(slots=True)
class _Flight:
    """A channel that is on its way."""

    id: bytes
    first: int
    last: int
    raw_size: int
    sent_at: int  # L1 block
    waiting: set[int] = field(default_factory=set)  # submissions not confirmed
    landed_at: int | None = None  # L1 block of the last confirmation


class BatchMachine:
    """See the module. `feed` is the only way in."""

    def __init__(self, policy: BatchPolicy) -> None:
        self._policy = policy
        self.safe = 0
        self.decided = 0
        self.next_first = 1  # first block that no channel holds
        self._l1_head = 0
        self._now_ms = 0
        self._pending_bytes = 0  # raw, of blocks from next_first
        self._unmeasured = 0  # of those, blocks that came before `Started`
        self._oldest_ms = 0  # when the block next_first was seen
        self._encoding: tuple[int, int] | None = None
        self._encoding_is_stale = False
        self._flights: list[_Flight] = []
        self._ratio_permille = INITIAL_RATIO_PERMILLE
        self._gap_since: int | None = None  # L1 head at which a hole before our channels was seen
        self._flush = False
        self._pressure = 0

    @property
    def backlog_bytes(self) -> int:
        """Raw bytes of transactions that are not on L1, as far as they were measured."""
        return self._pending_bytes + sum(flight.raw_size for flight in self._flights)

    @property
    def in_flight(self) -> int:
        return len(self._flights)

    def feed(self, fact: Input) -> list[Effect]:
        effects: list[Effect] = []
        match fact:
            case Started():
                self._on_started(fact)
            case BlockDecided():
                self._on_block_decided(fact)
            case L1HeadSeen():
                self._on_l1_head_seen(fact, effects)
            case SafeHeadSeen():
                self._on_safe_head_seen(fact, effects)
            case ChannelEncoded():
                self._on_channel_encoded(fact, effects)
            case SubmissionConfirmed():
                self._on_submission_confirmed(fact)
            case SubmissionFailed():
                self._on_submission_failed(fact, effects)
            case FlushRequested():
                self._flush = True
            case Ticked():
                self._now_ms = fact.now_ms
        self._close_if_due(effects)
        self._push_back(effects)
        return effects

    def _on_started(self, fact: Started) -> None:
        self.safe, self.decided = fact.safe, max(fact.decided, fact.safe)
        self.next_first = fact.safe + 1
        self._l1_head, self._now_ms = fact.l1_head, fact.now_ms
        self._unmeasured = self.decided - self.safe
        self._oldest_ms = fact.now_ms

    def _on_block_decided(self, fact: BlockDecided) -> None:
        assert fact.number == self.decided + 1, "blocks are decided one after the other"
        self.decided, self._now_ms = fact.number, fact.now_ms
        if fact.number < self.next_first:
            return  # on L1 before it was here: a node that follows
        if fact.number == self.next_first:
            self._oldest_ms = fact.now_ms
        self._pending_bytes += fact.size + EMPTY_BLOCK_BYTES

    def _on_l1_head_seen(self, fact: L1HeadSeen, effects: list[Effect]) -> None:
        self._l1_head, self._now_ms = fact.number, fact.now_ms
        reason = self._reason_to_rewind()
        if reason:
            self._rewind(reason, effects)

    def _reason_to_rewind(self) -> str:
        """M6: what L1 shows can't become what was intended."""
        start = self._flights[0].first if self._flights else self.next_first
        if start <= self.safe + 1:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = self._l1_head
        elif self._l1_head - self._gap_since >= PATIENCE_L1_BLOCKS:
            return "an earlier batch is no longer on L1"
        for flight in self._flights:
            age = self._l1_head - flight.sent_at
            if flight.landed_at is None:
                if age >= CHANNEL_TIMEOUT_BLOCKS - TIMEOUT_MARGIN_BLOCKS:
                    return "a channel was not on L1 as a whole in time"
            elif self._l1_head - flight.landed_at >= PATIENCE_L1_BLOCKS:
                return "a batch on L1 did not move the safe head"
        return ""

    def _rewind(self, reason: str, effects: list[Effect]) -> None:
        """Begin again after what L1 has (M6)."""
        effects += [DiscardChannel(channel_id=f.id, reason=reason) for f in self._flights]
        self._flights.clear()
        self._encoding_is_stale = self._encoding is not None
        self._restart_after(self.safe)

    def _restart_after(self, safe: int) -> None:
        self.next_first = safe + 1
        self._pending_bytes = 0
        self._unmeasured = max(self.decided - safe, 0)
        self._oldest_ms = self._now_ms
        self._gap_since = None

    def _on_safe_head_seen(self, fact: SafeHeadSeen, effects: list[Effect]) -> None:
        self.safe = fact.number
        done = [flight for flight in self._flights if flight.last <= self.safe]
        effects += [
            DiscardChannel(channel_id=flight.id, reason="its blocks are on L1") for flight in done
        ]
        self._flights = [flight for flight in self._flights if flight.last > self.safe]
        if self.safe >= self.next_first:  # somebody's batches, or an earlier run's (M5)
            self._encoding_is_stale = self._encoding is not None
            self._restart_after(self.safe)

    def _on_channel_encoded(self, fact: ChannelEncoded, effects: list[Effect]) -> None:
        assert self._encoding is not None, "a channel that nobody asked for"
        self._encoding = None
        if self._encoding_is_stale:
            self._encoding_is_stale = False
            effects.append(DiscardChannel(channel_id=fact.channel_id, reason="out of date"))
            return
        flight = _Flight(
            id=fact.channel_id,
            first=fact.first,
            last=fact.last,
            raw_size=fact.raw_size,
            sent_at=self._l1_head,
            waiting=set(range(fact.submissions)),
        )
        self._flights.append(flight)
        self._measure(fact)
        self.next_first = fact.last + 1
        self._oldest_ms = self._now_ms
        if self.next_first > self.decided:  # estimates never outlive what they were of
            self._pending_bytes = self._unmeasured = 0
        effects += [Submit(channel_id=flight.id, index=index) for index in range(fact.submissions)]

    def _measure(self, fact: ChannelEncoded) -> None:
        blocks = fact.last - fact.first + 1
        raw = fact.raw_size + blocks * EMPTY_BLOCK_BYTES
        seen = fact.data_size * 1000 // max(raw, 1)
        if fact.raw_size:
            ratio = (3 * self._ratio_permille + min(seen, 1000)) // 4
            self._ratio_permille = max(ratio, MIN_RATIO_PERMILLE)
        from_unmeasured = min(self._unmeasured, blocks)
        self._unmeasured -= from_unmeasured
        if not from_unmeasured:
            self._pending_bytes = max(self._pending_bytes - raw, 0)

    def _on_submission_confirmed(self, fact: SubmissionConfirmed) -> None:
        for flight in self._flights:
            if flight.id == fact.channel_id:
                flight.waiting.discard(fact.index)
                if not flight.waiting:
                    flight.landed_at = max(fact.l1_block, self._l1_head)

    def _on_submission_failed(self, fact: SubmissionFailed, effects: list[Effect]) -> None:
        if any(flight.id == fact.channel_id for flight in self._flights):
            self._rewind("a submission failed", effects)

    def _close_if_due(self, effects: list[Effect]) -> None:
        """M2: by target, age, or on request; one at a time, a bounded number on the way."""
        waiting = self.decided - self.next_first + 1
        if self._encoding is not None or waiting <= 0:
            return
        if len(self._flights) >= MAX_CHANNELS_IN_FLIGHT:
            return
        policy = self._policy
        compressed = self._pending_bytes * self._ratio_permille // 1000
        due = (
            self._flush
            or self._unmeasured > 0
            or compressed >= policy.target_bytes
            or waiting >= MAX_BLOCKS
            or self._now_ms - self._oldest_ms >= policy.max_age_ms
        )
        if not due:
            return
        self._flush = False
        last = min(self.decided, self.next_first + MAX_BLOCKS - 1)
        self._encoding = (self.next_first, last)
        budget = policy.target_bytes * 1000 // self._ratio_permille
        effects.append(
            EncodeChannel(
                first=self.next_first, last=last, max_raw_bytes=min(budget, MAX_RAW_BYTES)
            )
        )

    def _push_back(self, effects: list[Effect]) -> None:
        """M8: in steps of ten per cent between the two marks."""
        policy = self._policy
        over = self.backlog_bytes - policy.backlog_low_bytes
        span = policy.backlog_high_bytes - policy.backlog_low_bytes
        percent = max(0, min(100, over * 10 // max(span, 1) * 10))
        if percent != self._pressure:
            self._pressure = percent
            effects.append(SetPressure(percent=percent))
