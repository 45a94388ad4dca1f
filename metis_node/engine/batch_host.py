"""The host of the batch machine: feeds it facts, performs its orders through ports.

No state outlives the process: where to go on is read from L1. What a channel is made of is in
`channel_maker.py`, how L1 transactions are seen through is the publisher's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from metis_node.batching import effects, inputs
from metis_node.batching.channel import Channel
from metis_node.batching.frames import encode_payload, split_channel
from metis_node.batching.machine import BatchMachine, BatchPolicy
from metis_node.batching.span_batch import MAX_TRANSACTION_BYTES
from metis_node.chain.blockchain import Imported
from metis_node.chain.queries import Queries
from metis_node.engine.batch_follower import BatchFollower
from metis_node.engine.channel_maker import make_channel
from metis_node.engine.heads import Heads
from metis_node.engine.inbox import Inbox
from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.l1_ports import BatchPublisher, Posting, PostingPlan
from metis_node.engine.ports import Clock
from metis_node.errors import InvalidConfig, Temporary
from metis_node.types.rules import ChainRules

log = structlog.get_logger(__name__)

INBOX_CAPACITY = 16_384  # facts; blocks are counted, not queued
TICK_MS = 1_000
FIRST_TRANSACTION_BYTES = 120  # assumed until batches were measured


@dataclass(slots=True)
class _Outgoing:
    """A channel with what is left of it to send."""

    channel: Channel
    plan: PostingPlan
    parts: list[list[bytes]]  # payloads of each L1 transaction
    postings: list[Posting]


class BatchHost:
    """Run it as a task. `on_pressure` gets the per cent by which building should hold back."""

    def __init__(
        self,
        *,
        queries: Queries,
        rules: ChainRules,
        heads: Heads,
        l1: L1Follower,
        batches: BatchFollower,
        publisher: BatchPublisher,
        policy: BatchPolicy,
        clock: Clock,
        on_pressure: Callable[[int], None] | None = None,
    ) -> None:
        if rules.max_block_bytes > MAX_TRANSACTION_BYTES // 2:
            raise InvalidConfig(
                f"genesis: rules.max_block_bytes is {rules.max_block_bytes}, a batch carries "
                f"blocks of at most {MAX_TRANSACTION_BYTES // 2} bytes"
            )
        self.machine = BatchMachine(policy)
        self.pressure_percent = 0
        self._queries = queries
        self._rules = rules
        self._heads = heads
        self._l1 = l1
        self._batches = batches
        self._publisher = publisher
        self._clock = clock
        self._on_pressure = on_pressure
        self._inbox: Inbox[inputs.Input] = Inbox("batch host", INBOX_CAPACITY)
        self._counts: dict[int, int] = {}  # transactions of blocks not yet told to the machine
        self._decided = 0  # newest block put into the inbox
        self._transaction_bytes = FIRST_TRANSACTION_BYTES
        self._outgoing: dict[bytes, _Outgoing] = {}

    def flush(self) -> None:
        """Close and send what is open now."""
        self._inbox.put(inputs.FlushRequested())

    async def run(self) -> None:
        # Posting begins only when all that L1 has, or is about to have, is known: no gap, and
        # nothing is paid for twice.
        await self._batches.caught_up()
        await self._batches.read_to(await self._publisher.settled())
        start = self._started()
        stop_heads = self._heads.subscribe(self._on_head)
        self._l1.subscribe(self._on_l1)
        self._batches.subscribe(lambda safe: self._put(inputs.SafeHeadSeen(number=safe)))
        self._put(inputs.SafeHeadSeen(number=self._batches.safe))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick())
                self._perform(group, self.machine.feed(start))
                while True:
                    for fact in await self._inbox.take_all():
                        self._perform(group, self.machine.feed(fact))
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error  # one task failed, the rest was told
        finally:
            stop_heads()

    def _started(self) -> inputs.Started:
        self._decided = self._queries.head.number
        head = self._l1.head
        assert head is not None
        log.info("batches go on", after=self._batches.safe, decided=self._decided)
        return inputs.Started(
            safe=self._batches.safe,
            decided=self._decided,
            l1_head=head.number,
            now_ms=self._clock.now_ms(),
        )

    # --- facts ---------------------------------------------------------------------------------

    def _put(self, fact: inputs.Input) -> None:
        self._inbox.put(fact)

    def _on_head(self, imported: Imported) -> None:
        if imported.number <= self._decided:
            return
        own = 1 if self._rules.consensus is None else 2  # system transactions of most blocks
        count = max(len(imported.prepared.transaction_hashes) - own, 0)
        self._decided = imported.number
        self._put(
            inputs.BlockDecided(
                number=imported.number,
                size=count * self._transaction_bytes,
                now_ms=self._clock.now_ms(),
            )
        )

    def _on_l1(self) -> None:
        head = self._l1.head
        if head is not None:
            self._put(inputs.L1HeadSeen(number=head.number, now_ms=self._clock.now_ms()))

    async def _tick(self) -> None:
        while True:
            now_ms = self._clock.now_ms()
            self._put(inputs.Ticked(now_ms=now_ms))
            await self._clock.wait_until_ms(now_ms + TICK_MS)

    # --- orders --------------------------------------------------------------------------------

    def _perform(self, group: asyncio.TaskGroup, orders: list[effects.Effect]) -> None:
        for order in orders:
            match order:
                case effects.EncodeChannel():
                    group.create_task(self._encode(order))
                case effects.Submit():
                    self._submit(group, order)
                case effects.DiscardChannel():
                    self._discard(order)
                case effects.SetPressure():
                    self._set_pressure(order.percent)

    async def _encode(self, order: effects.EncodeChannel) -> None:
        made = await asyncio.to_thread(make_channel, self._queries, self._rules, order)
        if made.transactions:
            self._transaction_bytes = max(made.raw_size // made.transactions, 1)
        self._batches.remember(made.channel.id, made.batch)
        plan = await self._plan(len(made.channel.data))
        frames = split_channel(made.channel.id, made.channel.data, [plan.capacity])
        payloads = [encode_payload([frame]) for frame in frames]
        step = plan.payloads_per_transaction
        parts = [payloads[start : start + step] for start in range(0, len(payloads), step)]
        self._outgoing[made.channel.id] = _Outgoing(
            channel=made.channel, plan=plan, parts=parts, postings=[]
        )
        log.info(
            "batch closed",
            first=made.channel.first,
            last=made.channel.last,
            transactions=made.transactions,
            raw_bytes=made.raw_size,
            bytes=len(made.channel.data),
            l1_transactions=len(parts),
            blobs=plan.with_blobs,
        )
        self._put(
            inputs.ChannelEncoded(
                channel_id=made.channel.id,
                first=made.channel.first,
                last=made.channel.last,
                raw_size=made.raw_size,
                data_size=len(made.channel.data),
                submissions=len(parts),
            )
        )

    async def _plan(self, size: int) -> PostingPlan:
        while True:
            version = self._l1.version
            try:
                return await self._publisher.plan(size)
            except Temporary as error:
                log.warning("posting waits for L1", reason=error.message)
                await self._l1.changed(version)

    def _submit(self, group: asyncio.TaskGroup, order: effects.Submit) -> None:
        outgoing = self._outgoing.get(order.channel_id)
        if outgoing is None:
            return  # discarded by an order before this one was performed
        if order.index == 0:
            group.create_task(self._post_all(group, outgoing))

    async def _post_all(self, group: asyncio.TaskGroup, outgoing: _Outgoing) -> None:
        """One channel's transactions, in order; the machine orders them all at once."""
        for index, payloads in enumerate(outgoing.parts):
            posting = await self._posted(outgoing, payloads)
            if posting is None:
                return
            outgoing.postings.append(posting)
            if not self._is_wanted(outgoing):
                posting.withdraw()
                return
            group.create_task(self._watch(outgoing, index, posting))

    async def _posted(self, outgoing: _Outgoing, payloads: list[bytes]) -> Posting | None:
        """Tried until the publisher takes it, or nobody wants it."""
        while self._is_wanted(outgoing):
            version = self._l1.version
            try:
                return await self._publisher.post(payloads, outgoing.plan)
            except Temporary as error:
                log.warning("posting waits for L1", reason=error.message)
                await self._l1.changed(version)
        return None

    def _is_wanted(self, outgoing: _Outgoing) -> bool:
        return self._outgoing.get(outgoing.channel.id) is outgoing

    async def _watch(self, outgoing: _Outgoing, index: int, posting: Posting) -> None:
        name = outgoing.channel.id
        fact: inputs.Input
        try:
            l1_block = await posting.landed()
        except Temporary as error:
            log.warning("an L1 transaction of a batch is gone", index=index, reason=error.message)
            fact = inputs.SubmissionFailed(channel_id=name, index=index)
        else:
            fact = inputs.SubmissionConfirmed(channel_id=name, index=index, l1_block=l1_block)
        if self._is_wanted(outgoing):
            self._put(fact)

    def _discard(self, order: effects.DiscardChannel) -> None:
        outgoing = self._outgoing.pop(order.channel_id, None)
        if outgoing is None:
            return
        log.info("batch is done with", last=outgoing.channel.last, reason=order.reason)
        for posting in outgoing.postings:
            posting.withdraw()

    def _set_pressure(self, percent: int) -> None:
        self.pressure_percent = percent
        log.warning("batches press on block building", percent=percent)
        if self._on_pressure is not None:
            self._on_pressure(percent)
