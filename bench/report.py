"""What every benchmark prints and saves: a table, JSON, the machine and the command."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """The machine a figure was taken on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(kilobytes / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def table(columns: list[str], rows: list[list[object]]) -> str:
    """A Markdown table, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    head = "| " + " | ".join(name.ljust(w) for name, w in zip(columns, widths, strict=True)) + " |"
    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    lines = [
        "| " + " | ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([head, rule, *lines])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def publish(name: str, columns: list[str], rows: list[list[object]], **facts: Any) -> None:
    """Print the table and save it as JSON under `bench/results/`."""
    command = "python -m bench " + " ".join(sys.argv[1:])
    print(f"\n{name}  ({command})\n\n{table(columns, rows)}\n")
    RESULTS.mkdir(exist_ok=True)
    report = {
        "name": name,
        "command": command,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "columns": columns,
        "rows": rows,
        **facts,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"saved {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
