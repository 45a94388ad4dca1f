"""Where the load generator lies, and what every run of it is given."""

from __future__ import annotations

from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "shared" / "tools"
LOADGEN_PATH = Path(__file__).parent / "loadgen_path"  # on its PYTHONPATH
GAS_LIMIT = 1_000_000_000
BLOCK_BYTES = 16 << 20
