"""The embedded L1 as a child process of a devnet: its memory and processor time stay apart."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from metis_node.node.child_process import ChildProcess, running_child


def l1_process(
    *, data_dir: Path, log_file: Path, host: str, port: int, block_time_ms: int, fork: str
) -> AbstractContextManager[ChildProcess]:
    """Start the L1; stop it when the block is left."""
    command = ["l1-dev", "--json", "--data-dir", str(data_dir), "--host", host]
    command += ["--port", str(port), "--block-time-ms", str(block_time_ms), "--fork", fork]
    return running_child("the embedded L1", command, log_file)
