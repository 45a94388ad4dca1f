"""`metis-node devnet --sequencers 4`: four daemons with stake on an L1, and what a client sees of
them when the one that leads is killed. One devnet for all of it: it is started once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from eth_utils.crypto import keccak

from metis_node.errors import MetisError
from metis_node.node.json_rpc_client import JsonRpcClient
from tests.e2e.daemons import Daemon, await_result, run_to_end, running, send_transfer

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

SEQUENCERS = 4
EPOCH_LENGTH = 64
RECIPIENT = "0x00000000000000000000000000000000000c1c57"
PATIENCE_S = 120.0  # of a test machine with two cores for five daemons
LOOK_S = 0.1
SHORT = ("--block-time-ms", "400", "--l1-block-time-ms", "1000")


@dataclass(slots=True)
class Cluster:
    """`rpcs` and `signers` by the names of the nodes."""

    daemon: Daemon
    rpcs: dict[str, JsonRpcClient]
    signers: dict[str, str]

    @property
    def key(self) -> str:
        return str(self.daemon.facts["accounts"][0]["private_key"])

    def node(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            entry for entry in self.daemon.facts["sequencers"] if entry["name"] == name
        )
        return found

    def leader(self) -> str:
        """As a node tells that is not the leader itself."""
        active = next(iter(self.rpcs.values())).call("metis_activeSequencer")
        return next(name for name, one in self.signers.items() if one == active["signer"])

    def others(self, name: str) -> list[JsonRpcClient]:
        return [rpc for one, rpc in self.rpcs.items() if one != name]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("cluster")
    with running(devnet(directory / "net", *SHORT), directory / "log") as daemon:
        nodes = daemon.facts["sequencers"]
        assert len(nodes) == SEQUENCERS
        yield Cluster(
            daemon=daemon,
            rpcs={n["name"]: JsonRpcClient(url=n["rpc"], timeout_s=20.0) for n in nodes},
            signers={n["name"]: signer_of(Path(n["config"]).parent) for n in nodes},
        )


def devnet(directory: Path, *more: str) -> list[str]:
    fixed = ["--port", "0", "--l1-port", "0", "--epoch-length", str(EPOCH_LENGTH)]
    return ["devnet", "--sequencers", str(SEQUENCERS), "-d", str(directory), *fixed, *more]


def signer_of(directory: Path) -> str:
    keystore = orjson.loads((directory / "keys" / "signer.json").read_bytes())
    return "0x" + str(keystore["address"]).lower().removeprefix("0x")


def height(rpc: JsonRpcClient) -> int:
    return int(rpc.call("eth_blockNumber"), 16)


def await_that(holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """A node that is starting or busy may not answer: asked again."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if holds():
                return
        except MetisError:
            pass
        assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
        time.sleep(LOOK_S)


def signed_by(rpc: JsonRpcClient, signer: str) -> bool:
    certificate = rpc.call("metis_certificate", "latest")
    return certificate is not None and signer in str(certificate).lower()


def test_a_transfer_to_a_node_that_does_not_lead_gets_into_all(cluster: Cluster) -> None:
    await_that(lambda: height(cluster.rpcs["node-1"]) > 0, "blocks")
    other = cluster.others(cluster.leader())[0]
    sent = send_transfer(other, cluster.key, RECIPIENT, 1)
    receipts = [
        await_result(rpc, "eth_getTransactionReceipt", sent, patience_s=PATIENCE_S)
        for rpc in cluster.rpcs.values()
    ]
    assert receipts[0]["status"] == "0x1"
    assert all(receipt == receipts[0] for receipt in receipts)


def test_every_sequencer_announces_itself_to_all(cluster: Cluster) -> None:
    for rpc in cluster.rpcs.values():
        await_that(lambda rpc=rpc: None not in announced(rpc), "all are heard of")
        told = [one for one in announced(rpc) if one is not None]
        assert len({one["peer"] for one in told}) == SEQUENCERS
        assert all(one["version"].startswith("metis-node/") for one in told)
        assert [bool(one["addresses"]) for one in told] == [True] * SEQUENCERS
        assert [one["sameSettings"] for one in told] == [True] * SEQUENCERS


def announced(rpc: JsonRpcClient) -> list[dict[str, Any] | None]:
    """Of each sequencer; nothing while L1 has not decided the first epoch."""
    found = rpc.call("metis_sequencerSet")
    return [None] if found is None else [one["announced"] for one in found["sequencers"]]


