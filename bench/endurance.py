"""Memory and speed over a long run: one workload, many transactions, resident memory by the way.

With `--peer` anvil gets the same rounds in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
from pathlib import Path

from bench.anvil_process import Anvil, anvil
from bench.devnet_process import Devnet, devnet
from bench.loadgen import BLOCK_BYTES, GAS_LIMIT, load
from bench.report import publish

SAMPLE_INTERVAL_S = 1.0
FIGURES = ("tx/s", "bad", "RSS MB", "of it mapped files MB", "peak MB")


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench endurance", description=__doc__)
    parser.add_argument("--txs", type=int, default=1_000_000)
    parser.add_argument("--round", type=int, default=50_000, help="transactions signed at a time")
    parser.add_argument("--workload", default="transfer")
    parser.add_argument("--batcher", action="store_true", help="post batches meanwhile")
    parser.add_argument("--peer", action="store_true", help="the same to anvil, in turn")
    options = parser.parse_args(arguments)
    flags = () if options.batcher else ("--no-batcher",)
    columns = ["transactions"]
    rows: list[list[object]] = []
    with contextlib.ExitStack() as stack:
        node = devnet(gas_limit=GAS_LIMIT, max_block_bytes=BLOCK_BYTES, options=flags)
        servers: dict[str, Devnet | Anvil] = {"metis-node": stack.enter_context(node)}
        if options.peer:
            servers["anvil"] = stack.enter_context(anvil())
        for name in servers:
            columns += [f"{name} {figure}" for figure in FIGURES]
        for done in range(0, options.txs, options.round):
            row: list[object] = [done + options.round]
            for server in servers.values():
                row += _round(server, options.workload, options.round)
            rows.append(row)
            print(row, flush=True)
    publish("endurance", columns, rows)


def _round(server: Devnet | Anvil, workload: str, txs: int) -> list[object]:
    peak = _Peak(server.pid)
    with peak:
        result = load(server.url, server.key, workload, txs)
    bad = int(result["failed"]) + int(result["lost"])
    mapped = peak.rss_mb("RssFile")
    speed = float(result["e2e_tps"])
    return [speed, bad, round(peak.rss_mb(), 1), round(mapped, 1), round(peak.highest_mb, 1)]


class _Peak:
    """Samples a process's resident memory while entered."""

    def __init__(self, pid: int) -> None:
        self.highest_mb = 0.0
        self._status = Path(f"/proc/{pid}/status")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def rss_mb(self, kind: str = "VmRSS") -> float:
        """`RssFile`: pages of mapped files, which the kernel takes back when it needs them."""
        line = next(x for x in self._status.read_text().splitlines() if x.startswith(kind))
        return int(line.split()[1]) / 1024

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_INTERVAL_S):
            self.highest_mb = max(self.highest_mb, self.rss_mb())
