"""What the contracts on L1 announce, as far as it decides who validates and under which rules.

Frozen values alone: reading them from logs is in `l1/staking_events.py`, what they add up to is in
`registry.py`, their bytes are in `fact_codec.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from metis_node.types.primitives import Address


class Status(IntEnum):
    """`ILockingPool.Status`."""

    UNAVAILABLE = 0
    INACTIVE = 1
    ACTIVE = 2
    UNLOCKED = 3
    PENDING = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatChanged:
    """The checkpoint that the pool wrote: from this block on, this signer with this power."""

    sequencer_id: int
    signer: Address
    power: int  # gwei of stake
    total_power: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeChanged:
    """Stake and standing of a sequencer from this block on. Amounts in wei of METIS."""

    sequencer_id: int
    status: Status
    jailed: bool
    tombstoned: bool  # jailed for ever
    locked: int
    unbonding: int  # on its way out, slashable until it is


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSet:
    """Governance set a parameter; it acts from this block on."""

    key: str
    value: int


Fact: TypeAlias = SeatChanged | StakeChanged | ParameterSet
