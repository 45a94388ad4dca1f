"""`metis-node l1 deploy` as a real process, killed at any moment, ends in one whole deployment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.e2e.daemons import clean_environment, run_to_end
from tests.e2e.staking_world import DEPLOYER, Operator, anvil_l1

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 3
POLL_S = 0.02
PATIENCE_S = 120.0


def test_a_deployment_survives_kill_9(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(4)
    with anvil_l1() as l1:
        operator = Operator(tmp_path, l1, capsys)
        command = [
            *("l1", "deploy", "-c", str(tmp_path / "deployment.toml"), "--yes", "--json"),
            *("--private-key-file", str(tmp_path / "deployer.key")),
        ]
        deployer = operator.accounts[DEPLOYER].address

        def sent() -> int:
            return int(l1.rpc.call("eth_getTransactionCount", deployer, "latest"), 16)

        for _ in range(KILLS):
            killed_after(command, sent, sent() + dice.randint(1, 4))
        assert not orjson.loads(operator.contracts.read_bytes())["complete"]
        done = run_to_end(command)
        assert done.returncode == 0, done.stderr
        total = sent()
        again = run_to_end(command)
        assert again.returncode == 0, again.stderr
        assert again.stdout == done.stdout
        assert sent() == total
        verify = ["l1", "verify", "--contracts", str(operator.contracts), "--l1", l1.url, "--json"]
        report = run_to_end([*verify, "-c", str(tmp_path / "deployment.toml")])
        assert report.returncode == 0, report.stdout
        assert orjson.loads(report.stdout)["sound"] is True
        steps = orjson.loads(run_to_end([*command, "--dry-run"]).stdout)
        assert len(steps["done"]) == total  # each step was sent once


def killed_after(command: list[str], sent: object, count: int) -> None:
    """Kill the process group as soon as the account has sent so many transactions."""
    process = subprocess.Popen(
        [sys.executable, "-m", "metis_node", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE_S
    assert callable(sent)
    while sent() < count:
        assert time.monotonic() < deadline, "it sends nothing"
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(POLL_S)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
