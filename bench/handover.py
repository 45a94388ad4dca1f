"""How long clients see no block when the active sequencer fails: killed, frozen, cut off by its own
hand-over, hundreds of times, under load, on real processes.

A round: transfers go to a node that does not lead, a few a block; the leader is killed (-9), frozen
(SIGSTOP) or told to yield at a moment chosen by chance; the gap is the longest time between two
blocks with transactions of ours, as a node that stayed sees them. Then the leader comes back.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from eth_account import Account

from bench.devnet_process import METIS_NODE
from bench.report import publish

START_S = 180.0
LOAD_INTERVAL_S = 0.1  # between two transfers
POLL_S = 0.02
SETTLE_BLOCKS = 3  # between two faults
GIVE_UP_S = 60.0  # a gap that is no gap any more
FAULTS = ("kill", "freeze", "yield")


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench handover", description=__doc__)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=100, help="of each fault")
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=FAULTS)
    parser.add_argument("--block-time-ms", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="directory for data and logs, kept afterwards")
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    rows: list[list[object]] = []
    keep = options.keep
    with _cluster(options.nodes, options.block_time_ms, keep) as cluster, _load(cluster):
        cluster.await_blocks(3)
        for fault in options.faults:
            gaps: list[float] = []
            for number in range(options.rounds):
                gap = _round(cluster, fault, chance)
                gaps.append(gap)
                print(f"{fault} {number + 1}/{options.rounds}: {gap:.2f} s", flush=True)
            rows.append([options.nodes, fault, len(gaps), *_percentiles(gaps)])
        lost = cluster.lost_transactions()
        evidence = sum(len(_call(node.url, "metis_evidence") or []) for node in cluster.nodes)
        same = len({_hash_at(node.url, cluster.common_height()) for node in cluster.nodes}) == 1
    columns = ["nodes", "fault", "times", "gap p50 s", "p90 s", "p99 s", "max s"]
    publish("handover", columns, rows)
    print(f"sent {cluster.sent}, lost {lost}, evidence {evidence}, one chain: {same}")


@dataclass
class Node:
    """A sequencer's process."""

    name: str
    url: str
    pid: int
    config: str
    log: str
    child: subprocess.Popen[bytes] | None = None  # once we started it ourselves


