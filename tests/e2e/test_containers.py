"""The images and the compose file, for real: built, brought up, used, killed, cut off, used again.

A container engine comes from the container lab beside the checkout; without it there is nothing to
test with, and the tests say so. The first build compiles Rust for minutes; later ones reuse it, and
METIS_TEST_KEEP_IMAGE=1 takes the images that are there.

What that engine cannot show: that a job's end is waited for (the test waits itself), that restart
policies act, and what the profile `watch` brings, whose images are in no registry that it has.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
import pytest

from metis_node.errors import MetisError
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import devnet_accounts
from tests.e2e.daemons import await_answer, await_height, await_result, send_transfer

ROOT = Path(__file__).parents[2]
LAB = ROOT.parent / "shared" / "tools" / "container-lab.sh"
PROJECT = f"metis-e2e-{os.getpid()}"
DATA = "/var/lib/metis-node"
NODES = ("node-1", "node-2", "node-3", "node-4")
RECIPIENT = "0x00000000000000000000000000000000000c0de5"
PATIENCE_S = 180.0  # of a test machine with two cores for six containers
LOOK_S = 0.2

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


def container(service: str) -> str:
    return f"{PROJECT}_{service}_1"


def logs(service: str) -> str:
    result = subprocess.run(
        ["podman", "logs", "--tail", "20", container(service)],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def is_healthy(service: str) -> bool:
    command = ["podman", "healthcheck", "run", container(service)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_that(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if holds():
                return
        except MetisError:
            pass
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(LOOK_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`rpc` is the follower's; `signers` by node."""

    rpc: JsonRpcClient
    signers: dict[str, str]

    def height(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def leader(self) -> str:
        signer = self.rpc.call("metis_activeSequencer")["signer"]
        return next(name for name, one in self.signers.items() if one == signer)

    def transfer(self, value: int) -> None:
        """Sent to the follower, and in a block in the end."""
        key = "0x" + bytes(devnet_accounts(1)[0].key).hex()
        sent = send_transfer(self.rpc, key, RECIPIENT, value)
        receipt = await_result(self.rpc, "eth_getTransactionReceipt", sent, patience_s=PATIENCE_S)
        assert receipt["status"] == "0x1"

    def await_vote(self, name: str) -> None:
        """A new block's certificate has it."""
        await_that(
            lambda: self.signers[name] in str(self.rpc.call("metis_certificate", "latest")),
            f"a vote of {name}",
        )


@pytest.fixture(scope="module")
def images() -> None:
    lab("up")
    if not os.environ.get("METIS_TEST_KEEP_IMAGE"):
        lab("build", "-t", "metis-node", ".")
        lab("build", "-t", "metis-anvil", "deploy/anvil")


@pytest.fixture(scope="module")
def network(images: None) -> Iterator[Network]:  # noqa: ARG001  built first
    ports = {"RPC_PORT": str(free_port()), "L1_PORT": str(free_port())}
    try:
        lab("compose", "-p", PROJECT, "up", "-d", "l1", "deploy", environment=ports)
        assert podman("wait", container("deploy")).strip() == "0", logs("deploy")
        lab("compose", "-p", PROJECT, "up", "-d", *NODES, "follower-1", environment=ports)
        rpc = JsonRpcClient(url=f"http://127.0.0.1:{ports['RPC_PORT']}", timeout_s=20.0)
        await_answer(rpc, patience_s=PATIENCE_S)
        yield Network(rpc=rpc, signers={name: signer_of(name) for name in NODES})
    finally:
        lab("compose", "-p", PROJECT, "down", environment=ports)
        podman("volume", "rm", "-f", f"{PROJECT}_l1", f"{PROJECT}_devnet")


def signer_of(name: str) -> str:
    keystore = podman("exec", container(name), "cat", f"{DATA}/{name}/keys/signer.json")
    return "0x" + str(orjson.loads(keystore)["address"]).lower().removeprefix("0x")


def test_a_transaction_sent_to_the_follower_gets_into_a_block_and_onto_the_l1(
    network: Network,
) -> None:
    network.transfer(1)
    await_height(network.rpc, network.height(), tag="safe")
    certificate = network.rpc.call("metis_certificate", "latest")
    assert len(certificate["signatures"]) >= 3
    for service in ("l1", "node-1", "follower-1"):
        await_that(partial(is_healthy, service), f"{service} is healthy")


def test_a_container_is_an_ordinary_user_with_a_read_only_root(network: Network) -> None:
    assert network.height() > 0
    for service, place in (("node-1", "/opt/metis-node/x"), ("l1", "/usr/local/x")):
        assert podman("exec", container(service), "id", "-u").strip() == "10001"
        attempt = subprocess.run(
            ["podman", "exec", container(service), "touch", place],
            capture_output=True,
            check=False,
        )
        assert attempt.returncode != 0


def test_a_killed_sequencer_is_replaced_and_comes_back(network: Network) -> None:
    name = network.leader()
    before = network.height()
    podman("kill", "--signal", "KILL", container(name))
    network.transfer(10)
    await_that(lambda: network.height() > before + 3, "blocks without it")
    podman("start", container(name))
    network.await_vote(name)


def test_a_sequencer_that_is_cut_off_is_replaced_and_comes_back(network: Network) -> None:
    name = network.leader()
    before = network.height()
    podman("network", "disconnect", f"{PROJECT}_default", container(name))
    try:
        network.transfer(100)
        # For longer than its peers wait for it: all have closed its connections by then.
        await_that(lambda: network.height() > before + 25, "blocks without it")
    finally:
        podman("network", "connect", "--alias", name, f"{PROJECT}_default", container(name))
    network.await_vote(name)
    assert int(network.rpc.call("eth_getBalance", RECIPIENT, "latest"), 16) == 111
    assert network.rpc.call("metis_evidence") == []


def test_the_job_given_again_changes_nothing_and_a_stop_is_clean(network: Network) -> None:
    """`up` starts the job again; nodes go on with the chain that is there."""
    podman("start", "--attach", container("deploy"))
    network.await_vote("node-3")  # a process that is still starting has no handler for the signal
    podman("stop", "--time", "10", container("node-3"))
    state = orjson.loads(podman("inspect", container("node-3")))[0]["State"]
    assert state["ExitCode"] == 0
    podman("start", container("node-3"))
    network.await_vote("node-3")
