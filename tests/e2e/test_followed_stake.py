"""A running daemon follows the stake of its operator, over a restart, and says so everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from metis_node.node.json_rpc_client import JsonRpcClient
from tests.e2e.daemons import POLL_S, Daemon, run_to_end, running

pytestmark = pytest.mark.e2e

POWER = 20_000 * 10**9
PATIENCE_S = 60.0


def devnet(directory: Path) -> list[str]:
    ports = ["--port", "0", "--l1-port", "0", "--l1-block-time-ms", "1000"]
    return ["devnet", "--data-dir", str(directory), *ports, "--json"]


def operator(daemon: Daemon, *command: str) -> dict[str, Any]:
    where = ["--data-dir", daemon.facts["data_dir"], "--l1", daemon.facts["l1"]]
    done = run_to_end(["stake", *command, *where, "--yes", "--json"])
    assert done.returncode == 0, (done.stdout, done.stderr)
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def await_equal(ask: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (found := ask()) != wanted:
        assert time.monotonic() < deadline, f"stayed {found}, wanted {wanted}"
        time.sleep(POLL_S)


def gauge(daemon: Daemon, name: str) -> float:
    _, page = daemon.rpc.fetch("/metrics")
    (line,) = [line for line in page.decode().splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


def validators(rpc: JsonRpcClient) -> list[tuple[str, int]]:
    found = rpc.call("metis_validators")
    if found is None:  # the contracts are not deployed yet
        return []
    return [(entry["id"], int(entry["power"], 16)) for entry in found["validators"]]


def test_a_daemon_follows_what_its_operator_locks(tmp_path: Path) -> None:
    directory, log = tmp_path / "net", tmp_path / "log"
    with running(devnet(directory), log) as daemon:
        operator(daemon, "lock", "20000")
        operator(daemon, "activate")
        await_equal(lambda: validators(daemon.rpc), [("0x1", POWER)])
        l1_block = daemon.rpc.call("metis_validators")["l1Block"]
        _tells_everywhere(daemon)
        code, _ = daemon.terminate()
        assert code == 0
    with running(devnet(directory), log) as again:
        assert validators(again.rpc) == [("0x1", POWER)]  # from its own database, at once
        past = again.rpc.call("metis_validators", l1_block)
        assert past["totalPower"] == hex(POWER)
        operator(again, "unlock")
        await_equal(lambda: validators(again.rpc), [])
        assert again.rpc.call("metis_validators", l1_block) == past


def _tells_everywhere(daemon: Daemon) -> None:
    status = orjson.loads(run_to_end(["status", "--rpc", daemon.facts["rpc"], "--json"]).stdout)
    assert status["staking"]["totalPower"] == hex(POWER)
    assert [entry["state"] for entry in status["l1"]["endpoints"]] == ["good"]
    (entry,) = daemon.rpc.call("metis_sequencers")["sequencers"]
    assert (entry["status"], entry["locked"]) == ("active", hex(20_000 * 10**18))
    assert daemon.rpc.call("metis_parameters")["parameters"]["exitDelay"] == "0x3c"
    assert daemon.rpc.call("metis_epoch", "0x0")["firstBlock"] == "0x1"
    assert gauge(daemon, "metis_staking_total_power") == POWER
    assert gauge(daemon, "metis_staking_contradictions") == 0