def test_an_operator_sees_the_stake_from_a_nodes_directory(cluster: Cluster) -> None:
    config = cluster.node("node-2")["config"]
    result = run_to_end(["stake", "info", "--all", "-c", config, "--json"])
    assert result.returncode == 0, result.stderr
    for signer in cluster.signers.values():
        assert signer in result.stdout.decode().lower()


def test_a_node_that_was_frozen_past_a_batch_goes_on(cluster: Cluster) -> None:
    """L1 is ahead of it then: it waits for its peers' blocks, and does not end."""
    name = next(one for one in ("node-4", "node-3") if one != cluster.leader())
    rpc, other = cluster.rpcs[name], cluster.others(name)[0]
    pid = cluster.node(name)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        stood = height(other)
        await_that(lambda: posted(other) > stood + 2, "a batch with blocks that it lacks")
    finally:
        os.kill(pid, signal.SIGCONT)
    await_that(lambda: posted(rpc) > stood + 2, "that batch is read")
    await_that(lambda: signed_by(other, cluster.signers[name]), "its vote counts again")


def posted(rpc: JsonRpcClient) -> int:
    """The block at which the batches on L1 end, as a node has compared them."""
    return int(rpc.call("metis_batches")["safe"], 16)


def test_the_leader_is_killed_and_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    name = cluster.leader()
    alive = cluster.others(name)
    before = max(height(rpc) for rpc in alive)
    os.kill(cluster.node(name)["pid"], signal.SIGKILL)
    killed = time.monotonic()
    sent = [send_transfer(alive[0], cluster.key, RECIPIENT, value) for value in (10, 100)]
    await_that(lambda: height(alive[0]) > before + 2, "blocks without the one that led", 60.0)
    print(f"3 blocks after the kill: {time.monotonic() - killed:.1f} s")
    for one in sent:
        receipt = await_result(alive[1], "eth_getTransactionReceipt", one, patience_s=PATIENCE_S)
        assert receipt["status"] == "0x1"
    assert int(alive[1].call("eth_getBalance", RECIPIENT, "latest"), 16) >= 110

    with running(["start", "--config", cluster.node(name)["config"]], tmp_path / "log") as again:
        await_that(lambda: height(again.rpc) >= height(alive[0]) - 1, "catching up")
        await_that(lambda: signed_by(alive[0], cluster.signers[name]), "its vote counts again")
        leader = alive[0].call("eth_getBlockByNumber", hex(before + 1), False)
        assert again.rpc.call("eth_getBlockByNumber", hex(before + 1), False) == leader
        check_next_epoch([*alive, again.rpc], cluster)


def check_next_epoch(nodes: list[JsonRpcClient], cluster: Cluster) -> None:
    """Over the boundary all have the same epoch, in the order that stake and seed give."""
    await_that(lambda: all(height(rpc) > EPOCH_LENGTH for rpc in nodes), "epoch 1")
    epochs = [rpc.call("metis_epoch", "0x1") for rpc in nodes]
    assert all(epoch == epochs[0] for epoch in epochs)
    epoch = epochs[0]
    assert int(epoch["firstBlock"], 16) == EPOCH_LENGTH + 1
    assert not epoch["carried"]
    assert {one["signer"] for one in epoch["order"]} == set(cluster.signers.values())
    powers = {int(one["id"], 16): int(one["power"], 16) for one in epoch["order"]}
    staked = nodes[0].call("metis_validators", epoch["stakeBlock"])
    assert str(staked).count("signer") == SEQUENCERS
    drawn = drawn_order(powers, bytes.fromhex(epoch["seed"][2:]))
    assert [int(one["id"], 16) for one in epoch["order"]] == drawn


def drawn_order(powers: dict[int, int], seed: bytes) -> list[int]:
    """Rule E3 of docs/protocol/staking.md, by hand. Nobody was absent for two epochs."""
    left, order = sorted(powers.items()), []
    for draw in range(len(powers)):
        at = int.from_bytes(keccak(seed + draw.to_bytes(32, "big")), "big")
        at %= sum(power for _, power in left)
        for index, (sequencer_id, power) in enumerate(left):
            if at < power:
                order.append(sequencer_id)
                del left[index]
                break
            at -= power
    return order
