"""A process of its own for KZG: ckzg holds the interpreter's lock while it computes (2 s to load
the trusted setup, 70 to 500 ms a blob), which would stop the event loop for as long.

It runs the functions of `blobs.py` that are handed to it, one at a time.
"""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import Any, TypeVar

import structlog

from metis_node.l1.blobs import trusted_setup

T = TypeVar("T")

log = structlog.get_logger(__name__)

PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG


class KzgProcess(Executor):
    """An executor over one child process, which starts with the first call, or by `warm_up`.

    A child that died fails the call it had with BrokenExecutor; the next call starts another.
    """

    def __init__(self) -> None:
        self._pool = _new_pool()

    def warm_up(self) -> None:
        """Start the child and load the trusted setup, without waiting for it."""
        self.submit(_ready)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except BrokenProcessPool:
            log.error("the KZG process died, starting another")
            self._pool.shutdown(wait=False)
            self._pool = _new_pool()
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the child at once: nothing that it computes is missed afterwards."""
        children = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=cancel_futures)
        for child in children:
            child.terminate()
        if wait:
            for child in children:
                child.join()


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """In the child: Ctrl-C is for the parent; when that one dies, so do we."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)
    trusted_setup()


def _ready() -> bool:
    return True
