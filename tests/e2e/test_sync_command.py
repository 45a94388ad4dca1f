"""`metis-node sync --from l1`: an empty directory and the L1 alone give the same chain."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.e2e.daemons import await_height, await_result, run_to_end, running, send_transfer

pytestmark = pytest.mark.e2e

RECIPIENT = "0x00000000000000000000000000000000000a11ce"


@pytest.mark.parametrize("data", ["blobs", "calldata"])
def test_a_chain_is_rebuilt_from_the_l1_alone(tmp_path: Path, data: str) -> None:
    net, copy = tmp_path / "net", tmp_path / "copy"
    command = ["devnet", "--data-dir", str(net), "--port", "0", "--l1-port", "0"]
    command += ["--l1-block-time-ms", "1000", "-s", f"batcher.data={data}"]
    with running(command, tmp_path / "log") as daemon:
        key = daemon.facts["accounts"][0]["private_key"]
        hashes = [send_transfer(daemon.rpc, key, RECIPIENT, value) for value in range(1, 30)]
        receipts = [await_result(daemon.rpc, "eth_getTransactionReceipt", name) for name in hashes]
        last = int(receipts[-1]["blockNumber"], 16)
        final = await_height(daemon.rpc, last, tag="finalized")
        sync = ["sync", "--from", "l1", "--data-dir", str(copy), "--l1", daemon.facts["l1"]]
        sync += ["--genesis", str(net / "genesis.json"), "--json"]
        result = run_to_end(sync)
        assert result.returncode == 0, result.stderr
        report = orjson.loads(result.stdout)
        assert report["head"] >= final
        assert report["batches"] >= 1
        original = daemon.rpc.call("eth_getBlockByNumber", hex(report["head"]), False)
        assert report["head_hash"] == original["hash"]
        again = run_to_end(sync)  # goes on from where it is
        assert again.returncode == 0, again.stderr
        assert orjson.loads(again.stdout)["head"] >= report["head"]
    checked = run_to_end(["db", "verify", "--data-dir", str(copy), "--json"])
    assert checked.returncode == 0, checked.stdout


def test_an_l1_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    genesis = Path(__file__).parents[2] / "config" / "genesis" / "devnet.json"
    command = ["sync", "--data-dir", str(tmp_path / "copy"), "--l1", "http://127.0.0.1:9"]
    command += ["--genesis", str(genesis), "-s", "l1.request_timeout_ms=100"]
    result = run_to_end(command)
    assert result.returncode == 5
    assert b"127.0.0.1:9" in result.stderr
