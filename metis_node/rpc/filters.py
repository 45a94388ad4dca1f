"""Polled filters: what was installed, by whom nobody knows, so each expires when not asked for.

Event loop only. Bounded in number, and each in what it keeps.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from metis_node.engine.heads import PendingTransactions, Unsubscribe
from metis_node.errors import InvalidRequest
from metis_node.rpc.errors import LIMIT_EXCEEDED, REFUSED
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.log_criteria import LogCriteria

if TYPE_CHECKING:
    from metis_node._native import Transaction

Kind = Literal["logs", "blocks", "pending"]


class Filter:
    """One filter, and how far it has been read."""

    __slots__ = ("criteria", "hashes", "kind", "seen", "used_at")

    def __init__(self, kind: Kind, head: int, criteria: LogCriteria | None = None) -> None:
        self.kind = kind
        self.criteria = criteria
        self.seen = head  # last block that was told of
        self.hashes: deque[str] = deque()
        self.used_at = 0.0

    def advance(self, head: int, most: int) -> tuple[int, int]:
        """(first, last) block not told of yet, at most `most` of them; they count as told now."""
        first = self.seen + 1
        last = min(head, self.seen + most)
        self.seen = max(self.seen, last)
        return first, last

    def drain(self) -> list[str]:
        drained = list(self.hashes)
        self.hashes.clear()
        return drained


class Filters:
    """All filters of the node, the one longest unused first."""

    def __init__(
        self, limits: RpcLimits, pending: PendingTransactions, now: Callable[[], float]
    ) -> None:
        self._limits = limits
        self._feed = pending
        self._now = now
        self._filters: OrderedDict[str, Filter] = OrderedDict()
        self._listening: Unsubscribe | None = None

    def __len__(self) -> int:
        return len(self._filters)

    def add(self, new: Filter) -> str:
        """Its id. Refused where the node holds as many as it may."""
        self._expire()
        if len(self._filters) >= self._limits.filters:
            raise InvalidRequest(
                f"too many filters: at most {self._limits.filters}; uninstall some, or use "
                "eth_subscribe",
                code=LIMIT_EXCEEDED,
            )
        ident = "0x" + secrets.token_hex(16)
        new.used_at = self._now()
        self._filters[ident] = new
        if new.kind == "pending" and self._listening is None:
            self._listening = self._feed.subscribe(self._on_pending)
        return ident

    def get(self, ident: str) -> Filter:
        self._expire()
        found = self._filters.get(ident)
        if found is None:
            raise InvalidRequest("filter not found", code=REFUSED)
        found.used_at = self._now()
        self._filters.move_to_end(ident)
        return found

    def remove(self, ident: str) -> bool:
        removed = self._filters.pop(ident, None)
        self._stop_listening()
        return removed is not None

    def close(self) -> None:
        self._filters.clear()
        self._stop_listening()

    def _expire(self) -> None:
        oldest = self._now() - self._limits.filter_idle_s
        while self._filters:
            ident, first = next(iter(self._filters.items()))
            if first.used_at > oldest:
                return
            del self._filters[ident]
            self._stop_listening()

    def _on_pending(self, transactions: list[Transaction]) -> None:
        self._expire()
        hashes = ["0x" + transaction.hash.hex() for transaction in transactions]
        for one in self._filters.values():
            if one.kind == "pending":
                one.hashes.extend(hashes)
                while len(one.hashes) > self._limits.filter_changes:
                    one.hashes.popleft()

    def _stop_listening(self) -> None:
        if self._listening is not None and not any(
            one.kind == "pending" for one in self._filters.values()
        ):
            self._listening()
            self._listening = None
