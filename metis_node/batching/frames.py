"""Frames, and the payloads of frames that one blob or one calldata holds.

Rules F1 to F5 of `docs/protocol/batches.md`. The frame layout is the OP Stack's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from metis_node.errors import InvalidBatch
from metis_node.types.batches import Frame

PAYLOAD_VERSION = 1
CHANNEL_ID_BYTES = 16
FRAME_OVERHEAD = CHANNEL_ID_BYTES + 2 + 4 + 1
MAX_FRAMES = 1 << 16  # of one channel: the number is a u16
MAX_FRAME_BYTES = 1 << 20
_HEAD = struct.Struct(">16sHI")


def encode_payload(frames: Iterable[Frame]) -> bytes:
    """version ‖ frames."""
    parts = [bytes((PAYLOAD_VERSION,))]
    for frame in frames:
        parts.append(_HEAD.pack(frame.channel_id, frame.number, len(frame.data)))
        parts.append(frame.data)
        parts.append(b"\x01" if frame.is_last else b"\x00")
    return b"".join(parts)


def decode_payload(payload: bytes) -> list[Frame]:
    """All frames, or InvalidBatch: one malformed frame spoils its payload (rule F4)."""
    if not payload or payload[0] != PAYLOAD_VERSION:
        raise InvalidBatch(f"payload version {payload[0] if payload else 'missing'} is unknown")
    frames: list[Frame] = []
    position = 1
    while position < len(payload):
        frame, position = _decode_frame(payload, position)
        frames.append(frame)
    if not frames:
        raise InvalidBatch("a payload without frames")
    return frames


def split_channel(channel_id: bytes, data: bytes, sizes: Sequence[int]) -> list[Frame]:
    """`data` as a frame per payload; `sizes` are capacities in bytes, the last one repeats."""
    pieces: list[bytes] = []
    position = 0
    while position < len(data):
        capacity = sizes[min(len(pieces), len(sizes) - 1)] - 1 - FRAME_OVERHEAD
        assert capacity > 0
        pieces.append(data[position : position + min(capacity, MAX_FRAME_BYTES)])
        position += len(pieces[-1])
    assert 0 < len(pieces) <= MAX_FRAMES
    final = len(pieces) - 1
    return [
        Frame(channel_id=channel_id, number=number, data=piece, is_last=number == final)
        for number, piece in enumerate(pieces)
    ]


def _decode_frame(payload: bytes, start: int) -> tuple[Frame, int]:
    if len(payload) - start < FRAME_OVERHEAD:
        raise InvalidBatch("a frame is cut off")
    channel_id, number, length = _HEAD.unpack_from(payload, start)
    begin = start + _HEAD.size
    end = begin + length
    if length > MAX_FRAME_BYTES or end >= len(payload):
        raise InvalidBatch(f"a frame claims {length} bytes, more than follow or are allowed")
    if payload[end] > 1:
        raise InvalidBatch("a frame's last byte is neither 0 nor 1")
    frame = Frame(
        channel_id=channel_id,
        number=number,
        data=payload[begin:end],
        is_last=payload[end] == 1,
    )
    return frame, end + 1
