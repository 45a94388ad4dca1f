"""The epochs of a chain with validators, in their true order.

An epoch that has begun is what its first block says: every node checked that before it took the
block. The next one follows from the plan (stake and randomness) and from the participation that the
state of the last block of this epoch shows; before that block it is not decided. So nothing here
must be remembered, and no state older than the head's is read.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import structlog

from metis_node._native import TransactionRecord
from metis_node.chain import block_store
from metis_node.chain.blockchain import Blockchain
from metis_node.codec.extra_data import decode_extra_data
from metis_node.codec.sequencer_transactions import decode_open_epoch
from metis_node.engine.ports import EpochPlan
from metis_node.errors import CorruptStore
from metis_node.execution.sequencer_set import SequencerSetState
from metis_node.staking.epochs import (
    Epoch,
    EpochWindow,
    absent_last,
    absent_validators,
    epoch_of_opening,
)
from metis_node.staking.static_epochs import StaticEpochs
from metis_node.storage.tables import record_key
from metis_node.types.blocks import SealedHeader
from metis_node.types.rules import StaticSet

MAX_CACHED = 64  # epochs; a node asks for the last few
OPENING_INDEX = 1  # of `openEpoch` in the first block of an epoch

log = structlog.get_logger(__name__)


class ChainEpochs:
    """An `EpochSource`. To be asked on the event loop."""

    def __init__(self, *, blockchain: Blockchain, plan: EpochPlan | None) -> None:
        """`plan` None: it is not known here (yet) what stake decides."""
        self._plan = plan
        self._chain = blockchain
        self._begun: OrderedDict[int, Epoch] = OrderedDict()
        self._next: tuple[bytes, Epoch, Epoch] | None = None  # head, as planned, as it will be

    @property
    def has_plan(self) -> bool:
        """Without one the next epoch is known from the block that opens it alone."""
        return self._plan is not None

    def follow(self, plan: EpochPlan) -> None:
        """Take what stake decides from here: the contracts are known now."""
        self._plan = plan
        self._begun.clear()
        self._next = None

    def epoch(self, number: int) -> Epoch | None:
        """None where it is not decided yet."""
        current = self._current_number()
        if 0 <= number <= current:
            return self._begun_epoch(number)
        return self._following() if number == current + 1 else None

    def epoch_of(self, height: int) -> Epoch | None:
        """The epoch of a block, past or coming; None where it is not decided yet."""
        head = self._chain.head
        if height < 1:
            return None
        if height < head.number:
            return self.epoch(_epoch_number(block_store.require_header(self._chain.store, height)))
        found = self.newest()
        while found is not None and height < found.start and found.number:
            found = self.epoch(found.number - 1)
        return found if found is not None and found.start <= height <= found.end else None

    def window_of(self, height: int) -> EpochWindow | None:
        """The epoch of a block with the one before it, for the rules on blocks."""
        current = self.epoch_of(height)
        if current is None:
            return None
        previous = self.epoch(current.number - 1) if current.number else None
        return EpochWindow(current=current, previous=previous)

    def newest(self) -> Epoch | None:
        """That of the head, or the next one where the head is the last block of its epoch."""
        current = self._current_number()
        return self.epoch(current + 1) or self.epoch(current)

    def _current_number(self) -> int:
        """Of the head; -1 before block 1."""
        head = self._chain.head
        return _epoch_number(head) if head.number else -1

    def _begun_epoch(self, number: int) -> Epoch:
        """What chance and stake decided is taken from the plan: the first block does not say it."""
        found = self._begun.get(number)
        if found is not None:
            return found
        found, planned = self._read(number), self._planned(number)
        if planned is not None:
            found = replace(
                found,
                seed_block=planned.seed_block,
                seed=planned.seed,
                is_carried=planned.is_carried,
            )
        if planned is not None or self._plan is None:
            self._keep(found)
        return found

    def _read(self, number: int) -> Epoch:
        """From its first block."""
        head = self._chain.head
        entry = SequencerSetState(self._chain.engine, head.number).entry(number)
        if entry is None:
            raise CorruptStore(f"the state of block {head.number} does not know epoch {number}")
        value = self._chain.store.get(record_key(entry.start, OPENING_INDEX))
        if value is None:
            raise CorruptStore(f"block {entry.start} lacks the opening of epoch {number}")
        raw = TransactionRecord.decode(value).raw
        return epoch_of_opening(decode_open_epoch(raw, entry.start), start=entry.start)

    def _planned(self, number: int) -> Epoch | None:
        """From the epoch before it, as the chain has that: nothing is computed from the start."""
        if self._plan is None:
            return None
        return self._plan.after(self._read(number - 1) if number else None)

    def _following(self) -> Epoch | None:
        """The epoch that begins with the block after the head."""
        head = self._chain.head
        number = self._current_number() + 1
        if number and head.number < self._begun_epoch(number - 1).end:
            return None
        planned = self._planned(number)
        if planned is None:
            return None
        if self._next is None or self._next[:2] != (head.hash, planned):
            if not _has_validators(planned):
                return None
            self._next = (head.hash, planned, self._decided(planned, head))
        return self._next[2]

    def _decided(self, planned: Epoch, head: SealedHeader) -> Epoch:
        if planned.is_carried:
            log.error(
                "an epoch has no validators of its own: the last ones stay",
                epoch=planned.number,
                stake_block=planned.stake_block,
            )
        if not head.number:
            return planned
        shown = SequencerSetState(self._chain.engine, head.number).participation()
        absent = absent_validators(planned.order, builders=shown.builders, named=shown.named)
        if 0 < len(absent) < len(planned.order):
            log.warning(
                "validators go behind all others: no vote of theirs was recorded",
                epoch=planned.number,
                sequencers=sorted(absent),
            )
        return replace(planned, order=absent_last(planned.order, absent))

    def _keep(self, found: Epoch) -> None:
        self._begun[found.number] = found
        if len(self._begun) > MAX_CACHED:
            self._begun.popitem(last=False)


def chain_epochs(blockchain: Blockchain) -> ChainEpochs | None:
    """Of a chain by its rules; None on one without validators. Staked sets still lack their plan:
    `engine.epoch_book.EpochBook` is one."""
    rules = blockchain.rules
    if rules.consensus is None:
        return None
    source, plan = rules.consensus.source, None
    if isinstance(source, StaticSet):
        plan = StaticEpochs(source, chain_id=rules.chain_id, genesis_hash=blockchain.genesis.hash)
    return ChainEpochs(blockchain=blockchain, plan=plan)


def _epoch_number(sealed: SealedHeader) -> int:
    return decode_extra_data(sealed.header.extra_data).epoch


def _has_validators(planned: Epoch) -> bool:
    if not planned.order:
        log.error("an epoch cannot begin: there never was a validator", epoch=planned.number)
    return bool(planned.order)
