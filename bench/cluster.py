"""A devnet of several sequencers for benchmarks, and its nodes as processes that a benchmark may
kill and start again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.devnet_process import METIS_NODE

POLL_S = 0.02
GIVE_UP_S = 60.0
TICKS_PER_S = 100  # of /proc/PID/stat


@dataclass
class Node:
    """A sequencer's process."""

    name: str
    url: str
    pid: int
    config: str
    log: str
    child: subprocess.Popen[bytes] | None = None  # once we started it ourselves

    def call(self, method: str, *params: Any) -> Any:
        return call(self.url, method, *params)

    def head(self) -> int:
        return int(self.call("eth_blockNumber"), 16)

    def cpu_s(self) -> float:
        """Processor time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def rss_mb(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * 4 / 1024

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        if self.child is not None:
            self.child.wait()

    def command(self) -> list[str]:
        """What starts its process again."""
        port = self.url.rpartition(":")[2]
        program = [str(METIS_NODE), "start", "--config", self.config, "--json"]
        return [*program, "--rpc-port", port]

    def start(self) -> None:
        """Start its process, which is not running; return when it serves."""
        with Path(self.log).open("ab") as log:
            self.child = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=log)
        self.pid = self.child.pid
        first_object(self.child, self.log)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith(name) and line[len(name)] in "{ "
        )


@dataclass
class Cluster:
    """The nodes, and keys of funded accounts."""

    nodes: list[Node]
    keys: list[str]
    down: set[str] = field(default_factory=set)

    def up(self) -> list[Node]:
        return [node for node in self.nodes if node.name not in self.down]

    def leader(self) -> Node:
        """The node that says so of itself."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            for node in self.up():
                found = call(node.url, "metis_activeSequencer", quiet=True)
                if found and found.get("isMe"):
                    return node
            time.sleep(POLL_S)
        raise RuntimeError("nobody leads")

    def await_blocks(self, count: int, patience_s: float = GIVE_UP_S) -> None:
        """Until every node that is up has made so many more blocks."""
        marks = {node.name: node.head() for node in self.up()}
        deadline = time.monotonic() + patience_s
        for node in self.up():
            while node.head() < marks[node.name] + count:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{node.name} makes no blocks, see {node.log}")
                time.sleep(POLL_S)

    def is_one_chain(self) -> bool:
        height = min(node.head() for node in self.nodes)
        return len({block(node.url, height)["hash"] for node in self.nodes}) == 1

    def evidence(self) -> int:
        return sum(len(node.call("metis_evidence") or []) for node in self.nodes)


@contextlib.contextmanager
def running_cluster(
    size: int, *options: str, block_time_ms: int = 1_000, keep: Path | None = None
) -> Iterator[Cluster]:
    """`metis-node devnet --sequencers SIZE`; `keep` keeps its data and logs."""
    with tempfile.TemporaryDirectory(prefix="metis-cluster-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(str(METIS_NODE), "devnet", "--json", "--sequencers", str(size)),
            *("--port", "0", "--l1-port", "0", "-d", str(folder / "net")),
            *("--block-time-ms", str(block_time_ms), "--log-level", "info", *options),
        ]
        log = folder / "net.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream)
        nodes: list[Node] = []
        try:
            facts = first_object(process, str(log))
            nodes += [
                Node(one["name"], one["rpc"], one["pid"], one["config"], one["log"])
                for one in facts["sequencers"]
            ]
            keys = [account["private_key"] for account in facts["accounts"]]
            yield Cluster(nodes=nodes, keys=keys)
        finally:
            for node in nodes:
                if node.child is not None and node.child.poll() is None:
                    node.child.terminate()
                    node.child.wait()
            process.send_signal(signal.SIGINT)
            process.wait(GIVE_UP_S)


def first_object(process: subprocess.Popen[bytes], log: str) -> dict[str, Any]:
    """The JSON object that a command prints once it serves."""
    assert process.stdout is not None
    text = b""
    for line in process.stdout:
        text += line
        with contextlib.suppress(json.JSONDecodeError):
            found: dict[str, Any] = json.loads(text)
            return found
    raise RuntimeError(f"it does not start, see {log}")


def call(url: str, method: str, *params: Any, quiet: bool = False) -> Any:
    """The result. RuntimeError for an error, OSError without an answer; `quiet`: None for both."""
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


def block(url: str, number: int) -> dict[str, Any]:
    found: dict[str, Any] = call(url, "eth_getBlockByNumber", hex(number), False)
    return found
