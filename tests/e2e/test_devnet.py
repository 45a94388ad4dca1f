"""`metis-node devnet` as a newcomer uses it: up, a transaction, batches, down, up again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.e2e.daemons import (
    Daemon,
    await_height,
    await_result,
    run_to_end,
    running,
    send_transfer,
)
from tests.integration.l1.anvil import running_anvil

pytestmark = pytest.mark.e2e

RECIPIENT = "0x00000000000000000000000000000000000a11ce"
FUNDS_WEI = 10_000 * 10**18


def devnet(directory: Path, *more: str) -> list[str]:
    ports = ["--port", "0", "--l1-port", "0", "--l1-block-time-ms", "1000"]
    return ["devnet", "--data-dir", str(directory), *ports, *more]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(devnet(tmp_path / "net", "--block-time-ms", "500"), tmp_path / "log") as daemon:
        yield daemon


def test_a_devnet_takes_transactions_ends_in_time_and_goes_on(
    daemon: Daemon, tmp_path: Path
) -> None:
    accounts = daemon.facts["accounts"]
    assert len(accounts) == 10
    balance = daemon.rpc.call("eth_getBalance", accounts[1]["address"], "latest")
    assert int(balance, 16) == FUNDS_WEI
    sent = send_transfer(daemon.rpc, accounts[0]["private_key"], RECIPIENT, 12_345)
    receipt = await_result(daemon.rpc, "eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    await_height(daemon.rpc, int(receipt["blockNumber"], 16) + 2)
    head = daemon.rpc.call("eth_getBlockByNumber", "latest", False)
    code, seconds = daemon.terminate()
    assert code == 0
    assert seconds < 2.0
    with running(devnet(tmp_path / "net"), tmp_path / "log") as again:
        same = again.rpc.call("eth_getBlockByNumber", head["number"], False)
        assert same["hash"] == head["hash"]
        assert again.rpc.call("eth_getTransactionReceipt", sent) == receipt
        assert int(again.rpc.call("eth_getBalance", RECIPIENT, "latest"), 16) == 12_345
        await_height(again.rpc, int(head["number"], 16) + 2)


def test_the_contracts_stand_on_its_l1_and_stay(daemon: Daemon, tmp_path: Path) -> None:
    file = daemon.facts["contracts"]
    assert daemon.facts["contracts_problem"] is None
    written = Path(file).read_bytes()
    verify = ["l1", "verify", "--contracts", file, "--l1", daemon.facts["l1"], "--json"]
    report = run_to_end(verify)
    assert report.returncode == 0, report.stdout
    assert orjson.loads(report.stdout)["sound"] is True
    daemon.terminate()
    with running(devnet(tmp_path / "net"), tmp_path / "log") as again:
        assert again.facts["contracts"] == file
        assert Path(file).read_bytes() == written
        assert again.facts["l1"] in (tmp_path / "net" / "config.toml").read_text()


def test_an_l1_that_cannot_pay_for_contracts_is_said_so(tmp_path: Path) -> None:
    async def unfunded() -> None:
        async with running_anvil("--block-time", "1", "--accounts", "0", mining=True) as anvil:
            command = devnet(tmp_path / "net", "--l1", anvil.url, "--no-batcher")
            await asyncio.to_thread(_says_no_contracts, command, tmp_path / "log")

    asyncio.run(unfunded())


def _says_no_contracts(command: list[str], log: Path) -> None:
    with running(command, log) as daemon:
        assert daemon.facts["contracts"] is None
        assert "fund it" in daemon.facts["contracts_problem"]


def test_batches_make_blocks_final(daemon: Daemon) -> None:
    sent = send_transfer(daemon.rpc, daemon.facts["accounts"][0]["private_key"], RECIPIENT, 1)
    number = int(await_result(daemon.rpc, "eth_getTransactionReceipt", sent)["blockNumber"], 16)
    await_height(daemon.rpc, number, tag="finalized")
    status = run_to_end(["status", "--rpc", daemon.facts["rpc"], "--json"])
    assert status.returncode == 0, status.stdout
    facts = orjson.loads(status.stdout)
    assert facts["ready"] is True
    for_people = run_to_end(["status", "--rpc", daemon.facts["rpc"]]).stdout.decode()
    assert "ready" in for_people
    assert facts["latest"]["hash"][:2] == "0x"
    assert "submitter 0xa0ee7a142d267c1f36714e4a8f75612f20a79720" in for_people
    assert facts["finalized"]["number"] >= number


def test_a_second_process_on_the_directory_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    refused = run_to_end(["db", "inspect", "--data-dir", str(tmp_path / "net")])
    assert refused.returncode == 4
    assert f"in use by process {daemon.process.pid}" in refused.stderr.decode()


def test_other_rules_for_a_chain_that_exists_are_refused(daemon: Daemon, tmp_path: Path) -> None:
    daemon.terminate()
    refused = run_to_end(devnet(tmp_path / "net", "--block-time-ms", "700"))
    assert refused.returncode == 3
    assert b"block_time_ms 500, not 700" in refused.stderr


def test_ctrl_c_ends_the_l1_with_the_devnet(daemon: Daemon) -> None:
    child = daemon.facts["l1_pid"]
    os.kill(child, 0)
    code, _ = daemon.terminate(signal.SIGINT)
    assert code == 0
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_devnet_whose_l1_died_ends_and_says_so(daemon: Daemon) -> None:
    os.kill(daemon.facts["l1_pid"], signal.SIGKILL)
    assert daemon.process.wait(30) == 4
    assert "the embedded L1 ended with code -9" in daemon.log.read_text()


def test_a_killed_devnet_leaves_a_sound_database(daemon: Daemon, tmp_path: Path) -> None:
    key = daemon.facts["accounts"][0]["private_key"]
    sent = [send_transfer(daemon.rpc, key, RECIPIENT, value) for value in range(1, 40)]
    for hash_ in sent:
        await_result(daemon.rpc, "eth_getTransactionReceipt", hash_)
    daemon.terminate(signal.SIGKILL)
    report = run_to_end(["db", "verify", "--data-dir", str(tmp_path / "net"), "--json"])
    assert report.returncode == 0, report.stdout
    facts = orjson.loads(report.stdout)
    assert facts["sound"] is True
    assert facts["transactions"] >= len(sent)


def test_no_l1_is_said_so(tmp_path: Path) -> None:
    command = devnet(tmp_path / "net", "--l1", "http://127.0.0.1:9", "--l1-wait-s", "1")
    result = run_to_end(command)
    assert result.returncode == 5
    assert b"no answer from http://127.0.0.1:9" in result.stderr


@pytest.mark.parametrize(("hardfork", "data"), [("prague", "blobs"), ("osaka", "auto")])
async def test_another_ethereum_as_l1(tmp_path: Path, hardfork: str, data: str) -> None:
    flags = ("--block-time", "1", "--slots-in-an-epoch", "1", "--hardfork", hardfork)
    async with running_anvil(*flags, mining=True) as anvil:
        more = ("--l1", anvil.url, "-s", f"batcher.data={data}")
        await asyncio.to_thread(_batches_reach, devnet(tmp_path / "net", *more), tmp_path / "log")


def _batches_reach(command: list[str], log: Path) -> None:
    """A transaction becomes final on the L1 that the command names."""
    with running(command, log) as daemon:
        assert daemon.facts["l1_pid"] is None
        assert daemon.facts["l1_chain_id"] == 31_337
        sent = send_transfer(daemon.rpc, daemon.facts["accounts"][0]["private_key"], RECIPIENT, 1)
        receipt = await_result(daemon.rpc, "eth_getTransactionReceipt", sent)
        await_height(daemon.rpc, int(receipt["blockNumber"], 16), tag="finalized")
        code, seconds = daemon.terminate()
        assert code == 0
        assert seconds < 2.0
