"""The system's wall clock behind `ports.Clock`."""

from __future__ import annotations

import asyncio
import time

LONGEST_WAIT_S = 60.0  # a step of the wall clock is noticed after at most this


class SystemClock:
    """Wall-clock milliseconds; waits on the event loop's timers."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def wait_until_ms(self, due_ms: int) -> None:
        while (left_ms := due_ms - self.now_ms()) > 0:  # noqa: ASYNC110 (a timer, and steps of time)
            await asyncio.sleep(min(left_ms / 1000, LONGEST_WAIT_S))
