"""Fee arithmetic of EIP-1559, EIP-4844 and EIP-7918, and which fork holds when. Integers only."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.blocks import Header
from metis_node.types.rules import ChainRules

GAS_PER_BLOB = 1 << 17  # EIP-4844
MIN_BLOB_BASE_FEE = 1  # wei, EIP-4844
BLOB_BASE_COST = 1 << 13  # EIP-7918
MAX_TRANSACTION_GAS = 1 << 24  # EIP-7825, from Osaka
FORK_ORDER = ("cancun", "prague", "osaka")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSchedule:
    """Blobs per block and how fast their fee moves (EIP-7840)."""

    target: int
    maximum: int
    base_fee_update_fraction: int


BLOB_SCHEDULES = {
    "cancun": BlobSchedule(target=3, maximum=6, base_fee_update_fraction=3_338_477),
    "prague": BlobSchedule(target=6, maximum=9, base_fee_update_fraction=5_007_716),
    "osaka": BlobSchedule(target=6, maximum=9, base_fee_update_fraction=5_007_716),
}


def fork_at(rules: ChainRules, timestamp: int) -> str:
    """Name of the fork that holds at a block time in seconds."""
    name = rules.forks[0].name
    for fork in rules.forks:
        if fork.timestamp <= timestamp:
            name = fork.name
    return name


def is_osaka(rules: ChainRules, timestamp: int) -> bool:
    return fork_at(rules, timestamp) == "osaka"


def next_base_fee(parent: Header, rules: ChainRules) -> int:
    """Base fee of the block after `parent`, wei (EIP-1559), never below the chain's floor."""
    target = parent.gas_limit // rules.elasticity_multiplier
    fee, used = parent.base_fee_per_gas, parent.gas_used
    denominator = target * rules.base_fee_max_change_denominator
    if used > target:
        fee += max(fee * (used - target) // denominator, 1)
    elif used < target:
        fee -= fee * (target - used) // denominator
    return max(fee, rules.min_base_fee_per_gas)


def effective_tip(fee_cap: int, tip_cap: int, base_fee: int) -> int:
    """What the builder earns per gas, wei; negative where the cap does not reach the base fee."""
    return min(tip_cap, fee_cap - base_fee)


def blob_base_fee(excess_blob_gas: int, schedule: BlobSchedule) -> int:
    """Wei per blob gas (EIP-4844)."""
    return fake_exponential(MIN_BLOB_BASE_FEE, excess_blob_gas, schedule.base_fee_update_fraction)


def next_excess_blob_gas(parent: Header, rules: ChainRules, timestamp: int) -> int:
    """Excess blob gas of the block after `parent` that has `timestamp` (EIP-4844, EIP-7918)."""
    fork = fork_at(rules, timestamp)
    schedule = BLOB_SCHEDULES[fork]
    total = parent.excess_blob_gas + parent.blob_gas_used
    target = schedule.target * GAS_PER_BLOB
    if total < target:
        return 0
    if fork == "osaka":
        blob_fee = GAS_PER_BLOB * blob_base_fee(parent.excess_blob_gas, schedule)
        if BLOB_BASE_COST * parent.base_fee_per_gas > blob_fee:
            spare = schedule.maximum - schedule.target
            return parent.excess_blob_gas + parent.blob_gas_used * spare // schedule.maximum
    return total - target


def fake_exponential(factor: int, numerator: int, denominator: int) -> int:
    """factor * e ** (numerator / denominator) by Taylor expansion (EIP-4844)."""
    i, output = 1, 0
    term = factor * denominator
    while term > 0:
        output += term
        term = term * numerator // (denominator * i)
        i += 1
    return output // denominator
