"""Channels: a compressed batch under an id that is its hash, and the bank that joins their frames.

Rules C1 to C6 of `docs/protocol/batches.md`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from metis_node.batching.compression import compress, decompress
from metis_node.batching.frames import CHANNEL_ID_BYTES
from metis_node.batching.span_batch import MAX_BATCH_BYTES, decode_span_batch, encode_span_batch
from metis_node.errors import InvalidBatch
from metis_node.types.batches import Frame, SpanBatch

MAX_CHANNEL_BYTES = 42 << 20  # compressed: above MAX_BATCH_BYTES of incompressible data
MAX_OPEN_CHANNELS = 64
MAX_BANK_BYTES = 64 << 20
CHANNEL_TIMEOUT_BLOCKS = 300  # L1 blocks, one hour: first frame to last


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A batch ready to be cut into frames."""

    id: bytes
    data: bytes
    first: int
    last: int


def channel_id(data: bytes) -> bytes:
    """The id is a hash, so equal batches share it and frames of different ones never mix (C2)."""
    return hashlib.sha256(data).digest()[:CHANNEL_ID_BYTES]


def encode_channel(batch: SpanBatch, *, chain_id: int) -> Channel:
    data = compress(encode_span_batch(batch, chain_id=chain_id))
    return Channel(id=channel_id(data), data=data, first=batch.first, last=batch.last)


def decode_channel(data: bytes, *, chain_id: int) -> SpanBatch:
    """Raises InvalidBatch."""
    return decode_span_batch(decompress(data, max_bytes=MAX_BATCH_BYTES), chain_id=chain_id)


@dataclass(slots=True)
class _Assembly:
    opened_at: int  # L1 block of the first frame
    frames: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    last: int | None = None

    def is_complete(self) -> bool:
        return self.last is not None and len(self.frames) == self.last + 1

    def join(self) -> bytes:
        return b"".join(self.frames[number] for number in range(len(self.frames)))


class ChannelBank:
    """Frames in, whole channels out. Bounded in channels, bytes and time; the oldest goes first."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Assembly] = {}  # in order of opening
        self._size = 0

    @property
    def oldest_l1_block(self) -> int | None:
        """L1 block of the first frame of the oldest open channel."""
        return next((assembly.opened_at for assembly in self._open.values()), None)

    def advance(self, l1_block: int) -> list[bytes]:
        """Drop channels that timed out before `l1_block`; returns their ids (C4)."""
        late = [
            name
            for name, assembly in self._open.items()
            if l1_block > assembly.opened_at + CHANNEL_TIMEOUT_BLOCKS
        ]
        for name in late:
            self._drop(name)
        return late

    def add(self, frame: Frame, l1_block: int) -> bytes | None:
        """The channel's data when `frame` completes it. InvalidBatch: the frame is refused (C3)."""
        assembly = self._open.get(frame.channel_id)
        if assembly is None:
            assembly = self._open[frame.channel_id] = _Assembly(opened_at=l1_block)
        _check_place(assembly, frame)
        assembly.frames[frame.number] = frame.data
        assembly.size += len(frame.data)
        self._size += len(frame.data)
        if frame.is_last:
            assembly.last = frame.number
        if assembly.size > MAX_CHANNEL_BYTES:
            self._drop(frame.channel_id)
            raise InvalidBatch(f"a channel of more than {MAX_CHANNEL_BYTES} bytes")
        if assembly.is_complete():
            self._drop(frame.channel_id)
            return _checked(frame.channel_id, assembly.join())
        self._evict()
        return None

    def _drop(self, name: bytes) -> None:
        self._size -= self._open.pop(name).size

    def _evict(self) -> None:
        while len(self._open) > MAX_OPEN_CHANNELS or self._size > MAX_BANK_BYTES:
            self._drop(next(iter(self._open)))


def _check_place(assembly: _Assembly, frame: Frame) -> None:
    if frame.number in assembly.frames:
        raise InvalidBatch(f"frame {frame.number} came twice")
    if assembly.last is not None and (frame.is_last or frame.number > assembly.last):
        raise InvalidBatch(f"frame {frame.number} follows the last frame {assembly.last}")
    if frame.is_last and any(number > frame.number for number in assembly.frames):
        raise InvalidBatch(f"last frame {frame.number} stands before frames already seen")


def _checked(name: bytes, data: bytes) -> bytes:
    if channel_id(data) != name:
        raise InvalidBatch("the frames of a channel do not hash to its id")
    return data
