"""The process around a daemon: event loop, signals, interpreter tuning, and how it ends.

What runs inside is `node.py` (a node) or `l1_dev.py` (the embedded L1).
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import structlog
import uvloop

from metis_node.errors import Fatal, Invalid, MetisError, Temporary

log = structlog.get_logger(__name__)

SWITCH_INTERVAL_S = 0.0005  # a thread that comes back from native code waits this long for the GIL
GC_THRESHOLDS = (100_000, 20, 100)  # collections stop the loop: make them rare
MALLOC_ARENA_MAX = -8  # mallopt's M_ARENA_MAX
ARENAS = 2  # glibc's default, eight per core, spreads freed memory over arenas that never shrink
PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG
FORCED_EXIT_CODE = 137
ECHO_S = 1.0  # a signal may come twice: to the process, and to its group (timeout, some terminals)

Daemon = Callable[[asyncio.Event], Awaitable[None]]


def run_daemon(daemon: Daemon) -> None:
    """Run `daemon(stop)` until it returns; SIGTERM and SIGINT set `stop`, a second one kills.

    Raises the error that ended it: the most severe, where several tasks failed at once.
    """
    tune_interpreter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_supervised(daemon))
        except BaseExceptionGroup as group:
            raise most_severe(group) from group


def tune_interpreter() -> None:
    """Settings for low latency and steady memory of a process with few threads."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*GC_THRESHOLDS)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(MALLOC_ARENA_MAX, ARENAS)


def freeze_started_objects() -> None:
    """Call once everything is up: the collector need not look at what lives until the end."""
    gc.collect()
    gc.freeze()


def end_with_parent() -> None:
    """Make the kernel send SIGTERM when the parent dies, however it dies (Linux). In the child."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


async def _supervised(daemon: Daemon) -> None:
    stop = _Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.on_signal, number)
    await daemon(stop.event)


class _Stop:
    """What signals do: the first asks for the end, a later one forces it."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._asked_at = 0.0

    def on_signal(self, number: int) -> None:
        name, now = signal.Signals(number).name, time.monotonic()
        if not self.event.is_set():
            log.info("stopping", signal=name)
            self._asked_at = now
            self.event.set()
        elif now - self._asked_at > ECHO_S:
            log.warning("second signal: leaving at once", signal=name)
            os._exit(FORCED_EXIT_CODE)


def most_severe(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error of a group that says best why the process ended."""
    leaves = list(_leaves(group))
    ranks = (Fatal, Invalid, Exception, Temporary, MetisError, BaseException)
    faults = [e for e in leaves if not isinstance(e, MetisError) and isinstance(e, Exception)]
    for kind in ranks:
        candidates = faults if kind is Exception else leaves
        for error in candidates:
            if isinstance(error, kind):
                return error
    return group


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
