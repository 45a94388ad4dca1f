"""The image and the compose file, for real: built, brought up, used, restarted, used again.

A container engine comes from the container lab beside the checkout; without it there is nothing to
test with, and the tests say so. The first build compiles Rust for minutes; later ones reuse it, and
METIS_TEST_KEEP_IMAGE=1 takes the image that is there.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import devnet_accounts
from tests.e2e.daemons import await_answer, await_height, await_result, send_transfer

ROOT = Path(__file__).parents[2]
LAB = ROOT.parent / "shared" / "tools" / "container-lab.sh"
PROJECT = f"metis-e2e-{os.getpid()}"
SEQUENCER = f"{PROJECT}_sequencer_1"
L1 = f"{PROJECT}_l1_1"
RECIPIENT = "0x00000000000000000000000000000000000c0de5"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.containers,
    pytest.mark.slow,
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(not LAB.is_file(), reason=f"no container lab at {LAB}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the container lab needs root"),
]


def lab(*arguments: str, environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        [str(LAB), *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{arguments}: {result.stdout[-3000:]}{result.stderr[-3000:]}"
    return result.stdout


def podman(*arguments: str) -> str:
    result = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"podman {arguments}: {result.stdout}{result.stderr}"
    return result.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def image() -> None:
    lab("up")
    if not os.environ.get("METIS_TEST_KEEP_IMAGE"):
        lab("build", "-t", "metis-node", ".")


@pytest.fixture
def sequencer(image: None) -> Iterator[JsonRpcClient]:  # noqa: ARG001  built first
    ports = {"RPC_PORT": str(free_port()), "L1_PORT": str(free_port())}
    lab("compose", "-p", PROJECT, "up", "-d", environment=ports)
    try:
        client = JsonRpcClient(url=f"http://127.0.0.1:{ports['RPC_PORT']}", timeout_s=20.0)
        await_answer(client, patience_s=180.0)
        yield client
    finally:
        lab("compose", "-p", PROJECT, "down", environment=ports)
        podman("volume", "rm", "-f", f"{PROJECT}_l1-data", f"{PROJECT}_sequencer-data")


def test_a_transaction_outlives_the_container(sequencer: JsonRpcClient) -> None:
    key = "0x" + bytes(devnet_accounts(1)[0].key).hex()
    sent = send_transfer(sequencer, key, RECIPIENT, 77)
    receipt = await_result(sequencer, "eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    await_height(sequencer, int(receipt["blockNumber"], 16), tag="finalized")  # batched on the L1
    assert podman("healthcheck", "run", SEQUENCER).strip() in ("", "healthy")
    assert podman("healthcheck", "run", L1).strip() in ("", "healthy")

    podman("restart", "--time", "10", SEQUENCER)
    await_answer(sequencer, patience_s=120.0)
    assert sequencer.call("eth_getTransactionReceipt", sent) == receipt
    await_height(sequencer, int(receipt["blockNumber"], 16) + 5)

    podman("kill", "--signal", "KILL", SEQUENCER)
    podman("start", SEQUENCER)
    await_answer(sequencer, patience_s=120.0)
    assert int(sequencer.call("eth_getBalance", RECIPIENT, "latest"), 16) == 77


def test_the_container_is_an_ordinary_user_with_a_read_only_root(sequencer: JsonRpcClient) -> None:
    await_answer(sequencer)
    inside = podman("exec", SEQUENCER, "metis-node", "version", "--json")
    assert orjson.loads(inside)["metis_node"]
    assert podman("exec", SEQUENCER, "id", "-u").strip() == "10001"
    attempt = subprocess.run(
        ["podman", "exec", SEQUENCER, "touch", "/opt/metis-node/x"],
        capture_output=True,
        check=False,
    )
    assert attempt.returncode != 0


def test_stopping_the_container_is_clean_and_quick(sequencer: JsonRpcClient) -> None:
    await_height(sequencer, 1)
    podman("stop", "--time", "10", SEQUENCER)
    state = orjson.loads(podman("inspect", SEQUENCER))[0]["State"]
    assert state["ExitCode"] == 0
