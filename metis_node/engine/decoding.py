"""The native decoder's thread, its answers as futures of the event loop."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metis_node._native import Engine, Transaction

Decoded = list["Transaction | tuple[str, str]"]

SIGNALS = 4_096  # bytes of the pipe read at once; there is one for each answer


class Decoding:
    """Make one on the event loop; `close` it there. Whoever calls bounds how much is under way."""

    def __init__(self, engine: Engine) -> None:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        try:
            self._decoder = engine.decoder(write)
        finally:
            os.close(write)
        self._waiting: deque[asyncio.Future[Decoded]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def decode(self, raws: Sequence[bytes]) -> asyncio.Future[Decoded]:
        """Decode and recover all, in order. The senders' accounts are in the cache afterwards."""
        loop = self._loop if self._loop is not None else self._listen()
        future: asyncio.Future[Decoded] = loop.create_future()
        self._decoder.submit(raws)
        self._waiting.append(future)
        return future

    def close(self) -> None:
        """Let the batch under way end, and nobody wait for it."""
        if self._read < 0:
            return
        self._decoder.close()
        if self._loop is not None:
            self._loop.remove_reader(self._read)
        os.close(self._read)
        self._read = -1
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()

    def _listen(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read, self._answered)
        return self._loop

    def _answered(self) -> None:
        for _ in os.read(self._read, SIGNALS):
            future = self._waiting.popleft()
            try:
                decoded = self._decoder.take()
                assert decoded is not None  # there is a signal for each
            except Exception as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(decoded)
