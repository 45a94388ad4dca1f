"""Transactions and reads beside anvil on this machine, in alternating runs.

The load generator is `tools/loadgen.py` of the shared folder beside the checkout; `compare.sh`
there starts anvil, alternates, and prints medians and ratios. Both chains make a block a second
with the same gas limit; ours keeps state roots and synced writes, anvil has neither.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.anvil_process import ANVIL
from bench.devnet_process import devnet
from bench.loadgen import BLOCK_BYTES, GAS_LIMIT, LOADGEN_PATH, TOOLS
from bench.report import publish


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench compare", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--txs", type=int, default=15_000, help="per workload and run")
    parser.add_argument("--workloads", default="transfer,erc20,swap,reads")
    parser.add_argument("--modes", default="single batch")
    parser.add_argument("--batcher", action="store_true", help="post batches meanwhile")
    options = parser.parse_args(arguments)
    script = TOOLS / "compare.sh"
    if not script.exists():
        raise SystemExit(f"{script.parent} is missing: the load generator lies beside the checkout")
    flags = () if options.batcher else ("--no-batcher",)
    with (
        tempfile.TemporaryDirectory(prefix="metis-bench-") as out,
        devnet(gas_limit=GAS_LIMIT, max_block_bytes=BLOCK_BYTES, options=flags) as node,
    ):
        environment = {
            **os.environ,
            "SECOND_URL": node.url,
            "SECOND_KEY": node.key,
            "SECOND_PID": str(node.pid),
            "RUNS": str(options.runs),
            "TXS": str(options.txs),
            "WORKLOADS": options.workloads,
            "MODES": options.modes,
            "ANVIL": str(ANVIL.resolve()),
            "PYTHON": sys.executable,
            "PYTHONPATH": str(LOADGEN_PATH),
            "OUT": out,
        }
        subprocess.run(["bash", str(script)], env=environment, check=True)
        results = json.loads((Path(out) / "compare.json").read_text())
    publish(
        "compare",
        ["workload", "metric", "anvil", "metis-node", "ratio", "worst", "best"],
        [_row(result) for result in results],
        runs=options.runs,
        txs=options.txs,
        batcher=options.batcher,
    )


def _row(result: dict[str, Any]) -> list[object]:
    ratios = [round(ratio, 2) for ratio in result["ratios"]]
    return [
        result["workload"],
        result["metric"],
        float(result["anvil"]),
        float(result["second"]),
        round(result["ratio"], 2),
        min(ratios),
        max(ratios),
    ]
