"""Reading and writing frames on a libp2p stream."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import trio
from libp2p.network.stream.exceptions import StreamEOF

from metis_node.network.limits import STREAM_S, WRITE_STEP
from metis_node.network.wire import HEADER_BYTES, check_length, decode_header

READ_BYTES = 64 << 10


class StreamEnded(Exception):
    """The other side closed in an orderly way, or in the middle of a frame."""


class BufferedStream:
    """A stream read in pieces of up to 64 KiB: libp2p reads length prefixes byte by byte.

    All else is the stream's own. `on_read` gets the number of bytes of each read and may raise.
    """

    def __init__(self, stream: Any, on_read: Callable[[int], None] | None = None) -> None:
        self._stream = stream
        self._on_read = on_read
        self._buffer = b""
        self._at = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def read(self, n: int | None = None) -> bytes:
        """At least one byte and at most `n`; empty at the end."""
        if self._at == len(self._buffer):
            data: bytes = await self._stream.read(READ_BYTES)
            if self._on_read is not None:
                self._on_read(len(data))
            self._buffer, self._at = data, 0
        start, end = self._at, len(self._buffer) if n is None else self._at + n
        piece = self._buffer[start:end]
        self._at += len(piece)
        return piece

    async def read_exact(self, n: int) -> bytes:
        """`n` bytes. StreamEnded if there are fewer."""
        pieces, missing = [], n
        while missing:
            piece = await self._read_or_end(missing)
            if not piece:
                raise StreamEnded(f"{missing} of {n} bytes missing")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    async def _read_or_end(self, n: int) -> bytes:
        try:
            return await self.read(n)
        except StreamEOF:
            return b""

    async def read_frame(self, limit_of: Callable[[int], int]) -> tuple[int, bytes]:
        """Code and payload of the next frame; `limit_of` a code gives its bound, or raises."""
        code, length = decode_header(await self.read_exact(HEADER_BYTES))
        check_length(length, limit_of(code))
        return code, await self.read_exact(length)


async def write_frame(stream: Any, frame: bytes) -> None:
    """Write in steps, so that other streams get their turn. TooSlowError after STREAM_S for one."""
    for start in range(0, len(frame), WRITE_STEP):
        with trio.fail_after(STREAM_S):
            await stream.write(frame[start : start + WRITE_STEP])


async def reset_quietly(stream: Any) -> None:
    """Give a stream up, also while being cancelled; at most a second."""
    with (
        contextlib.suppress(Exception),
        trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0),
    ):
        await stream.reset()
