"""Which transaction leaves a full mempool first: the end of the sequence that pays least.

A transaction is worth the least that it or any before it in its sender's sequence pays, since it
cannot be included before them; one behind a nonce gap is worth nothing. Only ends of sequences are
candidates, so that an eviction never opens a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

from metis_node.chain.mempool_entry import Account, Entry, Worth

WORTHLESS: Worth = (-1, -1)  # behind a gap
SPARE_NOTES = 4_096  # stale notes tolerated before the heap is made anew


class CheapestFirst:
    """A heap over senders, made when the pool first is full and dropped when it has aged."""

    def __init__(self) -> None:
        self._heap: list[tuple[Worth, int, int, Account]] | None = None
        self._notes = 0
        self._most = 0

    def note(self, account: Account) -> None:
        """The sequence of `account` has changed."""
        if self._heap is None:
            return
        if len(self._heap) > self._most:
            self._heap = None
            return
        heappush(self._heap, self._record(account))

    def peek(self, accounts: Mapping[bytes, Account]) -> tuple[Worth, Entry] | None:
        """The entry to evict first, and its worth."""
        if self._heap is None:
            self._heap = [self._record(account) for account in accounts.values()]
            heapify(self._heap)
            self._most = 2 * len(self._heap) + SPARE_NOTES
        heap = self._heap
        while heap:
            worth, _, version, account = heap[0]
            if account.noted == version and accounts.get(account.address) is account:
                return worth, account.last()
            heappop(heap)
        return None

    def _record(self, account: Account) -> tuple[Worth, int, int, Account]:
        self._notes += 1
        account.noted = self._notes
        return worth_of_end(account), self._notes, self._notes, account


def worth_of_end(account: Account) -> Worth:
    """Worth of the last transaction of a sender that has at least one."""
    if len(account.entries) > account.next - account.nonce:
        return WORTHLESS
    return account.entries[account.next - 1].worth
