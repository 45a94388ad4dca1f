"""Thousands of mixed transactions, the sequencer killed in between, and the chain again from L1.

Real processes: the node, and anvil as its L1.
"""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from metis_node.node.json_rpc_client import JsonRpcClient
from tests import factories
from tests.e2e.daemons import (
    START_S,
    Daemon,
    await_height,
    await_result,
    run_to_end,
    running,
    send_transfer,
)
from tests.integration.l1.anvil import BINARY
from tests.mixed_transactions import DEPLOY, mixed_transactions

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SENDERS = 8
ROUND = 1_500  # transactions before and after the kill
BATCH = 100
ETHER = 10**18


@contextmanager
def anvil(log: Path) -> Iterator[str]:
    """An L1 with a block each second, final after four; its URL."""
    command = [str(BINARY), "--port", "0", "--block-time", "1", "--slots-in-an-epoch", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "--no-request-size-limit"], stdout=output)
    try:
        yield _url(log)
    finally:
        process.kill()
        process.wait()


def _url(log: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("Listening on "):
                return "http://" + line.removeprefix("Listening on ")
        time.sleep(0.05)
    raise AssertionError(f"anvil does not listen: {log.read_text()}")


@pytest.mark.parametrize("data", ["calldata", "blobs"])
def test_what_survived_a_kill_under_load_is_on_l1(tmp_path: Path, data: str) -> None:
    net, copy = tmp_path / "net", tmp_path / "copy"
    with anvil(tmp_path / "anvil.log") as l1:
        command = ["devnet", "--data-dir", str(net), "--port", "0", "--l1", l1]
        command += ["--chain-id", str(factories.CHAIN_ID), "-s", f"batcher.data={data}"]
        command += ["-s", "batcher.max_channel_age_s=2", "-s", "mempool.allow_unprotected=true"]
        with running(command, tmp_path / "log") as daemon:
            raws = _prepared(daemon)
            _send(daemon.rpc, list(itertools.islice(raws, ROUND)))
            _await_nonces(daemon.rpc, ROUND // SENDERS // 2)  # some are in blocks, some are not
            daemon.terminate(signal.SIGKILL)
        with running(command, tmp_path / "log") as daemon:
            _send(daemon.rpc, list(itertools.islice(raws, ROUND)))
            _await_nonces(daemon.rpc, 2 * ROUND // SENDERS)
            last = int(daemon.rpc.call("eth_blockNumber"), 16)
            await_height(daemon.rpc, last, tag="finalized")
            report = _synced(copy, net, l1)
            assert report["head"] >= last
            own = daemon.rpc.call("eth_getBlockByNumber", hex(report["head"]), False)
            assert report["head_hash"] == own["hash"]
            assert report["batches"] >= 2
    checked = run_to_end(["db", "verify", "--data-dir", str(copy), "--json"])
    assert checked.returncode == 0, checked.stdout
    assert orjson.loads(checked.stdout)["transactions"] >= 2 * ROUND


def _prepared(daemon: Daemon) -> Iterator[bytes]:
    """Fund the senders, deploy what they call, and yield their transactions."""
    rich = daemon.facts["accounts"][0]["private_key"]
    for index in range(SENDERS + 1):
        address = "0x" + factories.key(index).address.hex()
        sent = send_transfer(daemon.rpc, rich, address, 100 * ETHER)
    await_result(daemon.rpc, "eth_getTransactionReceipt", sent)
    deploy = factories.sign_dynamic_fee(
        factories.key(SENDERS), nonce=0, to=None, data=DEPLOY, gas_limit=200_000
    )
    name = daemon.rpc.call("eth_sendRawTransaction", "0x" + deploy.hex())
    receipt = await_result(daemon.rpc, "eth_getTransactionReceipt", name)
    called = bytes.fromhex(receipt["contractAddress"][2:])
    return mixed_transactions(called, SENDERS)


def _send(rpc: JsonRpcClient, raws: Sequence[bytes]) -> None:
    for start in range(0, len(raws), BATCH):
        calls = [
            ("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws[start : start + BATCH]
        ]
        rpc.batch(calls)


def _await_nonces(rpc: JsonRpcClient, nonce: int) -> None:
    """Until every sender has this many transactions in blocks."""
    accounts = ["0x" + factories.key(index).address.hex() for index in range(SENDERS)]
    deadline = time.monotonic() + 120
    while True:
        found = rpc.batch([("eth_getTransactionCount", [name, "latest"]) for name in accounts])
        least = min(int(count, 16) for count in found)
        if least >= nonce:
            return
        assert time.monotonic() < deadline, f"a sender is at nonce {least} of {nonce}"
        time.sleep(0.2)


def _synced(copy: Path, net: Path, l1: str) -> dict[str, Any]:
    command = ["sync", "--from", "l1", "--data-dir", str(copy), "--l1", l1]
    result = run_to_end([*command, "--genesis", str(net / "genesis.json"), "--json"])
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = orjson.loads(result.stdout)
    return report
