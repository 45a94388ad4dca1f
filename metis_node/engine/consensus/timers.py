"""The time-outs of the agreement on the event loop's timers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from metis_node.consensus.effects import ScheduleTimeout
from metis_node.consensus.inputs import TimeoutElapsed


class Timers:
    """Of one height at a time. Each is armed once; what is over is cancelled with its height."""

    def __init__(self, on_elapsed: Callable[[TimeoutElapsed], None]) -> None:
        self._on_elapsed = on_elapsed
        self._tasks: set[asyncio.Task[None]] = set()

    def arm(self, effect: ScheduleTimeout, begin: Awaitable[None] | None = None) -> None:
        """`begin` is awaited before the time-out starts to run."""
        task = asyncio.ensure_future(self._run(effect, begin))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _run(self, effect: ScheduleTimeout, begin: Awaitable[None] | None) -> None:
        if begin is not None:
            await begin
        await asyncio.sleep(effect.delay_ms / 1000)
        self._on_elapsed(TimeoutElapsed(height=effect.height, round=effect.round, step=effect.step))
