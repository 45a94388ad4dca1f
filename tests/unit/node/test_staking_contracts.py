"""The addresses file decides whether and which staking contracts are followed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from metis_node.engine.staking_book import StakingSource
from metis_node.errors import InvalidConfig
from metis_node.l1.deployment.record import NAMES, DeployedCode, DeploymentRecord
from metis_node.node.config import Config, load_config
from metis_node.node.deployment_file import write_record
from metis_node.node.staking_contracts import Unfinished, staking_source
from metis_node.types.primitives import Address, Hash32
from metis_node.types.rules import ChainRules, ConsensusRules, Fork, StakedSet

RULES = ChainRules(
    chain_id=901,
    forks=(Fork(timestamp=0, name="prague"),),
    gas_limit=30_000_000,
    l1_chain_id=900,
    l1_start=120,
)
ADDRESSES = {name: Address(bytes((i,)) * 20) for i, name in enumerate(NAMES, 1)}
CODES = {
    name: DeployedCode(address=address, code_hash=Hash32(bytes(32)))
    for name, address in ADDRESSES.items()
}
RECORD = DeploymentRecord(
    name="test",
    l1_chain_id=900,
    l2_chain_id=901,
    deployer=Address(b"\x99" * 20),
    wish=Hash32(bytes(32)),
    first_block=100,
    software="test",
    addresses=ADDRESSES,
    codes=CODES,
)


def config_of(directory: Path, **flags: object) -> Config:
    return load_config(flags={"chain.data_dir": str(directory), **flags}, environment={}).config


def test_without_a_file_nothing_is_followed(tmp_path: Path) -> None:
    assert staking_source(config_of(tmp_path), RULES) is None


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    config = config_of(tmp_path, **{"l1.contracts": str(tmp_path / "other.json")})
    with pytest.raises(InvalidConfig, match=r"no addresses file .*other.json"):
        staking_source(config, RULES)


@pytest.mark.parametrize(("first_block", "start"), [(100, 99), (200, 120), (0, 0)])
def test_the_contracts_are_followed_from_deployment_or_genesis(
    tmp_path: Path, first_block: int, start: int
) -> None:
    write_record(tmp_path / "l1-contracts.json", replace(RECORD, first_block=first_block))
    found = staking_source(config_of(tmp_path), RULES)
    assert isinstance(found, StakingSource)
    assert (found.pool, found.parameters) == (
        ADDRESSES["LockingPool"],
        ADDRESSES["NetworkParameters"],
    )
    assert found.start == start


def test_an_unfinished_deployment_is_waited_for(tmp_path: Path) -> None:
    write_record(tmp_path / "l1-contracts.json", replace(RECORD, codes={}))
    found = staking_source(config_of(tmp_path), RULES)
    assert isinstance(found, Unfinished)
    assert "give the same `metis-node l1 deploy` again" in found.why


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (replace(RECORD, l1_chain_id=1), "is of L1 chain 1, the genesis file names 900"),
        (replace(RECORD, l2_chain_id=1), "is of L2 chain 1, the genesis file names 901"),
    ],
)
def test_a_file_of_another_network_is_refused(
    tmp_path: Path, record: DeploymentRecord, words: str
) -> None:
    write_record(tmp_path / "l1-contracts.json", record)
    with pytest.raises(InvalidConfig, match=words):
        staking_source(config_of(tmp_path), RULES)


# --- named by the genesis file ------------------------------------------------------------------

NAMED = StakedSet(
    locking_pool=ADDRESSES["LockingPool"],
    network_parameters=ADDRESSES["NetworkParameters"],
    first_block=100,
)
STAKED = replace(RULES, consensus=ConsensusRules(source=NAMED))


@pytest.mark.parametrize(("first_block", "start"), [(100, 99), (200, 120), (0, 0)])
def test_contracts_of_the_genesis_file_are_followed_without_any_other(
    tmp_path: Path, first_block: int, start: int
) -> None:
    source = replace(NAMED, first_block=first_block)
    found = staking_source(
        config_of(tmp_path), replace(RULES, consensus=ConsensusRules(source=source))
    )
    assert found == StakingSource(
        pool=NAMED.locking_pool, parameters=NAMED.network_parameters, start=start
    )


def test_the_addresses_file_must_agree_with_the_genesis_file(tmp_path: Path) -> None:
    write_record(tmp_path / "l1-contracts.json", RECORD)
    assert isinstance(staking_source(config_of(tmp_path), STAKED), StakingSource)
    other = ConsensusRules(source=replace(NAMED, locking_pool=Address(b"\x77" * 20)))
    with pytest.raises(InvalidConfig, match="the genesis file names 0x7777"):
        staking_source(config_of(tmp_path), replace(RULES, consensus=other))
