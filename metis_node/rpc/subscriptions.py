"""eth_subscribe: who listens to what, and how news reach them. Event loop only.

A `Subscriber` is one WebSocket's outbound queue; a `Subscription` one of its interests. `Feeds`
encodes each piece of news once, whatever the number of listeners.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from metis_node.chain.blockchain import Imported
from metis_node.errors import InvalidRequest
from metis_node.rpc import views
from metis_node.rpc.backend import Backend
from metis_node.rpc.errors import LIMIT_EXCEEDED
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.log_criteria import LogCriteria
from metis_node.types.blocks import SealedHeader

if TYPE_CHECKING:
    from metis_node._native import Transaction
    from metis_node.engine.heads import Unsubscribe

KINDS = ("newHeads", "logs", "newPendingTransactions", "syncing")
WAITING_BLOCKS = 256  # blocks whose logs have not been read yet; more than that is a fault

log = structlog.get_logger(__name__)


class Subscriber:
    """Messages on their way to one connection, bounded in number and bytes.

    A consumer that is too slow is not waited for and loses nothing silently: it is disconnected.
    """

    def __init__(self, limits: RpcLimits) -> None:
        self._limits = limits
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self.given_up = asyncio.Event()
        self.failure: str | None = None
        self.subscriptions: dict[str, Subscription] = {}

    def send(self, payload: bytes) -> None:
        """Queue one message; everything subscribed to before it goes live after it."""
        self.push(payload)
        for subscription in self.subscriptions.values():
            subscription.live = True

    def push(self, payload: bytes) -> None:
        if self.failure is not None:
            return
        self._queue.append(payload)
        self._bytes += len(payload)
        limits = self._limits
        if len(self._queue) > limits.websocket_queue:
            self.fail(f"slow consumer: more than {limits.websocket_queue} messages waiting")
        elif self._bytes > limits.websocket_queue_bytes and len(self._queue) > 1:
            self.fail(f"slow consumer: more than {limits.websocket_queue_bytes} bytes waiting")
        self._changed.set()

    def fail(self, reason: str) -> None:
        """Give the connection up; whoever writes it closes it with this reason."""
        if self.failure is None:
            self.failure = reason
            self._queue.clear()
            self._bytes = 0
            self._changed.set()
            self.given_up.set()

    async def next(self) -> bytes | None:
        """The next message; None once the connection has been given up."""
        while not self._queue:
            if self.failure is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        payload = self._queue.popleft()
        self._bytes -= len(payload)
        return payload


class Subscription:
    """One interest of one subscriber. Not live until its id is on its way to the client."""

    __slots__ = ("criteria", "full", "ident", "kind", "live", "prefix", "subscriber")

    def __init__(
        self,
        kind: str,
        subscriber: Subscriber,
        criteria: LogCriteria | None = None,
        *,
        full: bool = False,
    ) -> None:
        self.kind = kind
        self.subscriber = subscriber
        self.criteria = criteria
        self.full = full
        self.live = False
        self.ident = "0x" + secrets.token_hex(16)
        self.prefix = (
            b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"%s","result":'
            % self.ident.encode()
        )

    def notify(self, result: bytes) -> None:
        """Send encoded JSON as this subscription's news."""
        if self.live:
            self.subscriber.push(self.prefix + result + b"}}")


