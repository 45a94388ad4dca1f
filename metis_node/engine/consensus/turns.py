"""Whose turn the next block is, read from the head alone: for whoever asks, outside the host."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.chain.blockchain import Blockchain
from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.ports import EpochSource
from metis_node.staking.epochs import Epoch
from metis_node.types.epochs import Validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Round 0 of a height."""

    height: int
    epoch: Epoch
    place: int  # in the order of the epoch

    @property
    def validator(self) -> Validator:
        """The active sequencer."""
        return self.epoch.order[self.place]


def next_turn(chain: Blockchain, epochs: EpochSource) -> Turn | None:
    """Of the block after the head; None while its epoch is not decided. Event loop only."""
    head = chain.head
    height = head.number + 1
    epoch = epochs.epoch_of(height)
    if epoch is None:
        return None
    index = decode_extra_data(head.header.extra_data).builder_index
    return Turn(height=height, epoch=epoch, place=epoch.base(height, index))
