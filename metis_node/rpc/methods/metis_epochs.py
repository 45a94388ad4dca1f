"""metis_: epochs, whose turn a block is, and what the sequencers of an epoch did.

On a chain with validators all of it is the chain's own; null on another, but for `metis_epoch`,
which then tells the order that stake alone would give.
"""

from __future__ import annotations

from typing import Any

from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.epoch_records import CountedEpoch, EpochRecords
from metis_node.engine.ports import EpochSource
from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.method import Method
from metis_node.rpc.methods.metis_staking import number_or_latest, validator_view
from metis_node.rpc.session import Session
from metis_node.staking.epochs import Epoch
from metis_node.staking.rewards import SequencerRecord
from metis_node.types.epochs import Validator

Json = dict[str, Any]


class MetisEpochs:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def methods(self) -> list[Method]:
        return [
            Method("metis_epoch", self.epoch),
            Method("metis_schedule", self.schedule),
            Method("metis_participation", self.participation),
        ]

    def epoch(self, params: list[Any], _session: Session) -> Any:
        """By number, or the newest that is decided. Null for one that is not decided yet."""
        hexadecimal.reject_more(params, 1)
        number = number_or_latest(params, "epoch")
        staking, source = self._backend.staking(), self._backend.epochs
        if source is not None:
            found = source.newest() if number is None else source.epoch(number)
        elif staking is not None:
            found = staking.epochs.newest() if number is None else staking.epochs.epoch(number)
        else:
            return None
        return _epoch(found) if found is not None else None

    def schedule(self, params: list[Any], _session: Session) -> Any:
        """Whose turn the rounds of a height are, by default of the next one: as it was, or, for
        heights to come, if the pen stays where it is. Null where it is not decided yet."""
        hexadecimal.reject_more(params, 1)
        height = number_or_latest(params, "height")
        source = self._backend.epochs
        if source is None:
            return None
        if height is None:
            height = self._backend.blockchain.head.number + 1
        epoch = source.epoch_of(height)
        return self._schedule(height, epoch) if epoch is not None else None

    def participation(self, params: list[Any], _session: Session) -> Any:
        """What the sequencers of an epoch did, by default of the one that runs. Null for one that
        has not begun."""
        hexadecimal.reject_more(params, 1)
        number = number_or_latest(params, "epoch")
        source = self._backend.epochs
        if source is None:
            return None
        counted = self._records(source).counted(number)
        return _counted(counted) if counted is not None else None

    def _records(self, source: EpochSource) -> EpochRecords:
        backend = self._backend
        return EpochRecords(
            epochs=source, queries=backend.queries, engine=backend.blockchain.engine
        )

    def _schedule(self, height: int, epoch: Epoch) -> Json:
        head = self._backend.blockchain.head.number
        before = self._backend.queries.header_by_number(min(height - 1, head))
        assert before is not None
        extra = decode_extra_data(before.header.extra_data)
        begun = height > epoch.start and extra.epoch == epoch.number and before.number > 0
        base = epoch.base(height, extra.builder_index if begun else 0)
        return {
            "height": hex(height),
            "epoch": hex(epoch.number),
            "base": hex(base),
            "rounds": [
                {"round": hex(turn), **validator_view(epoch.proposer(base, turn))}
                for turn in range(len(epoch.order))
            ],
        }


def _epoch(found: Epoch) -> Json:
    return {
        "epoch": hex(found.number),
        "firstBlock": hex(found.start),
        "lastBlock": hex(found.end),
        "stakeBlock": hex(found.stake_block),
        "seedBlock": hex(found.seed_block),
        "seed": views.hex_data(found.seed),
        "carried": found.is_carried,
        "totalPower": hex(found.total_power),
        "order": [validator_view(validator) for validator in found.order],
    }


def _counted(counted: CountedEpoch) -> Json:
    record, digest = counted.record, counted.record_hash
    return {
        "epoch": hex(counted.epoch.number),
        "firstBlock": hex(record.start),
        "lastBlock": hex(record.end),
        "closed": digest is not None,
        "recordHash": views.hex_data(digest) if digest is not None else None,
        "sequencers": [
            _done(validator, done)
            for validator, done in zip(counted.epoch.order, record.sequencers, strict=True)
        ],
    }


def _done(validator: Validator, done: SequencerRecord) -> Json:
    return {
        **validator_view(validator),
        "blocksBuilt": hex(done.blocks_built),
        "turnsMissed": hex(done.turns_missed),
        "votesRecorded": hex(done.votes_recorded),
        "blockPay": hex(done.block_pay),
    }