class Feeds:
    """All subscriptions of the node. An async context manager around its task."""

    def __init__(self, backend: Backend, limits: RpcLimits) -> None:
        self._backend = backend
        self._limits = limits
        self._by_kind: dict[str, dict[str, Subscription]] = {kind: {} for kind in KINDS}
        self._blocks: asyncio.Queue[SealedHeader] = asyncio.Queue(WAITING_BLOCKS)
        self._undo: list[Unsubscribe] = []
        self._pending_undo: Unsubscribe | None = None
        self._task: asyncio.Task[None] | None = None
        self._sync_status: Any = None

    async def __aenter__(self) -> Feeds:
        self._sync_status = self._backend.sync_status()
        self._undo.append(self._backend.heads.subscribe(self._on_head))
        self._task = asyncio.create_task(self._read_logs(), name="rpc log feed")
        return self

    async def __aexit__(self, *_: object) -> None:
        for undo in self._undo:
            undo()
        if self._pending_undo is not None:
            self._pending_undo()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def __len__(self) -> int:
        return sum(len(kind) for kind in self._by_kind.values())

    def add(self, subscription: Subscription) -> str:
        """Its id. Refused where the connection has as many as it may."""
        mine = subscription.subscriber.subscriptions
        if len(mine) >= self._limits.subscriptions:
            raise InvalidRequest(
                f"too many subscriptions on this connection: at most {self._limits.subscriptions}",
                code=LIMIT_EXCEEDED,
            )
        mine[subscription.ident] = subscription
        self._by_kind[subscription.kind][subscription.ident] = subscription
        if subscription.kind == "newPendingTransactions" and self._pending_undo is None:
            self._pending_undo = self._backend.pending.subscribe(self._on_pending)
        return subscription.ident

    def remove(self, subscriber: Subscriber, ident: str) -> bool:
        subscription = subscriber.subscriptions.pop(ident, None)
        if subscription is None:
            return False
        del self._by_kind[subscription.kind][ident]
        if self._pending_undo is not None and not self._by_kind["newPendingTransactions"]:
            self._pending_undo()
            self._pending_undo = None
        return True

    def remove_all(self, subscriber: Subscriber) -> None:
        """The connection is gone."""
        for ident in list(subscriber.subscriptions):
            self.remove(subscriber, ident)

    # --- news

    def _on_head(self, imported: Imported) -> None:
        heads = self._by_kind["newHeads"]
        if heads:
            encoded = orjson.dumps(views.header_view(imported.sealed))
            _notify(heads.values(), encoded)
        self._tell_sync_status()
        if self._by_kind["logs"]:
            self._queue_logs(imported.sealed)

    def _tell_sync_status(self) -> None:
        status = self._backend.sync_status()
        if (status is None) != (self._sync_status is None):
            news = False if status is None else {"syncing": True, "status": status}
            _notify(self._by_kind["syncing"].values(), orjson.dumps(news))
        self._sync_status = status

    def _queue_logs(self, sealed: SealedHeader) -> None:
        try:
            self._blocks.put_nowait(sealed)
        except asyncio.QueueFull:
            for subscription in tuple(self._by_kind["logs"].values()):
                subscription.subscriber.fail("the node's log feed fell behind: subscribe again")

    async def _read_logs(self) -> None:
        """Reads each block's logs in a thread, one block after the other."""
        loop = asyncio.get_running_loop()
        while True:
            sealed = await self._blocks.get()
            wanted = self._wanted(sealed)
            if not wanted:
                continue
            try:
                found = await loop.run_in_executor(
                    self._backend.readers, self._matches, sealed.number, wanted
                )
            except Exception:
                log.exception("log subscriptions of a block failed", number=sealed.number)
                for subscription in wanted:
                    subscription.subscriber.fail("the node could not read the logs of a block")
                continue
            for subscription, encoded in found:
                for result in encoded:
                    subscription.notify(result)

    def _wanted(self, sealed: SealedHeader) -> list[Subscription]:
        bloom = sealed.header.logs_bloom
        return [
            subscription
            for subscription in self._by_kind["logs"].values()
            if subscription.criteria is None or subscription.criteria.may_match(bloom)
        ]

    def _matches(
        self, number: int, wanted: list[Subscription]
    ) -> list[tuple[Subscription, list[bytes]]]:
        """In a thread: the encoded logs for each subscription."""
        queries = self._backend.queries
        found = []
        for subscription in wanted:
            criteria = subscription.criteria or LogCriteria()
            matches = queries.block_logs(number, criteria.addresses, criteria.topics)
            found.append((subscription, [orjson.dumps(views.log_view(match)) for match in matches]))
        return found

    def _on_pending(self, transactions: list[Transaction]) -> None:
        subscriptions = self._by_kind["newPendingTransactions"]
        hashes = [one for one in subscriptions.values() if not one.full]
        full = [one for one in subscriptions.values() if one.full]
        for transaction in transactions:
            if hashes:
                _notify(hashes, b'"0x%s"' % transaction.hash.hex().encode())
            if full:
                _notify(full, orjson.dumps(views.pending_view(transaction)))


def _notify(subscriptions: Iterable[Subscription], encoded: bytes) -> None:
    for subscription in tuple(subscriptions):
        subscription.notify(encoded)
