"""The long way of an operator: keys, init, start with a configuration file, stop; no `devnet`."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from metis_node.node.devnet_genesis import BATCHER_ACCOUNT, FUNDED_ACCOUNTS
from metis_node.node.keys import devnet_accounts, write_password_file
from tests.e2e.daemons import await_height, await_result, run_to_end, running, send_transfer

pytestmark = pytest.mark.e2e

CONFIG = Path(__file__).parents[2] / "config" / "devnet.toml"
RECIPIENT = "0x00000000000000000000000000000000000a11ce"


def node(tmp_path: Path, l1: str = "http://127.0.0.1:9") -> list[str]:
    return [
        *("--config", str(CONFIG), "--data-dir", str(tmp_path / "node")),
        *("-s", "rpc.port=0", "-s", f"l1.endpoints={l1}"),
        *("-s", f"keys.password_file={tmp_path / 'password'}"),
    ]


def import_key(tmp_path: Path, index: int) -> None:
    secret = tmp_path / f"secret-{index}"
    write_password_file(secret, bytes(devnet_accounts(FUNDED_ACCOUNTS)[index].key).hex())
    command = ["keys", "import", str(secret), "--data-dir", str(tmp_path / "node")]
    done = run_to_end([*command, "--password-file", str(tmp_path / "password"), "--json"])
    assert done.returncode == 0, done.stderr


def test_a_node_is_set_up_and_runs_by_its_configuration(tmp_path: Path) -> None:
    write_password_file(tmp_path / "password", "secret")
    import_key(tmp_path, BATCHER_ACCOUNT)
    done = run_to_end(["init", *node(tmp_path)[:4], "--json"])
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["chain_id"] == 901
    again = run_to_end(["init", *node(tmp_path)[:4]])
    assert again.returncode == 3
    assert b"has a chain already" in again.stderr
    l1_dev = ["l1-dev", "--data-dir", str(tmp_path / "l1"), "--port", "0"]
    with (
        running([*l1_dev, "--block-time-ms", "1000"], tmp_path / "l1.log") as l1,
        running(["start", *node(tmp_path, l1.facts["rpc"])], tmp_path / "node.log") as daemon,
    ):
        key = "0x" + bytes(devnet_accounts(1)[0].key).hex()
        sent = send_transfer(daemon.rpc, key, RECIPIENT, 5)
        receipt = await_result(daemon.rpc, "eth_getTransactionReceipt", sent)
        await_height(daemon.rpc, int(receipt["blockNumber"], 16), tag="finalized")
        code, seconds = daemon.terminate()
        assert code == 0
        assert seconds < 2.0
    lines = (tmp_path / "node.log").read_text().splitlines()
    events = [orjson.loads(line)["event"] for line in lines]
    assert {"node started", "stopping", "node stopped"} <= set(events)


def test_the_wrong_key_is_refused_before_anything_is_posted(tmp_path: Path) -> None:
    write_password_file(tmp_path / "password", "secret")
    import_key(tmp_path, 0)
    run_to_end(["init", *node(tmp_path)[:4]])
    result = run_to_end(["start", *node(tmp_path)])
    assert result.returncode == 3
    assert b"keys.batcher" in result.stderr
    assert devnet_accounts(1)[0].address.encode() in result.stderr


def test_start_makes_the_chain_where_that_is_asked(tmp_path: Path) -> None:
    options = [*node(tmp_path), "-s", "batcher.enabled=false", "-s", "sequencer.enabled=false"]
    refused = run_to_end(["start", *options])
    assert refused.returncode == 3
    assert b"start with --init" in refused.stderr
    with running(["start", *options, "--init"], tmp_path / "log") as daemon:
        status, body = daemon.rpc.fetch("/readyz")  # alive, but without its L1
        assert status == 503
        assert "l1" in orjson.loads(body)["problems"]
        assert int(daemon.rpc.call("eth_blockNumber"), 16) == 0


def test_another_genesis_than_the_stored_one_is_refused(tmp_path: Path) -> None:
    options = [*node(tmp_path), "-s", "batcher.enabled=false"]
    assert run_to_end(["init", *node(tmp_path)[:4]]).returncode == 0
    other = CONFIG.parent / "genesis" / "sepolia.json"
    result = run_to_end(["start", *options, "-s", f"chain.genesis={other}"])
    assert result.returncode == 3
    assert b"belongs to another chain" in result.stderr
