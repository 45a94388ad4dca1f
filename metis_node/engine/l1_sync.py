"""Rebuild the chain from L1 alone: into an empty directory, or on from where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from metis_node.chain.queries import Queries
from metis_node.engine.batch_index import BatchIndex
from metis_node.engine.batch_scanner import BatchScanner
from metis_node.engine.committer import Committer
from metis_node.engine.derived_chain import DerivedChain
from metis_node.engine.l1_ports import L1Source
from metis_node.errors import Temporary
from metis_node.types.primitives import Hash32

T = TypeVar("T")

log = structlog.get_logger(__name__)

MAX_RETRIES = 8  # of one request that L1 does not answer, in a row
FIRST_RETRY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncProgress:
    l1_block: int  # read
    l1_target: int
    head: int  # L2 blocks derived


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    head: int
    head_hash: Hash32
    l1_block: int
    batches: int
    skipped: dict[str, int]  # inbox data that did not count, by code


class L1Sync:
    """One rebuild. Blocks that are there already are compared, missing ones derived."""

    def __init__(
        self,
        *,
        source: L1Source,
        committer: Committer,
        queries: Queries,
        on_progress: Callable[[SyncProgress], None] | None = None,
    ) -> None:
        chain = committer.blockchain
        self._source = source
        self._committer = committer
        self._on_progress = on_progress
        self._target = 0
        self._derived = DerivedChain(
            source=source, committer=committer, queries=queries, may_import=True
        )
        self._scanner = BatchScanner(
            source=source,
            chain=self._derived,
            index=BatchIndex(chain.store),
            rules=chain.rules,
            progress=self._tell,
        )

    async def run(self, block: str = "latest") -> SyncReport:
        """Up to the L1 block with that tag (latest, safe, finalized).

        Raises Temporary when L1 or a blob cannot be had after several tries; run again to go on.
        """
        await self._retried(self._scanner.resume)
        self._target = await self._retried(lambda: self._target_number(block))
        await self._retried(lambda: self._scanner.advance(self._target))
        chain = self._committer.blockchain
        await self._committer.run(chain.set_safe, self._derived.safe)
        if block == "finalized":
            await self._committer.run(chain.set_finalized, self._derived.safe)
        return SyncReport(
            head=chain.head.number,
            head_hash=chain.head.hash,
            l1_block=self._target,
            batches=self._scanner.batches,
            skipped=dict(self._scanner.skipped),
        )

    async def _target_number(self, block: str) -> int:
        header = await self._source.header(block)
        if header is None:
            raise Temporary(f"the L1 has no {block} block")
        return header.number

    async def _retried(self, step: Callable[[], Awaitable[T]]) -> T:
        """Retries count from the last progress: a long way may have many short troubles."""
        failures, at = 0, self._scanner.next
        while True:
            try:
                return await step()
            except Temporary as error:
                failures = failures + 1 if self._scanner.next == at else 1
                at = self._scanner.next
                if failures >= MAX_RETRIES:
                    raise
                log.warning("the rebuild waits for L1", reason=error.message)
                await asyncio.sleep(FIRST_RETRY_S * 2**failures)

    def _tell(self, l1_block: int) -> None:
        if self._on_progress is not None:
            self._on_progress(
                SyncProgress(
                    l1_block=l1_block,
                    l1_target=self._target,
                    head=self._committer.blockchain.head.number,
                )
            )
