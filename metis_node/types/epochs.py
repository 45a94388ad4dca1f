"""Validators, and what a block says of epochs. Rules are in `staking/`, encodings in `codec/`."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.primitives import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """A sequencer with power."""

    sequencer_id: int
    signer: Address
    power: int  # gwei of stake, above zero


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochOpening:
    """The arguments of `openEpoch`: what the first block of an epoch says of it."""

    epoch: int
    length: int  # blocks
    stake_block: int  # L1 block that fixed set and parameters; 0 for a static set
    version: int  # of the signing domain: 1, and one more for every restart
    order: tuple[Validator, ...]  # the elected first


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencingRecord:
    """What the system transactions and the header of one block say of epoch, builder and votes.

    Made by `staking.epochs.EpochWindow.record`; input of `engine.block_template.l2_template`.
    """

    epoch: int
    stake_block: int
    place: int  # of the builder, in the order of the epoch
    seats: int  # of the bigger of the epoch and the one before it: what the gas must hold
    participation: tuple[int, ...]  # bit i of item k: place i precommitted the block k + 1 below
    opening: EpochOpening | None  # in the first block of an epoch, and only there
