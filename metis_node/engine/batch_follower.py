"""The host that reads the batches on L1 as they land, and moves the safe and finalized heads.

Every batch is compared with the local chain (`derived_chain.py`); one that differs does not count,
loudly. On a node that does not sequence, batches bring blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from metis_node.engine.batch_scanner import BatchScanner
from metis_node.engine.committer import Committer
from metis_node.engine.l1_follower import L1Follower
from metis_node.errors import Temporary
from metis_node.types.batches import SpanBatch

log = structlog.get_logger(__name__)

SafeListener = Callable[[int], None]


class BatchFollower:
    """Run it as a task beside the L1 follower."""

    def __init__(
        self, *, follower: L1Follower, scanner: BatchScanner, committer: Committer
    ) -> None:
        self.problem = ""  # why reading does not go on
        self._follower = follower
        self._scanner = scanner
        self._committer = committer
        self._listeners: list[SafeListener] = []
        self._told: int | None = None
        self._is_caught_up = False  # all of L1 was read once
        self._advanced = asyncio.Event()

    @property
    def safe(self) -> int:
        return self._scanner.safe

    @property
    def next_l1_block(self) -> int:
        """The L1 block that is read next."""
        return self._scanner.next

    def remember(self, channel_id: bytes, batch: SpanBatch) -> None:
        """See `BatchScanner.remember`."""
        self._scanner.remember(channel_id, batch)

    def subscribe(self, listener: SafeListener) -> None:
        """Called on the loop with the L2 block at which the batches on L1 end, when that moves,
        and once when all of L1 has been read. Lower than before after an L1 reorganisation."""
        self._listeners.append(listener)

    async def caught_up(self) -> None:
        """Return when all that L1 has was read once."""
        while not self._is_caught_up:
            await self._next_advance()

    async def read_to(self, l1_block: int) -> None:
        """Return when that L1 block has been read."""
        while self.next_l1_block <= l1_block:
            await self._next_advance()

    async def _next_advance(self) -> None:
        self._advanced.clear()
        await self._advanced.wait()

    async def run(self) -> None:
        is_resumed = False
        while True:
            version = self._follower.version
            try:
                if not is_resumed:
                    await self._scanner.resume()
                    is_resumed = True
                await self._read()
                self.problem = ""
            except Temporary as error:
                if not self.problem:
                    log.warning("batches on L1 cannot be read", reason=error.message)
                self.problem = error.message
            await self._follower.changed(version)

    async def _read(self) -> None:
        head = self._follower.head
        if head is None:
            return
        await self._scanner.advance(head.number)
        await self._mark_heads()
        if not self._is_caught_up:
            self._is_caught_up = True
            log.info("batches on L1 are read", safe=self.safe, l1_block=head.number)
        self._advanced.set()
        if self.safe != self._told:
            self._told = self.safe
            for listener in self._listeners:
                listener(self.safe)

    async def _mark_heads(self) -> None:
        chain = self._committer.blockchain
        safe = self._scanner.safe
        finalized = min(self._scanner.safe_at(self._follower.finalized_number), safe)
        if safe > chain.safe_number:
            await self._committer.run(chain.set_safe, safe)
        if finalized > chain.finalized_number:
            await self._committer.run(chain.set_finalized, finalized)