@dataclass
class Cluster:
    """The nodes, and what a client knows."""

    nodes: list[Node]
    keys: list[str]
    sent: int = 0
    hashes: list[str] = field(default_factory=list)
    target: str = ""  # where the load goes
    down: set[str] = field(default_factory=set)

    def leader(self) -> Node:
        """As a majority of those that answer say."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            for node in self.nodes:
                if node.name in self.down:
                    continue
                found = _call(node.url, "metis_activeSequencer", quiet=True)
                if found and found.get("isMe"):
                    return node
            time.sleep(POLL_S)
        raise RuntimeError("nobody leads")

    def await_blocks(self, count: int) -> None:
        """Until every node that is up has made so many more blocks."""
        marks = {n.name: _head(n.url) for n in self.nodes if n.name not in self.down}
        deadline = time.monotonic() + GIVE_UP_S
        for node in self.nodes:
            while node.name in marks and _head(node.url) < marks[node.name] + count:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{node.name} makes no blocks, see {node.log}")
                time.sleep(POLL_S)

    def common_height(self) -> int:
        return min(_head(node.url) for node in self.nodes)

    def lost_transactions(self) -> int:
        """Of what was accepted, what no block has after a while."""
        deadline = time.monotonic() + GIVE_UP_S
        missing = list(self.hashes)
        while missing and time.monotonic() < deadline:
            url = self.nodes[0].url
            missing = [h for h in missing if not _call(url, "eth_getTransactionReceipt", h)]
            time.sleep(0.5)
        return len(missing)


def _round(cluster: Cluster, fault: str, chance: random.Random) -> float:
    leader = cluster.leader()
    witness = chance.choice([n for n in cluster.nodes if n is not leader])
    cluster.target = witness.url
    time.sleep(chance.random())
    watch = _Watch(witness.url)
    with watch:
        watch.await_blocks(1)
        _do(fault, leader, cluster)
        watch.await_blocks(3)
    _undo(fault, leader, cluster)
    cluster.await_blocks(SETTLE_BLOCKS)
    return watch.longest_gap


def _do(fault: str, leader: Node, cluster: Cluster) -> None:
    if fault == "kill":
        cluster.down.add(leader.name)
        os.kill(leader.pid, signal.SIGKILL)
    elif fault == "freeze":
        cluster.down.add(leader.name)
        os.kill(leader.pid, signal.SIGSTOP)
    else:
        _call(leader.url, "admin_yield")


def _undo(fault: str, leader: Node, cluster: Cluster) -> None:
    if fault == "freeze":
        os.kill(leader.pid, signal.SIGCONT)
    elif fault == "kill":
        _start_again(leader)
    cluster.down.discard(leader.name)


def _start_again(node: Node) -> None:
    if node.child is not None:
        node.child.wait()
    with Path(node.log).open("ab") as log:
        node.child = subprocess.Popen(
            [
                str(METIS_NODE),
                "start",
                "--config",
                node.config,
                "--json",
                "--rpc-port",
                _port(node),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
        )
    node.pid = node.child.pid
    assert node.child.stdout is not None
    text = b""
    while not text.rstrip().endswith(b"}"):
        chunk = node.child.stdout.readline()
        if not chunk:
            raise RuntimeError(f"{node.name} does not start again, see {node.log}")
        text += chunk
    node.url = json.loads(text)["rpc"]


def _port(node: Node) -> str:
    return node.url.rpartition(":")[2]


class _Watch:
    """Arrival times of blocks with transactions, at one node."""

    def __init__(self, url: str) -> None:
        self._url = url
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
        seen = _head(self._url)
        while not self._stop.wait(POLL_S):
            with contextlib.suppress(OSError):
                head = _head(self._url)
                if head <= seen:
                    continue
                for number in range(seen + 1, head + 1):
                    block = _call(self._url, "eth_getBlockByNumber", hex(number), False)
                    if len(block["transactions"]) > 2:  # beside the system's
                        self._arrivals.append(time.monotonic())
                seen = head


@contextlib.contextmanager
def _cluster(size: int, block_time_ms: int, keep: Path | None) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="metis-handover-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(str(METIS_NODE), "devnet", "--json", "--sequencers", str(size)),
            *("--port", "0", "--l1-port", "0", "-d", str(folder / "net")),
            *("--block-time-ms", str(block_time_ms), "--log-level", "info"),
        ]
        with (folder / "net.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        cluster: Cluster | None = None
        try:
            facts = _first_object(process)
            cluster = Cluster(
                nodes=[
                    Node(one["name"], one["rpc"], one["pid"], one["config"], one["log"])
                    for one in facts["sequencers"]
                ],
                keys=[account["private_key"] for account in facts["accounts"]],
            )
            yield cluster
        finally:
            for node in cluster.nodes if cluster is not None else ():
                if node.child is not None and node.child.poll() is None:
                    node.child.terminate()
                    node.child.wait()
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _first_object(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    text = b""
    for line in process.stdout:
        text += line
        with contextlib.suppress(json.JSONDecodeError):
            found: dict[str, Any] = json.loads(text)
            return found
    raise RuntimeError("the devnet does not start")


@contextlib.contextmanager
def _load(cluster: Cluster) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=_send, args=(cluster, stop), daemon=True)
    cluster.target = cluster.nodes[0].url
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(cluster: Cluster, stop: threading.Event) -> None:
    """Transfers of one account, one after the other; what is refused is tried again."""
    account = Account.from_key(cluster.keys[1])
    chain_id = int(_call(cluster.target, "eth_chainId"), 16)
    nonce = 0
    while not stop.wait(LOAD_INTERVAL_S):
        signed = account.sign_transaction(
            {
                "type": 2,
                "chainId": chain_id,
                "nonce": nonce,
                "to": account.address,
                "value": 1,
                "gas": 21_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**9,
            }
        )
        raw = "0x" + signed.raw_transaction.hex().removeprefix("0x")
        try:
            found = _call(cluster.target, "eth_sendRawTransaction", raw)
        except (OSError, RuntimeError):
            continue
        cluster.hashes.append(found)
        cluster.sent += 1
        nonce += 1


def _call(url: str, method: str, *params: Any, quiet: bool = False) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            found = json.loads(answer.read())
    except OSError:
        if quiet:
            return None
        raise
    if "error" in found:
        if quiet:
            return None
        raise RuntimeError(f"{method}: {found['error']}")
    return found["result"]


def _head(url: str) -> int:
    return int(_call(url, "eth_blockNumber"), 16)


def _hash_at(url: str, number: int) -> str:
    return str(_call(url, "eth_getBlockByNumber", hex(number), False)["hash"])


def _percentiles(gaps: list[float]) -> list[float]:
    ordered = sorted(gaps)
    return [
        round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
        for share in (0.5, 0.9, 0.99, 1.0)
    ]


if __name__ == "__main__":
    run(sys.argv[1:])
