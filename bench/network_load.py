"""What gossip and direct streams cost: CPU per message and latency between 4 or more processes.

Each node is a process with its own libp2p host on loopback. `idle`: nothing is said. `heights`:
what a block each second needs (two votes of each node to each other, one proposal of 20 kB, one
decided block). `direct` and `gossip`: votes of 200 bytes, each node so many a second to all others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.report import publish
from metis_node.network.service import NetworkService
from metis_node.network.settings import NetworkSettings
from metis_node.types.network import NetworkIdentity, PeerId, RequestKind, Topic
from metis_node.types.primitives import ZERO_HASH

VOTE_BYTES, PROPOSAL_BYTES = 200, 20_000
DRAIN_S = 1.0
COLUMNS = [
    "load", "nodes", "messages/s in a node", "arrived %", "p50 ms", "p99 ms", "CPU % of a core",
    "CPU ms/message",
]  # fmt: skip


@dataclass(slots=True)
class Measured:
    """What one node saw in one run."""

    sent: int = 0
    waits_ms: list[float] = field(default_factory=list)


class Child:
    """One node: reads what to do from its standard input, one JSON object a line."""

    def __init__(self, directory: str, number: int, bootstrap: list[str]) -> None:
        self._number = number
        self._measured = Measured()
        self.network = NetworkService(
            NetworkIdentity(chain_id=1, genesis_hash=ZERO_HASH, parameters_hash=ZERO_HASH),
            NetworkSettings(
                listen_host="127.0.0.1",
                listen_port=0,
                bootstrap=tuple(bootstrap),
                address_book=Path(directory) / f"{number}.json",
                target_peers=64,
                max_peers=64,
            ),
            secret=(1_000 + number).to_bytes(32, "big"),
            on_message=self._on_message,
            on_request=self._on_request,
            on_failed=lambda error: sys.exit(error.message),
        )

    def _on_message(self, _peer: PeerId, _topic: Topic, payload: bytes) -> None:
        sent_at = int.from_bytes(payload[:8], "big")
        self._measured.waits_ms.append((time.time_ns() - sent_at) / 1e6)

    async def _on_request(self, _peer: PeerId, _kind: RequestKind, payload: bytes) -> bytes:
        return payload

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.network:
            say({"address": self.network.listen_addresses[0]})
            while line := await loop.run_in_executor(None, sys.stdin.readline):
                order = json.loads(line)
                say(await getattr(self, order.pop("do"))(**order))

    async def meshed(self, peers: int) -> dict[str, Any]:
        async with asyncio.timeout(120):
            while not self._is_meshed(peers):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        return {}

    def _is_meshed(self, peers: int) -> bool:
        mesh = min(self.network.stats().mesh.values())
        return len(self.network.peers()) == peers and mesh >= min(peers, 4)

    async def run(self, load: str, rate: float, seconds: float) -> dict[str, Any]:
        """One load for so long, and a moment for what is under way."""
        self._measured = Measured()
        cpu, started = time.process_time(), time.monotonic()
        turn = 0
        while (due := turn / rate) < seconds:
            await asyncio.sleep(max(0.0, started + due - time.monotonic()))
            self._say_something(load, turn)
            turn += 1
        await asyncio.sleep(max(0.0, started + seconds - time.monotonic()) + DRAIN_S)
        measured = self._measured
        return {
            "sent": measured.sent,
            "waits_ms": measured.waits_ms,
            "cpu_s": time.process_time() - cpu,
            "wall_s": time.monotonic() - started,
        }

    def _say_something(self, load: str, turn: int) -> None:
        if load in {"direct", "gossip"}:
            self._to_all(Topic.VOTES, VOTE_BYTES, directly=load == "direct")
        elif load == "heights":
            others = len(self.network.peers()) + 1
            if turn % others == self._number:
                self._to_all(Topic.PROPOSALS, PROPOSAL_BYTES, directly=True)
                self._to_all(Topic.BLOCKS, PROPOSAL_BYTES, directly=False)
            for _ in range(2):
                self._to_all(Topic.VOTES, VOTE_BYTES, directly=True)

    def _to_all(self, topic: Topic, size: int, *, directly: bool) -> None:
        head = time.time_ns().to_bytes(8, "big") + self._number.to_bytes(2, "big")
        payload = head.ljust(size, b"\x5a")
        peers = self.network.peers()
        self._measured.sent += len(peers)
        if not directly:
            self.network.publish(topic, payload)
            return
        for peer in peers:
            self.network.send(peer.id, topic, payload)


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


@dataclass(slots=True)
class Process:
    """A child's pipe ends."""

    process: asyncio.subprocess.Process

    async def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        while line and not line.startswith(b"{"):  # a log line
            line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("a node of the benchmark ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


async def measure(count: int, loads: list[tuple[str, float]], seconds: float) -> list[list[object]]:
    """Rows of the table for so many nodes."""
    with tempfile.TemporaryDirectory() as directory:
        processes: list[Process] = []
        try:
            addresses: list[str] = []
            for number in range(count):
                processes.append(await start(directory, number, addresses))
                addresses.append((await processes[-1].answer())["address"])
            await asyncio.gather(*(p.ask(do="meshed", peers=count - 1) for p in processes))
            return [await one_load(processes, load, rate, seconds) for load, rate in loads]
        finally:
            for child in processes:
                child.process.kill()
                await child.process.wait()


async def start(directory: str, number: int, bootstrap: list[str]) -> Process:
    return Process(
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "bench.network_load",
            directory,
            str(number),
            *bootstrap,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
    )


async def one_load(
    processes: list[Process], load: str, rate: float, seconds: float
) -> list[object]:
    results = await asyncio.gather(
        *(p.ask(do="run", load=load, rate=rate, seconds=seconds) for p in processes)
    )
    waits = sorted(wait for result in results for wait in result["waits_ms"])
    sent = sum(result["sent"] for result in results)
    cpu_s = sum(result["cpu_s"] for result in results)
    wall_s = sum(result["wall_s"] for result in results)
    return [
        load, len(processes), len(waits) / len(processes) / seconds,
        100 * len(waits) / sent if sent else "", percentile(waits, 50), percentile(waits, 99),
        100 * cpu_s / wall_s, 1_000 * cpu_s / len(waits) if waits else "",
    ]  # fmt: skip


def percentile(ordered: list[float], percent: int) -> float | str:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else ""


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench network_load", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[4, 7])
    parser.add_argument("--rate", type=float, default=20.0, help="votes of a node in a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(arguments)
    loads = [("idle", 1.0), ("heights", 1.0), ("direct", options.rate), ("gossip", options.rate)]
    rows: list[list[object]] = []
    for count in options.nodes:
        rows += asyncio.run(measure(count, loads, options.seconds))
    publish("network_load", COLUMNS, rows)


if __name__ == "__main__":
    asyncio.run(Child(sys.argv[1], int(sys.argv[2]), sys.argv[3:]).serve())
