"""A validator that was down: how fast it has the blocks that it missed, and when it votes again."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bench.cluster import POLL_S, Cluster, Node, running_cluster
from bench.report import publish

PATIENCE_S = 300.0


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench catch_up", description=__doc__)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--blocks", type=int, default=1_000, help="missed")
    parser.add_argument("--block-time-ms", type=int, default=250)
    options = parser.parse_args(arguments)
    with running_cluster(options.nodes, block_time_ms=options.block_time_ms) as cluster:
        cluster.await_blocks(3, PATIENCE_S)
        row = _measured(cluster, options.blocks, options.block_time_ms)
        one_chain = cluster.is_one_chain()
    columns = ["missed", "head after s", "blocks/s", "first vote after s", "start s"]
    publish("catch_up", columns, [row], one_chain=one_chain)
    print(f"one chain: {one_chain}")


def _measured(cluster: Cluster, blocks: int, block_time_ms: int) -> list[object]:
    """Times count from when the node serves; `start` is how long that took."""
    leader = cluster.leader()
    sleeper = next(node for node in cluster.nodes if node is not leader)
    witness = next(node for node in cluster.nodes if node not in (leader, sleeper))
    signer = sleeper.call("metis_syncStatus")["signer"]
    left_at = sleeper.head()
    cluster.down.add(sleeper.name)
    sleeper.kill()
    deadline = time.monotonic() + 4 * blocks * block_time_ms / 1000 + PATIENCE_S
    while witness.head() < left_at + blocks:
        if time.monotonic() > deadline:
            raise RuntimeError("the others make no blocks")
        time.sleep(1.0)
    began = time.monotonic()
    sleeper.start()
    cluster.down.discard(sleeper.name)
    served = time.monotonic()
    missed = witness.head() - left_at
    _until(lambda: sleeper.head() >= witness.head() - 1)
    caught = time.monotonic()
    _until(lambda: _voted(witness, signer))
    voted = time.monotonic()
    return [
        missed,
        round(caught - served, 1),
        round(missed / (caught - served), 1),
        round(voted - served, 1),
        round(served - began, 1),
    ]


def _voted(witness: Node, signer: str) -> bool:
    certificate = witness.call("metis_certificate", "latest")
    return any(entry["signer"] == signer for entry in certificate["signatures"])


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("the node does not catch up")
        time.sleep(POLL_S)
