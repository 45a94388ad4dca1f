"""The part of a genesis file that makes a chain one of validators: `rules.consensus`.

    {"validators": [{"id", "signer", "power"}], "epoch_length"?: blocks, "timeouts"?: {...}}
    {"staking": {"locking_pool", "network_parameters", "first_block"}, "timeouts"?: {...}}

The first names a static set, the second the contracts on L1 that stake is in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from metis_node.codec.sequencer_transactions import (
    MAX_SEATS,
    ORDINARY_BLOCK_GAS,
    open_epoch_gas,
    record_block_gas,
)
from metis_node.codec.system_transaction import GAS_LIMIT as L1_BLOCK_GAS
from metis_node.errors import InvalidConfig
from metis_node.execution import json_fields as read
from metis_node.staking.epochs import DEFAULT_LENGTH, MAX_LENGTH, MIN_LENGTH
from metis_node.types.epochs import Validator
from metis_node.types.primitives import ZERO_ADDRESS
from metis_node.types.rules import ChainRules, ConsensusRules, StakedSet, StaticSet, Timeouts

MIN_TIMEOUT_MS = 10
MAX_TIMEOUT_MS = 600_000
MIN_BLOCK_BYTES = 64 << 10  # an opening of 256 seats has 25 KB
U64 = (1 << 64) - 1

_KEYS = {"validators", "epoch_length", "staking", "timeouts"}


def consensus_rules(value: object, path: str) -> ConsensusRules:
    """Raises InvalidConfig with the path of the wrong field."""
    entries = read.record(value, path, _KEYS)
    timeouts = _timeouts(entries.get("timeouts", {}), f"{path}.timeouts")
    return ConsensusRules(source=_source(entries, path), timeouts=timeouts)


def check_consensus(rules: ChainRules) -> None:
    """What the other rules must be beside it. Raises InvalidConfig."""
    if rules.consensus is None:
        return
    if not rules.system_transactions:
        raise InvalidConfig(
            "genesis: rules.consensus needs rules.system_transactions: blocks record their builder"
        )
    if rules.max_block_bytes < MIN_BLOCK_BYTES:
        raise InvalidConfig(
            f"genesis: rules.max_block_bytes is {rules.max_block_bytes}, with rules.consensus it "
            f"must be at least {MIN_BLOCK_BYTES}: the opening of an epoch must fit"
        )
    least = least_gas_limit(rules.consensus)
    if rules.gas_limit < least:
        raise InvalidConfig(
            f"genesis: rules.gas_limit is {rules.gas_limit}, these validators need at least "
            f"{least}: what opens an epoch must fit into one block"
        )


def least_gas_limit(consensus: ConsensusRules) -> int:
    """Room for the system transactions of one block, of as many seats as there can be (K6)."""
    source = consensus.source
    seats = len(source.validators) if isinstance(source, StaticSet) else MAX_SEATS
    limits = L1_BLOCK_GAS + open_epoch_gas(seats) + record_block_gas(seats)
    return max(limits, 2 * ORDINARY_BLOCK_GAS)


def _source(entries: dict[str, Any], path: str) -> StaticSet | StakedSet:
    if ("validators" in entries) == ("staking" in entries):
        raise InvalidConfig(
            f"genesis: {path} needs either validators (a static set) or staking (contracts on L1)"
        )
    if "staking" in entries:
        if "epoch_length" in entries:
            raise InvalidConfig(
                f"genesis: {path}.epoch_length stands beside staking: remove it, the length of an "
                "epoch is a parameter on L1 there"
            )
        return _staked(entries["staking"], f"{path}.staking")
    return StaticSet(
        validators=_validators(entries["validators"], f"{path}.validators"),
        epoch_length=read.integer(
            entries.get("epoch_length", DEFAULT_LENGTH),
            f"{path}.epoch_length",
            low=MIN_LENGTH,
            high=MAX_LENGTH,
        ),
    )


def _staked(value: object, path: str) -> StakedSet:
    entries = read.record(value, path, {field.name for field in fields(StakedSet)})
    return StakedSet(
        locking_pool=read.address(
            read.required(entries, "locking_pool", path), f"{path}.locking_pool"
        ),
        network_parameters=read.address(
            read.required(entries, "network_parameters", path), f"{path}.network_parameters"
        ),
        first_block=read.integer(
            read.required(entries, "first_block", path), f"{path}.first_block"
        ),
    )


def _validators(value: object, path: str) -> tuple[Validator, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_SEATS:
        raise InvalidConfig(f"genesis: {path} is not a list of 1 to {MAX_SEATS} validators")
    found = tuple(_validator(entry, f"{path}[{index}]") for index, entry in enumerate(value))
    _refuse_twice([entry.sequencer_id for entry in found], path, "id")
    _refuse_twice([entry.signer for entry in found], path, "signer")
    total = sum(entry.power for entry in found)
    if total > U64:
        raise InvalidConfig(f"genesis: {path}: all power is {total}, expected at most {U64}")
    return found


def _validator(value: object, path: str) -> Validator:
    entries = read.record(value, path, {"id", "signer", "power"})
    signer = read.address(read.required(entries, "signer", path), f"{path}.signer")
    if signer == ZERO_ADDRESS:
        raise InvalidConfig(f"genesis: {path}.signer is zero: nobody has its key")
    return Validator(
        sequencer_id=read.integer(read.required(entries, "id", path), f"{path}.id", low=1),
        signer=signer,
        power=read.integer(read.required(entries, "power", path), f"{path}.power", low=1),
    )


def _refuse_twice(values: Sequence[object], path: str, name: str) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise InvalidConfig(f"genesis: {path}[{index}].{name} stands there twice")


def _timeouts(value: object, path: str) -> Timeouts:
    entries = read.record(value, path, {field.name for field in fields(Timeouts)})
    return Timeouts(
        **{
            name: read.integer(entry, f"{path}.{name}", low=MIN_TIMEOUT_MS, high=MAX_TIMEOUT_MS)
            for name, entry in entries.items()
        }
    )
