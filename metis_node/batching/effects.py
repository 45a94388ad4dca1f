"""What the batch machine orders: imperatives, performed in order by `engine/batch_host.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeChannel:
    """Make one channel of the blocks from `first`, at most to `last` and of about `max_raw_bytes`.

    Answered by `ChannelEncoded`. One at a time.
    """

    first: int
    last: int
    max_raw_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Send one of a channel's L1 transactions. Answered by SubmissionConfirmed or -Failed."""

    channel_id: bytes
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardChannel:
    """Forget the channel; withdraw its L1 transactions that are not mined yet."""

    channel_id: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPressure:
    """How much block building should hold back, 0 to 100 per cent of its limit on data."""

    percent: int


Effect = EncodeChannel | Submit | DiscardChannel | SetPressure
