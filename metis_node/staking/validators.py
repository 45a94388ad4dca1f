"""A validator and the state of a sequencer, as of one L1 block."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.staking.facts import Status
from metis_node.types.epochs import Validator
from metis_node.types.primitives import Address

__all__ = ["Sequencer", "Validator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequencer:
    """Everything that is known of a sequencer at one L1 block."""

    sequencer_id: int
    signer: Address  # zero before its first seat
    power: int
    status: Status
    jailed: bool
    tombstoned: bool
    locked: int  # wei of METIS
    unbonding: int  # wei of METIS
