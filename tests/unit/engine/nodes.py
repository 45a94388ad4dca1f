"""The hosts of one sequencer wired together over a real chain, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.blockchain import Blockchain, Imported
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.chain.local_journal import LocalJournal
from metis_node.chain.mempool import Mempool
from metis_node.engine.block_builder import BlockBuilder, BlockReport, Offence
from metis_node.engine.block_producer import BlockProducer
from metis_node.engine.committer import Committer
from metis_node.engine.heads import Heads
from metis_node.engine.intake import Intake, IntakeLimits
from metis_node.engine.ports import Leadership, SoleProposer
from tests.chains import BENEFICIARY, new_blockchain
from tests.fakes.manual_clock import ManualClock
from tests.fakes.origins import ShownOrigins


@dataclass
class Node:
    """Everything between raw transactions and blocks."""

    blockchain: Blockchain
    mempool: Mempool
    heads: Heads
    committer: Committer
    intake: Intake
    producer: BlockProducer
    clock: ManualClock
    origins: ShownOrigins
    reports: list[BlockReport] = field(default_factory=list)
    offences: list[Offence] = field(default_factory=list)

    async def next_block(self) -> Imported:
        """Let the running producer make the block it waits for."""
        due = await self.clock.waiting()
        following = asyncio.ensure_future(self.heads.next())
        await asyncio.sleep(0)
        self.clock.move_to_ms(due)
        return await following


@contextlib.asynccontextmanager
async def running_node(
    blockchain: Blockchain | None = None,
    *,
    produce: bool = True,
    leadership: Leadership | None = None,
    journal: bool = False,
    intake_limits: IntakeLimits | None = None,
    **rules: Any,
) -> AsyncIterator[Node]:
    """A node whose intake (and producer) run as tasks."""
    chain = blockchain if blockchain is not None else new_blockchain(**rules)
    mempool = Mempool(AdmissionRules.of(chain.rules, chain.head.header.timestamp))
    heads = Heads()
    committer = Committer(blockchain=chain, mempool=mempool, heads=heads)
    clock = ManualClock(earliest_time_ms(chain.head.header, chain.rules) - 1)
    origins = ShownOrigins()
    reports: list[BlockReport] = []
    offences: list[Offence] = []
    intake = Intake(
        blockchain=chain,
        mempool=mempool,
        journal=LocalJournal(chain.store) if journal else None,
        limits=intake_limits,
    )
    producer = BlockProducer(
        leadership=leadership if leadership is not None else SoleProposer(),
        builder=BlockBuilder(
            blockchain=chain,
            committer=committer,
            mempool=mempool,
            origins=origins,
            clock=clock,
            beneficiary=BENEFICIARY,
            on_report=reports.append,
            on_offence=offences.append,
        ),
    )
    tasks = [asyncio.ensure_future(intake.run())]
    if produce:
        tasks.append(asyncio.ensure_future(producer.run()))
    node = Node(
        chain, mempool, heads, committer, intake, producer, clock, origins, reports, offences
    )
    try:
        yield node
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await intake.aclose()
        await committer.aclose()
    failed = [r for r in results if isinstance(r, Exception)]
    if failed:
        raise failed[0]
