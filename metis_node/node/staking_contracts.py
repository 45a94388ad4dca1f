"""Which staking contracts this node follows: those that the genesis file names, else those of the
network's addresses file.

The file may appear, or be finished, while the node runs: on a devnet it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metis_node.engine.staking_book import StakingSource
from metis_node.errors import InvalidConfig
from metis_node.node.config import Config
from metis_node.node.deployment_file import read_record
from metis_node.types.rules import ChainRules, StakedSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Contracts whose deployment is under way, or was left. `why` says what to do."""

    why: str


def staking_source(config: Config, rules: ChainRules) -> StakingSource | Unfinished | None:
    """None on a network without contracts: no file is named and none is at the usual place.

    InvalidConfig where the file is of other chains, or names other contracts than the genesis file.
    """
    if rules.consensus is not None and isinstance(rules.consensus.source, StakedSet):
        return _genesis_source(config, rules, rules.consensus.source)
    return _filed_source(config, rules)


def _genesis_source(config: Config, rules: ChainRules, named: StakedSet) -> StakingSource:
    filed = _filed_source(config, rules)
    if isinstance(filed, StakingSource) and filed.pool != named.locking_pool:
        raise InvalidConfig(
            f"the addresses file {config.contracts_file} has the LockingPool 0x{filed.pool.hex()}, "
            f"the genesis file names 0x{named.locking_pool.hex()}: name the right file in "
            "l1.contracts"
        )
    return StakingSource(
        pool=named.locking_pool,
        parameters=named.network_parameters,
        start=_start(named.first_block, rules),
    )


def _filed_source(config: Config, rules: ChainRules) -> StakingSource | Unfinished | None:
    path = config.contracts_file
    if config.l1.contracts is None and not path.exists():
        return None
    record = read_record(path)
    _require_chain(path, "L1 chain", record.l1_chain_id, rules.l1_chain_id)
    _require_chain(path, "L2 chain", record.l2_chain_id, rules.chain_id)
    if not record.is_complete:
        return Unfinished(
            why=f"the deployment that {path} describes is not finished: if none runs, give the "
            "same `metis-node l1 deploy` again, it goes on where it stopped"
        )
    return StakingSource(
        pool=record.addresses["LockingPool"],
        parameters=record.addresses["NetworkParameters"],
        start=_start(record.first_block, rules),
    )


def _start(first_block: int, rules: ChainRules) -> int:
    """Seed blocks count from the genesis block on, events from the deployment on."""
    return max(min(first_block, rules.l1_start + 1) - 1, 0)


def _require_chain(path: Path, name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise InvalidConfig(
            f"the addresses file {path} is of {name} {found}, the genesis file names {wanted}: "
            "name the right file in l1.contracts"
        )
