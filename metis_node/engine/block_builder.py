"""Makes one block: template, execution, seal, and its own import in verify mode, but the write.

A block never leaves the build as it is: `Blockchain.verify` executes it again from committed state.
A transaction that makes that fail is dropped and reported, and an empty block is better than a late
one. When a block is due and who may build it is the business of whoever calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from metis_node.chain.blockchain import Blockchain, Verified
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.chain.mempool import Mempool
from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.block_pace import BlockPace
from metis_node.engine.block_template import BlockTemplate, l1_template, l2_template
from metis_node.engine.committer import Committer
from metis_node.engine.gas_target import GasTarget
from metis_node.engine.ports import Clock, Origins
from metis_node.errors import InvalidBlock
from metis_node.staking.epochs import EpochWindow
from metis_node.types.blocks import SealedHeader
from metis_node.types.epochs import SequencingRecord
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Address, Hash32

if TYPE_CHECKING:
    from metis_node._native import Built, Transaction

log = structlog.get_logger(__name__)

DROP_CODES = frozenset({"invalid", "gas_limit"})  # these can never be included


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReport:
    """How one block was made, for metrics and logs."""

    number: int
    transactions: int  # without system transactions
    candidates: int
    gas_used: int
    build_ms: float
    import_ms: float  # its verification
    late_ms: int  # start of the build after the block was due
    deadline_hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """A transaction dropped because no block can hold it."""

    transaction_hash: Hash32
    sender: Address
    block_number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequencing:
    """What a block says of its epoch, on a chain with validators."""

    record: SequencingRecord
    window: EpochWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBlock:
    """A block that holds, and is written nowhere yet."""

    verified: Verified
    body: tuple[bytes | Transaction, ...]


class BlockBuilder:
    """One per chain; one block at a time."""

    def __init__(
        self,
        *,
        blockchain: Blockchain,
        committer: Committer,
        mempool: Mempool,
        origins: Origins | None,
        clock: Clock,
        beneficiary: Address,
        on_report: Callable[[BlockReport], None] | None = None,
        on_offence: Callable[[Offence], None] | None = None,
    ) -> None:
        """`origins` None only for a chain without system transactions (the embedded L1)."""
        if origins is None and blockchain.rules.system_transactions:
            raise ValueError("a chain with system transactions needs a source of L1 origins")
        self.blockchain = blockchain
        self._rules = blockchain.rules
        self.committer = committer
        self._mempool = mempool
        self._origins = origins
        self.clock = clock
        self._beneficiary = beneficiary
        self._on_report = on_report
        self._on_offence = on_offence
        self._pace = BlockPace(blockchain.rules.block_time_ms)
        self.max_bytes = blockchain.rules.max_block_bytes  # may be lowered while batches lag
        self.gas_target = GasTarget(blockchain.rules.gas_limit, blockchain.rules.block_time_ms)

    async def build(
        self, parent: SealedHeader, sequencing: Sequencing | None = None
    ) -> BuiltBlock | None:
        """The next block, now. None where another block became the head meanwhile.

        Raises only what leaves no way on: errors of the store, or an empty block that does not
        verify."""
        template = await self._template(parent, sequencing)
        if self.blockchain.head is not parent:
            return None
        candidates = self._mempool.candidates(
            template.base_fee, gas_limit=self.gas_target.gas, max_bytes=self.max_bytes
        )
        window = None if sequencing is None else sequencing.window
        try:
            return await self._built(template, candidates, window)
        except InvalidBlock as error:
            if self.blockchain.head is not parent:
                return None
            if not candidates:
                raise
            log.error("own block refused", number=template.number, reason=error.message)
            built = await self._built(template, [], window)
            await self._drop_offender(candidates, error, sequencing)
            return built

    # --- one block ---------------------------------------------------------------------------

    def _due_ms(self, parent: SealedHeader) -> int:
        return earliest_time_ms(parent.header, self._rules)

    def _stamp_ms(self, parent: SealedHeader) -> int:
        """The block's time: when it was due, so that timers do not make the chain drift; after a
        pause longer than a block, now."""
        due, now = self._due_ms(parent), self.clock.now_ms()
        return due if now - due < self._rules.block_time_ms else now

    async def _template(self, parent: SealedHeader, sequencing: Sequencing | None) -> BlockTemplate:
        if not self._rules.system_transactions:
            return l1_template(
                parent,
                self._rules,
                time_ms=self._stamp_ms(parent),
                beneficiary=self._beneficiary,
            )
        origin = await self._origin(parent)
        return l2_template(
            parent,
            self._rules,
            time_ms=self._stamp_ms(parent),
            origin=origin,
            beneficiary=self._beneficiary,
            record=None if sequencing is None else sequencing.record,
        )

    async def _origin(self, parent: SealedHeader) -> L1Origin:
        """The origin of the next block. While L1 shows none that is young enough, the chain waits
        and says why."""
        assert self._origins is not None
        behind = decode_extra_data(parent.header.extra_data).origin_number
        waiting = False
        while True:
            seconds = self._stamp_ms(parent) // 1000
            origin = self._origins.origin_for(behind, seconds)
            if origin is not None:
                return origin
            if not waiting:
                waiting = True
                log.warning("waiting for an L1 block young enough to be the origin", behind=behind)
            await self._origins.changed()

    async def _built(
        self,
        template: BlockTemplate,
        candidates: Sequence[Transaction],
        window: EpochWindow | None,
    ) -> BuiltBlock:
        clock = asyncio.get_running_loop().time
        late_ms = max(0, self.clock.now_ms() - self._due_ms(self.blockchain.head))
        budget_ms = self._pace.build_budget_ms(late_ms)
        started = clock()
        built = await self.committer.run(self._build, template, candidates, budget_ms)
        built_at = clock()
        body = _body(template, built, candidates)
        verified = await self.committer.verify(built.header, body, window)
        build_ms, import_ms = (built_at - started) * 1000, (clock() - built_at) * 1000
        self._pace.observe(budget_ms, build_ms + import_ms, exhausted=built.deadline_hit)
        self._drop_impossible(built, candidates)
        if self._on_report is not None:
            self._on_report(
                BlockReport(
                    number=template.number,
                    transactions=len(built.included),
                    candidates=len(candidates),
                    gas_used=built.gas_used,
                    build_ms=build_ms,
                    import_ms=import_ms,
                    late_ms=late_ms,
                    deadline_hit=built.deadline_hit,
                )
            )
        return BuiltBlock(verified=verified, body=tuple(body))

    def _build(
        self, template: BlockTemplate, candidates: Sequence[Transaction], budget_ms: int | None
    ) -> Built:
        """Execution thread."""
        return self.blockchain.engine.build(
            template.header,
            template.system,
            candidates,
            max_bytes=self.max_bytes,
            deadline_ms=budget_ms,
        )

    # --- transactions that cannot be in a block ----------------------------------------------

    def _drop_impossible(self, built: Built, candidates: Sequence[Transaction]) -> None:
        """Take out of the pool what the build says no block will ever take."""
        for skipped in built.skipped:
            if skipped.code in DROP_CODES:
                self._drop(candidates[skipped.index], f"{skipped.code}: {skipped.message}")

    async def _drop_offender(
        self,
        candidates: Sequence[Transaction],
        error: InvalidBlock,
        sequencing: Sequencing | None,
    ) -> None:
        """Find the transaction whose presence makes a built block fail its own import, by
        halving the candidates on the present head."""
        index = await self.committer.run(self._first_bad, candidates, sequencing)
        if index is None:
            log.error("the refused block cannot be reproduced: no transaction is dropped")
            return
        self._drop(candidates[index], error.message)

    def _first_bad(
        self, candidates: Sequence[Transaction], sequencing: Sequencing | None
    ) -> int | None:
        """Execution thread. Index of the last transaction of the shortest run of candidates from
        the first one whose block does not verify; None where all verify."""
        if self._verifies(candidates, sequencing):
            return None
        good, bad = 0, len(candidates)
        while bad - good > 1:
            middle = (good + bad) // 2
            if self._verifies(candidates[:middle], sequencing):
                good = middle
            else:
                bad = middle
        return bad - 1

    def _verifies(self, candidates: Sequence[Transaction], sequencing: Sequencing | None) -> bool:
        """Build and verify without writing anything."""
        template = self._probe_template(self.blockchain.head, sequencing)
        built = self._build(template, candidates, None)
        transactions = _body(template, built, candidates)
        try:
            self.blockchain.engine.verify(built.header, transactions)
        except InvalidBlock:
            return False
        return True

    def _probe_template(self, parent: SealedHeader, sequencing: Sequencing | None) -> BlockTemplate:
        """A block on the head that is never written, with the origin the head has."""
        time_ms = self._due_ms(parent)
        if not self._rules.system_transactions:
            return l1_template(parent, self._rules, time_ms=time_ms, beneficiary=self._beneficiary)
        header = parent.header
        origin = L1Origin(
            number=decode_extra_data(header.extra_data).origin_number,
            hash=header.parent_beacon_block_root,
            timestamp=header.timestamp,
            base_fee_per_gas=0,
            blob_base_fee=0,
            prev_randao=header.mix_hash,
        )
        return l2_template(
            parent,
            self._rules,
            time_ms=time_ms,
            origin=origin,
            beneficiary=self._beneficiary,
            record=None if sequencing is None else sequencing.record,
        )

    def _drop(self, transaction: Transaction, reason: str) -> None:
        if not self._mempool.drop(transaction.hash):
            return
        offence = Offence(
            transaction_hash=Hash32(transaction.hash),
            sender=Address(transaction.sender),
            block_number=self.blockchain.head.number,
            reason=reason,
        )
        log.warning(
            "transaction dropped",
            hash="0x" + offence.transaction_hash.hex(),
            sender="0x" + offence.sender.hex(),
            reason=reason,
        )
        if self._on_offence is not None:
            self._on_offence(offence)


def _body(
    template: BlockTemplate, built: Built, candidates: Sequence[Transaction]
) -> list[bytes | Transaction]:
    """What the import executes: nothing of the build but the order."""
    return [*template.system, *[candidates[index] for index in built.included]]
