"""The directory of a devnet with several sequencers: what is written for each node, and when the
devnet refuses to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from metis_node.errors import InvalidConfig
from metis_node.node.cli.main import run
from metis_node.node.cluster_config import Placement
from metis_node.node.cluster_directory import ClusterDirectory
from metis_node.node.cluster_staking import owner_accounts
from metis_node.node.config import load_config
from metis_node.node.devnet_contracts import devnet_deployment
from metis_node.node.devnet_genesis import BATCHER_ACCOUNT, DEPLOYER_ACCOUNT, FUNDED_ACCOUNTS
from metis_node.node.exit_codes import ExitCode
from metis_node.node.keys import devnet_accounts

MAX_SEQUENCERS = 32


def placement(*, apart: bool) -> Placement:
    return Placement(
        apart=apart,
        host="127.0.0.1",
        first_port=7_000,
        l1_url="http://l1:8546",
        confirmations=1,
        log_level="info",
    )


def directory(path: Path, sequencers: int = 2, followers: int = 1) -> ClusterDirectory:
    """With the nodes' folders, and a genesis file."""
    found = ClusterDirectory(path, sequencers, followers)
    for name in ("node-1", "node-2", "follower-1"):
        (path / name).mkdir()
    found.genesis_file.write_text("{}")
    return found


def test_nodes_of_one_machine_have_ports_of_their_own(tmp_path: Path) -> None:
    members = directory(tmp_path).configure(placement(apart=False))
    configs = [load_config(one.config_file).config for one in members]
    assert [one.name for one in members] == ["node-1", "node-2", "follower-1"]
    assert [config.rpc.port for config in configs] == [7_000, 7_001, 7_002]
    assert len({config.network.port for config in configs}) == 3
    assert [config.sequencer.enabled for config in configs] == [True, True, False]
    assert [config.batcher.enabled for config in configs] == [True, False, False]
    for config in configs:
        others = {other.network.port for other in configs} - {config.network.port}
        dialled = {int(address.split("/")[4]) for address in config.network.bootstrap}
        assert dialled == others
        assert config.l1.contracts is None


def test_nodes_of_machines_of_their_own_dial_each_other_by_name(tmp_path: Path) -> None:
    found = directory(tmp_path)
    found.contracts_file.write_text("{}")
    members = found.configure(placement(apart=True))
    configs = [load_config(one.config_file).config for one in members]
    assert {(c.rpc.port, c.network.port, c.network.host) for c in configs} == {
        (8545, 9545, "0.0.0.0")
    }
    hosts = [address.split("/")[1:5] for address in configs[0].network.bootstrap]
    assert hosts == [["dns4", name, "tcp", "9545"] for name in ("node-2", "follower-1")]
    assert configs[0].l1.contracts == found.contracts_file


@pytest.mark.parametrize(
    ("sequencers", "followers", "words"),
    [(4, 1, "has 2 sequencers, not 4"), (2, 0, "has 1 followers, not 0")],
)
def test_a_devnet_keeps_its_number_of_nodes(
    tmp_path: Path, sequencers: int, followers: int, words: str
) -> None:
    directory(tmp_path)
    with pytest.raises(InvalidConfig, match=f"{words}.*--reset"):
        ClusterDirectory(tmp_path, sequencers, followers).reopen()


def test_only_a_devnets_directory_is_deleted(tmp_path: Path) -> None:
    directory(tmp_path).delete()
    assert not list(tmp_path.iterdir())
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(InvalidConfig, match="not a devnet's directory"):
        ClusterDirectory(tmp_path, 2).delete()
    assert (tmp_path / "letter").exists()


def test_no_owner_deploys_or_posts_batches_and_each_has_metis() -> None:
    accounts = devnet_accounts(FUNDED_ACCOUNTS)
    owners = [account.address for account in owner_accounts(MAX_SEQUENCERS)]
    assert len(set(owners)) == MAX_SEQUENCERS
    assert accounts[DEPLOYER_ACCOUNT].address not in owners
    assert accounts[BATCHER_ACCOUNT].address not in owners
    allotted = devnet_deployment(900, 901, owners=owners)["token"]["allotments"]
    assert set(owners) <= set(allotted)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--static-set"], "need --sequencers 2 or more"),
        (["--sequencers", "4", "--prepare"], "--prepare needs --l1"),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(["devnet", "-d", str(tmp_path), *arguments]) == ExitCode.INVALID
    assert words in capsys.readouterr().err
