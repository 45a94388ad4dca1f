"""The threads that run calls too slow for the event loop, behind one bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from metis_node.errors import InvalidRequest
from metis_node.rpc.errors import LIMIT_EXCEEDED

T = TypeVar("T")


class Readers:
    """At most `queue` calls wait or run; more are refused at once instead of piling up."""

    def __init__(self, executor: ThreadPoolExecutor, queue: int) -> None:
        self._executor = executor
        self._bound = queue
        self.waiting = 0

    def run(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Start `function(*args)` in a thread; the future is the loop's."""
        if self.waiting >= self._bound:
            raise InvalidRequest(
                f"server busy: {self.waiting} calls are waiting, try again later",
                code=LIMIT_EXCEEDED,
            )
        future = asyncio.get_running_loop().run_in_executor(self._executor, function, *args)
        self.waiting += 1
        future.add_done_callback(self._finished)
        return future

    def _finished(self, _future: asyncio.Future[Any]) -> None:
        self.waiting -= 1
