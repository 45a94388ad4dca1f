"""`metis-node sync --from l1` from start to end: parts, progress, report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from metis_node.engine.l1_sync import L1Sync, SyncProgress, SyncReport
from metis_node.errors import Temporary
from metis_node.execution.genesis import Genesis
from metis_node.node.assembly import chain_parts, opened_blockchain
from metis_node.node.config import Config
from metis_node.node.l1_assembly import l1_parts

Advance = Callable[[str, int, int], None]  # what, done, of how many


async def run_sync(
    config: Config,
    expected: Genesis,
    *,
    stop: asyncio.Event,
    advance: Advance,
    block: str,
    facts: dict[str, Any],
) -> None:
    """Rebuild up to the L1 block with the tag `block`. Fills `facts` with what was reached.

    Temporary where `stop` was set before the end: what was derived stays, the next run goes on.
    """
    with opened_blockchain(config.chain.data_dir, config.storage, expected) as blockchain:
        async with chain_parts(blockchain, config) as parts, l1_parts(parts, config) as l1:

            def show(progress: SyncProgress) -> None:
                advance("L1 blocks read", progress.l1_block, progress.l1_target)
                advance("blocks derived", progress.head, 0)

            sync = L1Sync(
                source=l1.reader,
                committer=parts.committer,
                queries=parts.queries,
                on_progress=show,
            )
            await l1.client.header("latest")  # an L1 that is not there at all is told at once
            report = await _until_stopped(sync, stop, block)
            if report is None:
                raise Temporary(
                    f"stopped at block {blockchain.head.number}: run the same command to go on"
                )
            facts.update(report_facts(report))


async def _until_stopped(sync: L1Sync, stop: asyncio.Event, block: str) -> SyncReport | None:
    """The report, or None where the stop came first."""
    async with asyncio.TaskGroup() as group:
        work = group.create_task(sync.run(block))
        halt = group.create_task(stop.wait())
        await asyncio.wait({work, halt}, return_when=asyncio.FIRST_COMPLETED)
        halt.cancel()
        if work.done():
            return work.result()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        return None


def report_facts(report: SyncReport) -> dict[str, Any]:
    return {
        "head": report.head,
        "head_hash": "0x" + report.head_hash.hex(),
        "l1_block": report.l1_block,
        "batches": report.batches,
        "skipped": report.skipped,
    }
