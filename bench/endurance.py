"""Memory and speed over a long run: one workload, many transactions, resident memory by the way."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bench.devnet_process import devnet
from bench.loadgen import BLOCK_BYTES, GAS_LIMIT, LOADGEN_PATH, TOOLS
from bench.report import publish

SAMPLE_INTERVAL_S = 5.0


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench endurance", description=__doc__)
    parser.add_argument("--txs", type=int, default=1_000_000)
    parser.add_argument("--round", type=int, default=50_000, help="transactions signed at a time")
    parser.add_argument("--workload", default="transfer")
    parser.add_argument("--batcher", action="store_true", help="post batches meanwhile")
    options = parser.parse_args(arguments)
    flags = () if options.batcher else ("--no-batcher",)
    rows: list[list[object]] = []
    with devnet(gas_limit=GAS_LIMIT, max_block_bytes=BLOCK_BYTES, options=flags) as node:
        for done in range(0, options.txs, options.round):
            peak = _Peak(node.pid)
            with peak:
                result = _load(node.url, node.key, options.workload, options.round)
            rows.append(
                [
                    done + options.round,
                    float(result["e2e_tps"]),
                    int(result["failed"]) + int(result["lost"]),
                    round(peak.rss_mb(), 1),
                    round(peak.highest_mb, 1),
                ]
            )
            print(rows[-1], flush=True)
    publish("endurance", ["transactions", "e2e tx/s", "bad", "RSS MB", "peak MB"], rows)


def _load(url: str, key: str, workload: str, txs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="metis-bench-") as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [
                sys.executable,
                str(TOOLS / "loadgen.py"),
                *("--url", url, "--workloads", workload, "--txs", str(txs)),
                *("--batch", "100", "--concurrency", "4", "--json", str(report)),
            ],
            env={**os.environ, "LOADGEN_KEY": key, "PYTHONPATH": str(LOADGEN_PATH)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        results = json.loads(report.read_text())["results"]
    return dict(results[0])


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

    def rss_mb(self) -> float:
        line = next(x for x in self._status.read_text().splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_INTERVAL_S):
            self.highest_mb = max(self.highest_mb, self.rss_mb())
