"""Who waits for which transaction to be in a block. Event loop only."""

from __future__ import annotations

import asyncio

from metis_node.chain.blockchain import Imported
from metis_node.errors import InvalidRequest
from metis_node.rpc.errors import LIMIT_EXCEEDED


class ReceiptWaiters:
    """Wakes those whose transaction a new block holds. Subscribe `on_head` to the heads feed."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: dict[bytes, asyncio.Event] = {}
        self._counts: dict[bytes, int] = {}

    def on_head(self, imported: Imported) -> None:
        waiting = self._waiting
        if not waiting:
            return
        for transaction_hash in imported.prepared.transaction_hashes:
            event = waiting.get(transaction_hash)
            if event is not None:
                event.set()

    async def wait(self, transaction_hash: bytes, timeout_s: float) -> bool:
        """True once a block holds it, False after the time-out."""
        event = self._enter(transaction_hash)
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._leave(transaction_hash)
        return True

    def _enter(self, transaction_hash: bytes) -> asyncio.Event:
        event = self._waiting.get(transaction_hash)
        if event is None:
            if len(self._waiting) >= self._bound:
                raise InvalidRequest(
                    f"server busy: {self._bound} calls wait for receipts, use "
                    "eth_sendRawTransaction",
                    code=LIMIT_EXCEEDED,
                )
            event = self._waiting[transaction_hash] = asyncio.Event()
        self._counts[transaction_hash] = self._counts.get(transaction_hash, 0) + 1
        return event

    def _leave(self, transaction_hash: bytes) -> None:
        self._counts[transaction_hash] -= 1
        if not self._counts[transaction_hash]:
            del self._counts[transaction_hash]
            del self._waiting[transaction_hash]
