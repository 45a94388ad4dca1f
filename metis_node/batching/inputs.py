"""What the batch machine is told: facts, in the past tense. Times are milliseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The node runs: L2 blocks up to `decided` exist, those up to `safe` are on L1."""

    safe: int
    decided: int
    l1_head: int
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDecided:
    number: int
    size: int  # bytes of its transactions
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class L1HeadSeen:
    number: int
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeHeadSeen:
    """The batches on L1 end at L2 block `number`. Lower than before after an L1 reorganisation."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEncoded:
    """The answer to `EncodeChannel`: it may end before the block that was asked for."""

    channel_id: bytes
    first: int
    last: int
    raw_size: int  # bytes of transactions that went in
    data_size: int  # bytes of the compressed channel
    submissions: int  # L1 transactions that will carry it


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionConfirmed:
    channel_id: bytes
    index: int
    l1_block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionFailed:
    """The sender gave up on one of a channel's L1 transactions."""

    channel_id: bytes
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushRequested:
    """Close what is open now, whatever its age and size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    now_ms: int


Input = (
    Started
    | BlockDecided
    | L1HeadSeen
    | SafeHeadSeen
    | ChannelEncoded
    | SubmissionConfirmed
    | SubmissionFailed
    | FlushRequested
    | Ticked
)
