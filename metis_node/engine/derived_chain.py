"""Batches against the local chain: blocks that are there must be the same, others are made.

Blocks are rebuilt from what a batch carries and what follows by rule, executed strictly, and
imported through the same verification as any block. Rules D5 to D9 of `docs/protocol/batches.md`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from metis_node._native import decode_transactions
from metis_node.batching.derivation import Found, check_hash, check_origin_order, next_blocks
from metis_node.chain.queries import Queries
from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.block_bodies import carried_block
from metis_node.engine.block_template import BlockTemplate, l2_template
from metis_node.engine.committer import Committer
from metis_node.engine.l1_origin import origin_of
from metis_node.engine.l1_ports import L1Source
from metis_node.errors import Fatal, InvalidBatch, InvalidBlock, InvalidTransaction, Temporary
from metis_node.staking.epochs import Epoch, EpochWindow, epoch_of_opening
from metis_node.types.batches import BatchBlock, SpanBatch
from metis_node.types.epochs import SequencingRecord
from metis_node.types.l1 import L1Origin

if TYPE_CHECKING:
    from metis_node._native import Built, Transaction

log = structlog.get_logger(__name__)

MAX_ORIGINS = 256  # cached: blocks of one batch share few


class DerivedChain:
    """The local chain as far as the batches on L1 tell it. `safe` is where they end."""

    def __init__(
        self,
        *,
        source: L1Source,
        committer: Committer,
        queries: Queries,
        may_import: bool,
        has_peers: bool = False,
        safe: int = 0,
    ) -> None:
        """`may_import` False: blocks do not come from here. With `has_peers` they come by block
        sync, and L1 may be ahead for a while; else this is the sequencer, which must have them."""
        self.safe = safe
        self._source = source
        self._committer = committer
        self._chain = committer.blockchain
        self._queries = queries
        self._rules = committer.blockchain.rules
        self._may_import = may_import
        self._has_peers = has_peers
        self._origins: dict[int, L1Origin] = {}

    @property
    def head_number(self) -> int:
        """Where the local chain ends, which may be above `safe`."""
        return self._chain.head.number

    async def apply(self, found: Found) -> None:
        """Move `safe` over the blocks of a batch. InvalidBatch: the rest of it does not count."""
        batch = found.batch
        blocks = next_blocks(batch, head=self.safe, hash_of=self._hash_of)
        known = [block for block in blocks if block.number <= self._chain.head.number]
        for block in known:
            self._check_known(batch, block)
        if known:
            if not found.is_own:
                await asyncio.to_thread(self._check_contents, known)
            self.safe = known[-1].number
        for block in blocks[len(known) :]:
            if not self._may_import:
                raise self._behind(batch)
            await self._derive(batch, block, l1_block=found.l1_block)
            self.safe = block.number

    def _behind(self, batch: SpanBatch) -> Temporary | Fatal:
        """L1 has blocks that are not here."""
        ends = f"the batches on L1 reach block {batch.last}, the chain here ends at"
        if self._has_peers:
            return Temporary(f"{ends} {self._chain.head.number}: peers have the blocks between")
        return Fatal(
            f"{ends} {self._chain.head.number}, and this is the sequencer: catch up with "
            "`metis-node sync --from l1`, then start again"
        )

    def _hash_of(self, number: int) -> bytes | None:
        sealed = self._queries.header_by_number(number)
        return sealed.hash if sealed is not None else None

    def _check_known(self, batch: SpanBatch, block: BatchBlock) -> None:
        sealed = self._queries.header_by_number(block.number)
        assert sealed is not None
        check_hash(batch, block, sealed.hash)

    def _check_contents(self, blocks: Sequence[BatchBlock]) -> None:
        """A right hash over other data would leave followers with another chain. Worker thread."""
        for block in blocks:
            own = carried_block(self._queries, self._rules, block.number)
            if own.transactions != block.transactions:
                raise InvalidBatch(f"the batch has other transactions in block {block.number}")
            if own != block:
                raise InvalidBatch(f"the batch has another block {block.number} of the same hash")

    async def _derive(self, batch: SpanBatch, block: BatchBlock, *, l1_block: int) -> None:
        parent = self._chain.head
        before = decode_extra_data(parent.header.extra_data).origin_number
        check_origin_order(before, block, l1_block=l1_block)
        self._check_carried(block)
        window = self._window(block)
        origin = await self._origin(block.origin_number)
        template = l2_template(
            parent,
            self._rules,
            time_ms=block.time_ms,
            origin=origin,
            beneficiary=block.beneficiary,
            record=_record(window, block),
        )
        try:
            transactions, built = await self._committer.run(self._build, template, block)
            check_hash(batch, block, built.hash)
            await self._committer.commit_block(
                built.header, [*template.system, *transactions], window=window
            )
        except (InvalidBlock, InvalidTransaction) as error:
            raise InvalidBatch(f"block {block.number} is invalid: {error.message}") from error

    def _check_carried(self, block: BatchBlock) -> None:
        """What the rules of the chain fix."""
        if block.gas_limit != self._rules.gas_limit:
            raise InvalidBatch(
                f"block {block.number} has gas limit {block.gas_limit}, the rules say "
                f"{self._rules.gas_limit}"
            )
        if self._rules.consensus is not None:
            if block.participation is None:
                raise InvalidBatch(f"block {block.number} lacks its record of builder and votes")
        elif (block.epoch, block.builder_index, block.stake_block) != (0, 0, 0):
            raise InvalidBatch(
                f"block {block.number} names an epoch, builder or stake block on a chain with one "
                "sequencer"
            )
        elif block.participation is not None:
            raise InvalidBatch(f"block {block.number} records votes on a chain with one sequencer")

    def _window(self, block: BatchBlock) -> EpochWindow | None:
        """The epoch of a block to derive (D7b). None on a chain without validators."""
        epochs = self._committer.epochs
        if epochs is None:
            return None
        window = epochs.window_of(block.number)
        if window is None and epochs.has_plan:
            raise Temporary(
                f"the epoch of block {block.number} is not decided by the L1 blocks read so far"
            )
        if window is None:
            window = _opened(block, epochs.window_of(block.number - 1))
        check_epoch(block, window.current)
        return window

    async def _origin(self, number: int) -> L1Origin:
        cached = self._origins.get(number)
        if cached is not None:
            return cached
        header = await self._source.header(number)
        if header is None:
            raise Temporary(f"the L1 does not show block {number}, an origin")
        origin = self._origins[number] = origin_of(header)
        while len(self._origins) > MAX_ORIGINS:
            del self._origins[next(iter(self._origins))]
        return origin

    def forget_origins(self) -> None:
        """After an L1 reorganisation."""
        self._origins.clear()

    def _build(self, template: BlockTemplate, block: BatchBlock) -> tuple[list[Transaction], Built]:
        """Execution thread."""
        transactions: list[Transaction] = []
        for index, entry in enumerate(
            decode_transactions(block.transactions, chain_id=self._rules.chain_id)
        ):
            if isinstance(entry, tuple):
                raise InvalidBatch(f"transaction {index} of block {block.number}: {entry[1]}")
            transactions.append(entry)
        built = self._chain.engine.build(
            template.header,
            template.system,
            transactions,
            max_bytes=self._rules.max_block_bytes,
            strict=True,
        )
        return transactions, built


def check_epoch(block: BatchBlock, epoch: Epoch) -> None:
    """What a batch carries of an epoch is what is known of it. Raises InvalidBatch."""
    if (block.epoch, block.stake_block) != (epoch.number, epoch.stake_block):
        raise InvalidBatch(
            f"block {block.number} names epoch {block.epoch} of stake block {block.stake_block}, "
            f"it is in epoch {epoch.number} of stake block {epoch.stake_block}"
        )
    if block.opening != (epoch.opening if block.number == epoch.start else None):
        raise InvalidBatch(
            f"block {block.number} does not open epoch {epoch.number} as stake decides it"
            if block.number == epoch.start
            else f"block {block.number} opens an epoch where none begins"
        )


def _opened(block: BatchBlock, before: EpochWindow | None) -> EpochWindow:
    """Where stake is not followed here, an epoch is what the batch says of it."""
    following = before.current.number + 1 if before is not None else 0
    if block.opening is None or block.opening.epoch != following:
        raise InvalidBatch(f"block {block.number} does not open epoch {following}")
    return EpochWindow(
        current=epoch_of_opening(block.opening, start=block.number),
        previous=before.current if before is not None else None,
    )


def _record(window: EpochWindow | None, block: BatchBlock) -> SequencingRecord | None:
    if window is None:
        return None
    assert block.participation is not None
    return window.record(block.number, place=block.builder_index, participation=block.participation)
