"""A devnet daemon, and the contract that every client deploys."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = Path(__file__).parent
START_S = 60


@dataclass(frozen=True)
class Devnet:
    """A running daemon, as its own announcement describes it."""

    rpc: str
    websocket: str
    chain_id: int
    keys: list[str]

    def key(self, index: int) -> str:
        """Each client uses an account of its own."""
        return self.keys[index]


@pytest.fixture(scope="session")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    directory = tmp_path_factory.mktemp("devnet")
    command = [
        *(sys.executable, "-m", "metis_node", "devnet", "--json"),
        *("--data-dir", str(directory / "data")),
        *("--port", "0", "--l1-port", "0", "--block-time-ms", "500"),
    ]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        try:
            facts = announcement(process, directory / "log")
            yield Devnet(
                rpc=facts["rpc"],
                websocket=facts["websocket"],
                chain_id=facts["chain_id"],
                keys=[account["private_key"] for account in facts["accounts"]],
            )
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()


def announcement(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """The JSON object that the daemon prints once it serves."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    text = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], START_S)
        part = os.read(pipe, 65_536) if ready else b""
        if not part:
            process.kill()
            pytest.fail(f"the devnet did not start: {log.read_text()[-500:]}")
        text += part
        try:
            facts: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError:
            continue
        return facts


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ABI and bytecode of Probe.sol, compiled now."""
    path = tmp_path_factory.mktemp("artifact") / "Probe.json"
    subprocess.run(["node", str(CLIENTS / "compile.mjs"), str(path)], check=True, cwd=ROOT)
    return path
