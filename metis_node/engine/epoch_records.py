"""What the sequencers of an epoch did, as `SequencerSet` counted it: of the newest two epochs from
its storage, of older ones from the event with which their record was closed."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.chain.queries import Queries
from metis_node.codec.hashes import keccak256
from metis_node.codec.sequencer_transactions import SEQUENCER_SET
from metis_node.engine.ports import EpochSource
from metis_node.execution.engine import Engine
from metis_node.execution.sequencer_set import SequencerSetState
from metis_node.staking.epochs import LATE_HEIGHTS, Epoch
from metis_node.staking.rewards import EpochRecord, closed_record
from metis_node.types.primitives import Hash32

EPOCH_CLOSED = keccak256(
    b"EpochClosed(uint256,bytes32,(uint64,uint64,uint64,(uint64,uint32,uint32,uint32,uint64)[]))"
)

RECORD_INDEX = 1  # of `recordBlock` in a block that opens no epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEpoch:
    """`record_hash` is None while the record is open."""

    epoch: Epoch
    record: EpochRecord
    record_hash: Hash32 | None


class EpochRecords:
    """To be asked on the event loop."""

    def __init__(self, *, epochs: EpochSource, queries: Queries, engine: Engine) -> None:
        self._epochs = epochs
        self._queries = queries
        self._engine = engine

    def counted(self, number: int | None = None) -> CountedEpoch | None:
        """Of an epoch that has begun; None: that of the head."""
        head = self._queries.head.number
        epoch = self._epochs.epoch_of(head) if number is None else self._epochs.epoch(number)
        if epoch is None or epoch.start > head:
            return None
        state = SequencerSetState(self._engine, head)
        record = state.record(epoch.number) or self._closed(epoch)
        if record is None:
            return None
        return CountedEpoch(epoch=epoch, record=record, record_hash=state.record_hash(epoch.number))

    def _closed(self, epoch: Epoch) -> EpochRecord | None:
        """By the `recordBlock` of the block that closes it, which opens no epoch."""
        closing = self._queries.record(epoch.end + LATE_HEIGHTS, RECORD_INDEX)
        wanted = epoch.number.to_bytes(32, "big")
        for entry in closing.logs if closing is not None else ():
            if entry.address == SEQUENCER_SET and entry.topics == [EPOCH_CLOSED, wanted]:
                return closed_record(entry.data)
        return None
