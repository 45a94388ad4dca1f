"""Genesis files: the shipped ones, the devnet's own, and the words for broken ones."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from metis_node.errors import InvalidConfig, Temporary
from metis_node.execution.genesis import parse_genesis
from metis_node.node.devnet_directory import ChainChoices, DevnetDirectory, await_l1
from metis_node.node.devnet_genesis import (
    BATCHER_ACCOUNT,
    FUNDED_ACCOUNTS,
    FUNDS_WEI,
    L1_CHAIN_ID,
    layer1_genesis,
    layer2_genesis,
)
from metis_node.node.genesis_file import read_genesis_file, write_genesis_file
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import devnet_accounts

GENESIS_DIR = Path(__file__).parents[3] / "config" / "genesis"
ADDRESSES = [account.address for account in devnet_accounts(FUNDED_ACCOUNTS)]


def test_the_shipped_devnet_genesis_is_what_a_devnet_would_write() -> None:
    document = layer2_genesis(
        timestamp=1_760_000_000,
        funded=ADDRESSES,
        batch_submitter=ADDRESSES[BATCHER_ACCOUNT],
        l1_chain_id=L1_CHAIN_ID,
        l1_origin=None,
    )
    shipped = read_genesis_file(GENESIS_DIR / "devnet.json")
    assert shipped == parse_genesis(orjson.dumps(document))
    assert len(shipped.alloc) == FUNDED_ACCOUNTS
    assert {int(account["balance"], 16) for account in shipped.alloc.values()} == {FUNDS_WEI}


@pytest.mark.parametrize(
    ("name", "chain_id", "l1_chain_id"), [("sepolia", 59902, 11_155_111), ("mainnet", 1088, 1)]
)
def test_the_networks_genesis_lets_nobody_post_before_launch(
    name: str, chain_id: int, l1_chain_id: int
) -> None:
    rules = read_genesis_file(GENESIS_DIR / f"{name}.json").rules
    assert (rules.chain_id, rules.l1_chain_id) == (chain_id, l1_chain_id)
    assert rules.batch_submitter == bytes(20)


@pytest.mark.parametrize("fork", ["prague", "osaka"])
def test_the_embedded_l1_has_blobs_and_no_system_transactions(fork: str) -> None:
    document = layer1_genesis(timestamp=1, funded=ADDRESSES, fork=fork)
    rules = parse_genesis(orjson.dumps(document)).rules
    assert rules.blobs
    assert not rules.system_transactions
    assert rules.forks[-1].name == fork


def test_choices_are_rules_of_a_new_chain() -> None:
    choices = ChainChoices(gas_limit=30_000_000, block_time_ms=250)
    document = layer2_genesis(
        timestamp=1,
        funded=ADDRESSES,
        batch_submitter=ADDRESSES[0],
        l1_chain_id=1,
        l1_origin=None,
        rules=choices.given(),
    )
    rules = parse_genesis(orjson.dumps(document)).rules
    assert (rules.gas_limit, rules.block_time_ms, rules.chain_id) == (30_000_000, 250, 901)


def test_an_existing_chain_keeps_its_rules(tmp_path: Path) -> None:
    shipped = orjson.loads((GENESIS_DIR / "devnet.json").read_bytes())
    directory = DevnetDirectory(tmp_path)
    write_genesis_file(directory.genesis_file, shipped)
    l1 = JsonRpcClient(url="http://127.0.0.1:9")
    assert directory.reopen(l1, ChainChoices(chain_id=901)).rules.chain_id == 901
    with pytest.raises(InvalidConfig, match="was made with chain_id 901, not 5"):
        directory.reopen(l1, ChainChoices(chain_id=5))


def test_the_configuration_names_the_l1_of_today(tmp_path: Path) -> None:
    directory = DevnetDirectory(tmp_path)
    shipped = orjson.loads((GENESIS_DIR / "devnet.json").read_bytes())
    write_genesis_file(directory.genesis_file, shipped)
    before = '[l1]\nendpoints = ["http://127.0.0.1:1"]\nconfirmations = 1\n'
    directory.config_file.write_text(before)
    directory.reopen(JsonRpcClient(url="http://127.0.0.1:2"), ChainChoices())
    assert directory.config_file.read_text() == before.replace(':1"', ':2"')


def test_a_genesis_file_is_not_overwritten(tmp_path: Path) -> None:
    document = orjson.loads((GENESIS_DIR / "devnet.json").read_bytes())
    write_genesis_file(tmp_path / "g.json", document)
    with pytest.raises(FileExistsError):
        write_genesis_file(tmp_path / "g.json", document)


def test_a_broken_genesis_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"none\.json: No such file"):
        read_genesis_file(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(InvalidConfig, match=r"broken\.json.*JSON"):
        read_genesis_file(broken)
    document = orjson.loads((GENESIS_DIR / "devnet.json").read_bytes())
    document["rules"]["gas_limit"] = 1
    broken.write_bytes(orjson.dumps(document))
    with pytest.raises(InvalidConfig, match=r"broken\.json.*rules\.gas_limit"):
        read_genesis_file(broken)


def test_an_l1_that_stays_away_is_waited_for_only_so_long() -> None:
    with pytest.raises(Temporary, match=r"127\.0\.0\.1:9"):
        await_l1(JsonRpcClient(url="http://127.0.0.1:9"), patience_s=0)
