"""The load generator: where it lies, what every run of it is given, and a run in batches of 100."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parents[2] / "shared" / "tools"
LOADGEN_PATH = Path(__file__).parent / "loadgen_path"  # on its PYTHONPATH
GAS_LIMIT = 1_000_000_000
BLOCK_BYTES = 16 << 20


def load(url: str, key: str, workload: str, txs: int, *, rate: int = 0) -> dict[str, Any]:
    """Its figures. `rate` in transactions a second; 0: as fast as the answers come."""
    with tempfile.TemporaryDirectory(prefix="metis-bench-") as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, str(TOOLS / "loadgen.py"), "--url", url),
            *("--workloads", workload, "--txs", str(txs)),
            *("--batch", "100", "--concurrency", "4", "--json", str(report)),
            *(("--rate", str(rate)) if rate else ()),
        ]
        environment = {**os.environ, "LOADGEN_KEY": key, "PYTHONPATH": str(LOADGEN_PATH)}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return dict(json.loads(report.read_text())["results"][0])
