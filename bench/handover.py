"""How long clients see no block when the active sequencer fails: killed, frozen, cut off, or at its
own hand-over, hundreds of times, under load, on real processes.

A round: transfers go to a node that does not lead, a few a block; the leader is killed (-9), frozen
(SIGSTOP), loses its cable or is told to yield at a moment chosen by chance; the gap is the longest
time between two blocks with transactions of ours, as a node that stayed sees them. Then the leader
comes back, and the round ends when it makes blocks with the others.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from eth_account import Account

from bench.cluster import GIVE_UP_S, POLL_S, Cluster, Node, block, call, running_cluster
from bench.namespaces import FarNode, running_namespaces
from bench.report import publish

LOAD_INTERVAL_S = 0.1  # between two transfers
SETTLE_BLOCKS = 3  # between two faults
FAULTS = ("kill", "freeze", "yield", "cut")
CUT_S = 25.0  # longer than peers wait for a sign of life


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench handover", description=__doc__)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=100, help="of each fault")
    parser.add_argument("--faults", nargs="+", default=["kill", "freeze", "yield"], choices=FAULTS)
    parser.add_argument(
        "--namespaces", action="store_true", help="each node behind a cable; `cut` needs it"
    )
    parser.add_argument("--block-time-ms", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="directory for data and logs, kept afterwards")
    options = parser.parse_args(arguments)
    if "cut" in options.faults and not options.namespaces:
        parser.error("the fault `cut` pulls a cable: add --namespaces")
    start = running_namespaces if options.namespaces else running_cluster
    chance = random.Random(options.seed)
    rows: list[list[object]] = []
    columns = ["nodes", "fault", "times", "gap p50 s", "p90 s", "p99 s", "max s"]
    with (
        start(options.nodes, block_time_ms=options.block_time_ms, keep=options.keep) as cluster,
        _sending(cluster) as load,
    ):
        cluster.await_blocks(3)
        for fault in options.faults:
            gaps: list[float] = []
            for number in range(options.rounds):
                gap = _round(cluster, load, fault, chance)
                gaps.append(gap)
                print(f"{fault} {number + 1}/{options.rounds}: {gap:.2f} s", flush=True)
            rows.append([options.nodes, fault, len(gaps), *_percentiles(gaps)])
        lost, evidence = load.lost(cluster.nodes[0]), cluster.evidence()
        one_chain = cluster.is_one_chain()
    publish("handover", columns, rows, sent=len(load.hashes), lost=lost, evidence=evidence)
    print(f"sent {len(load.hashes)}, lost {lost}, evidence {evidence}, one chain: {one_chain}")


@dataclass
class Load:
    """Transfers of one account, one after the other."""

    key: str
    target: str  # where they go
    hashes: list[str] = field(default_factory=list)

    def lost(self, node: Node) -> int:
        """Of what was accepted, what no block has after a while."""
        deadline = time.monotonic() + GIVE_UP_S
        missing = list(self.hashes)
        while missing and time.monotonic() < deadline:
            missing = [h for h in missing if not node.call("eth_getTransactionReceipt", h)]
            time.sleep(0.5)
        return len(missing)


def _round(cluster: Cluster, load: Load, fault: str, chance: random.Random) -> float:
    leader = cluster.leader()
    witness = chance.choice([n for n in cluster.nodes if n is not leader])
    load.target = witness.url
    time.sleep(chance.random())
    watch = _Watch(witness)
    with watch:
        watch.await_blocks(1)
        _do(fault, leader, cluster)
        watch.await_blocks(3)
    _undo(fault, leader, cluster)
    cluster.await_blocks(SETTLE_BLOCKS)
    return watch.longest_gap


def _do(fault: str, leader: Node, cluster: Cluster) -> None:
    if fault == "yield":
        leader.call("admin_yield")
        return
    cluster.down.add(leader.name)
    if fault == "kill":
        leader.kill()
    elif fault == "freeze":
        os.kill(leader.pid, signal.SIGSTOP)
    elif isinstance(leader, FarNode):
        leader.pull_cable()


def _undo(fault: str, leader: Node, cluster: Cluster) -> None:
    if fault == "freeze":
        os.kill(leader.pid, signal.SIGCONT)
    elif fault == "kill":
        leader.start()
    elif isinstance(leader, FarNode):
        time.sleep(CUT_S)
        leader.plug_in()
    cluster.down.discard(leader.name)


class _Watch:
    """Arrival times of blocks with transactions, at one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._arrivals: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def longest_gap(self) -> float:
        times = self._arrivals
        return max((later - sooner for sooner, later in pairwise(times)), default=0.0)

    def await_blocks(self, count: int) -> None:
        wanted = len(self._arrivals) + count
        deadline = time.monotonic() + GIVE_UP_S
        while len(self._arrivals) < wanted:
            if time.monotonic() > deadline:
                raise RuntimeError("no blocks any more")
            time.sleep(POLL_S)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seen = self._node.head()
        while not self._stop.wait(POLL_S):
            with contextlib.suppress(OSError):
                head = self._node.head()
                if head <= seen:
                    continue
                for number in range(seen + 1, head + 1):
                    if (
                        len(block(self._node.url, number)["transactions"]) > 2
                    ):  # beside the system's
                        self._arrivals.append(time.monotonic())
                seen = head


@contextlib.contextmanager
def _sending(cluster: Cluster) -> Iterator[Load]:
    load, stop = Load(key=cluster.keys[1], target=cluster.nodes[0].url), threading.Event()
    thread = threading.Thread(target=_send, args=(load, stop), daemon=True)
    thread.start()
    try:
        yield load
    finally:
        stop.set()
        thread.join()


def _send(load: Load, stop: threading.Event) -> None:
    """Until `stop`; what is refused is tried again."""
    account = Account.from_key(load.key)
    chain_id = int(call(load.target, "eth_chainId"), 16)
    while not stop.wait(LOAD_INTERVAL_S):
        signed = account.sign_transaction(
            {
                "type": 2,
                "chainId": chain_id,
                "nonce": len(load.hashes),
                "to": account.address,
                "value": 1,
                "gas": 21_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**9,
            }
        )
        raw = "0x" + signed.raw_transaction.hex().removeprefix("0x")
        with contextlib.suppress(OSError, RuntimeError):
            load.hashes.append(call(load.target, "eth_sendRawTransaction", raw))


def _percentiles(gaps: list[float]) -> list[float]:
    ordered = sorted(gaps)
    return [
        round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
        for share in (0.5, 0.9, 0.99, 1.0)
    ]


if __name__ == "__main__":
    run(sys.argv[1:])
