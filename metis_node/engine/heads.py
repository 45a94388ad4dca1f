"""Feeds of new heads and of new pending transactions. Everything here runs on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from metis_node.chain.blockchain import Imported

if TYPE_CHECKING:
    from metis_node._native import Transaction

log = structlog.get_logger(__name__)

HeadCallback = Callable[[Imported], None]
PendingCallback = Callable[["list[Transaction]"], None]
Unsubscribe = Callable[[], None]


class Heads:
    """Calls every subscriber with each imported block, in order. Callbacks must be quick."""

    def __init__(self) -> None:
        self._callbacks: list[HeadCallback] = []
        self._waiters: list[asyncio.Future[Imported]] = []

    def subscribe(self, callback: HeadCallback) -> Unsubscribe:
        self._callbacks.append(callback)
        return lambda: _discard(self._callbacks, callback)

    def publish(self, imported: Imported) -> None:
        """A failing subscriber is logged and does not stop the others."""
        for callback in tuple(self._callbacks):
            try:
                callback(imported)
            except Exception:
                log.exception("a subscriber of new heads failed", number=imported.number)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(imported)

    async def next(self) -> Imported:
        """The next block after this call."""
        waiter: asyncio.Future[Imported] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return await waiter


class PendingTransactions:
    """Tells subscribers of transactions that became executable, grouped per turn of the loop."""

    def __init__(self) -> None:
        self._callbacks: list[PendingCallback] = []
        self._gathered: list[Transaction] = []

    @property
    def has_subscribers(self) -> bool:
        return bool(self._callbacks)

    def subscribe(self, callback: PendingCallback) -> Unsubscribe:
        self._callbacks.append(callback)
        return lambda: _discard(self._callbacks, callback)

    def push(self, transaction: Transaction) -> None:
        """Hand this to `Mempool.on_pending`. Costs nothing while nobody listens."""
        if not self._callbacks:
            return
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._flush)
        self._gathered.append(transaction)

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, []
        for callback in tuple(self._callbacks):
            try:
                callback(gathered)
            except Exception:
                log.exception("a subscriber of pending transactions failed")


def _discard(callbacks: list[Callable[..., None]], callback: Callable[..., None]) -> None:
    if callback in callbacks:
        callbacks.remove(callback)
