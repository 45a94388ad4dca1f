"""A process of its own for KZG: ckzg holds the interpreter's lock while it computes (2 s to load
the trusted setup, 70 to 500 ms a blob), which would stop the event loop for as long.

It runs the functions of `blobs.py` that are handed to it, one at a time.

Not a ProcessPoolExecutor: before Python 3.12 one whose child ends while a call is being written to
it waits for ever in that write, and so does the exit of the interpreter (CPython issue 94777).
"""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Lock
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
        self._caller = ThreadPoolExecutor(1, thread_name_prefix="kzg")
        self._lock = Lock()
        self._child: _Child | None = None
        self._is_shut = False

    def warm_up(self) -> None:
        """Start the child and load the trusted setup, without waiting for it."""
        self.submit(_ready)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        return self._caller.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the child at once: nothing that it computes is missed afterwards."""
        self._caller.shutdown(wait=False, cancel_futures=cancel_futures)
        with self._lock:
            self._is_shut = True
            if self._child is not None:
                self._child.kill()
        self._caller.shutdown(wait=wait)

    def _call(self, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        """On the caller's thread: there and back."""
        child = self._living_child()
        try:
            child.connection.send((fn, args, kwargs))
            succeeded, outcome = child.connection.recv()
        except (OSError, EOFError) as error:
            self._bury(child)
            raise BrokenExecutor("the KZG process ended before it answered") from error
        if not succeeded:
            raise outcome
        result: T = outcome
        return result

    def _living_child(self) -> _Child:
        with self._lock:
            if self._is_shut:
                raise BrokenExecutor("the KZG process is shut down")
            if self._child is None:
                self._child = _Child()
            return self._child

    def _bury(self, child: _Child) -> None:
        child.kill()
        with self._lock:
            self._child = None
            if not self._is_shut:
                log.error("the KZG process died; the next call starts another")


class _Child:
    """The process, and our end of the pipe to it; it alone holds the other end."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self.connection, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end,), name="kzg", daemon=True)
        self._process.start()
        far_end.close()

    def kill(self) -> None:
        """At once. A call that is under way sees the end of the pipe."""
        self._process.kill()
        self._process.join()


def _serve(connection: Connection) -> None:
    """In the child: Ctrl-C is for the parent; when that one dies, so do we."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)
    trusted_setup()
    while True:
        try:
            fn, args, kwargs = connection.recv()
        except EOFError:
            return
        connection.send(_outcome(fn, args, kwargs))


def _outcome(fn: Callable[..., object], args: Any, kwargs: Any) -> tuple[bool, object]:
    try:
        return True, fn(*args, **kwargs)
    except Exception as error:
        return False, error


def _ready() -> bool:
    return True
