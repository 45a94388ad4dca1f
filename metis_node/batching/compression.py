"""Compression of a batch, with a version byte in front so that another algorithm can come.

Rule C1 of `docs/protocol/batches.md`.
"""

from __future__ import annotations

import brotli

from metis_node.errors import InvalidBatch

BROTLI = 1
# Measured on batches of transfers and ERC-20 transfers (bench/batch_bytes.py): 10 and 11 save less
# than one per cent for 40 times the work, because signatures do not compress.
QUALITY = 9
WINDOW_BITS = 22
STEP_BYTES = 1 << 16  # input per step, so that a bomb is noticed while it unfolds


def compress(data: bytes) -> bytes:
    body: bytes = brotli.compress(data, quality=QUALITY, lgwin=WINDOW_BITS)
    return bytes((BROTLI,)) + body


def decompress(data: bytes, *, max_bytes: int) -> bytes:
    """Raises InvalidBatch: unknown algorithm, malformed or trailing data, more than `max_bytes`."""
    if not data or data[0] != BROTLI:
        raise InvalidBatch(f"compression algorithm {data[0] if data else 'missing'} is unknown")
    parts: list[bytes] = []
    try:
        _decompress_into(parts, memoryview(data)[1:], max_bytes)
    except brotli.error as error:
        raise InvalidBatch(f"malformed brotli data: {error}") from None
    return b"".join(parts)


def _decompress_into(parts: list[bytes], data: memoryview, max_bytes: int) -> None:
    decompressor = brotli.Decompressor()
    left = max_bytes
    position = 0
    while not decompressor.is_finished():
        step: memoryview | bytes = b""
        if decompressor.can_accept_more_data():
            if position >= len(data):
                raise InvalidBatch("brotli data ends early")
            step = data[position : position + STEP_BYTES]
            position += len(step)
        part = decompressor.process(step, output_buffer_limit=min(left + 1, 1 << 20))
        left -= len(part)
        if left < 0:
            raise InvalidBatch(f"a batch unfolds to more than {max_bytes} bytes")
        parts.append(part)
    if position < len(data):
        raise InvalidBatch("bytes follow the brotli data")
