"""A wall clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio


class ManualClock:
    """`ports.Clock` in virtual time. `waiting` tells a test that somebody waits for a time."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._waits: list[tuple[int, asyncio.Future[None]]] = []
        self._waiting = asyncio.Event()

    def now_ms(self) -> int:
        return self._now_ms

    async def wait_until_ms(self, due_ms: int) -> None:
        if due_ms <= self._now_ms:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits.append((due_ms, future))
        self._waiting.set()
        await future

    async def waiting(self) -> int:
        """The earliest time that somebody waits for."""
        while not self._live():
            self._waiting.clear()
            await self._waiting.wait()
        return min(due for due, _ in self._live())

    def move_to_ms(self, now_ms: int) -> None:
        self._now_ms = now_ms
        for due, future in self._live():
            if due <= now_ms:
                future.set_result(None)

    def _live(self) -> list[tuple[int, asyncio.Future[None]]]:
        self._waits = [wait for wait in self._waits if not wait[1].done()]
        return self._waits
