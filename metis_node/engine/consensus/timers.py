"""The time-outs of the agreement on the event loop's timers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from metis_node.consensus.effects import ScheduleTimeout
from metis_node.consensus.inputs import TimeoutElapsed

EARLY_SHARE = 4  # of a time-out after which it may end early
LOOK_S = 0.02  # between two looks whether it may


class Timers:
    """Of one height at a time. What is over is cancelled with its height."""

    def __init__(self, on_elapsed: Callable[[TimeoutElapsed], None]) -> None:
        self._on_elapsed = on_elapsed
        self._tasks: set[asyncio.Task[None]] = set()

    def arm(
        self,
        effect: ScheduleTimeout,
        *,
        begin: Awaitable[None] | None = None,
        is_hopeless: Callable[[], bool] | None = None,
    ) -> None:
        """`begin` is awaited before the time-out starts to run. Once a quarter of it is over, it
        ends as soon as `is_hopeless` says that nothing will come."""
        task = asyncio.ensure_future(self._run(effect, begin, is_hopeless))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _run(
        self,
        effect: ScheduleTimeout,
        begin: Awaitable[None] | None,
        is_hopeless: Callable[[], bool] | None,
    ) -> None:
        if begin is not None:
            await begin
        delay_s = effect.delay_ms / 1000
        if is_hopeless is None:
            await asyncio.sleep(delay_s)
        else:
            await _sleep_unless(is_hopeless, delay_s)
        self._on_elapsed(TimeoutElapsed(height=effect.height, round=effect.round, step=effect.step))


async def _sleep_unless(is_hopeless: Callable[[], bool], delay_s: float) -> None:
    clock = asyncio.get_running_loop().time
    end = clock() + delay_s
    await asyncio.sleep(delay_s / EARLY_SHARE)
    while (left := end - clock()) > 0 and not is_hopeless():  # noqa: ASYNC110 (a timer)
        await asyncio.sleep(min(LOOK_S, left))
