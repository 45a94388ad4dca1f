"""A devnet for benchmarks: the L1 and the sequencer as processes of their own, so that the figures
of the sequencer are its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METIS_NODE = Path(sys.executable).with_name("metis-node")
STOP_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Devnet:
    """A running sequencer."""

    url: str
    key: str  # 0x-prefixed private key of a funded account
    pid: int
    data_dir: Path


@contextlib.contextmanager
def devnet(
    *, gas_limit: int, max_block_bytes: int, options: tuple[str, ...] = ()
) -> Iterator[Devnet]:
    """Start L1 and sequencer in a temporary directory; stop both on the way out."""
    with (
        tempfile.TemporaryDirectory(prefix="metis-bench-") as folder,
        contextlib.ExitStack() as stack,
    ):
        root = Path(folder)
        l1, facts = _start(
            root / "l1.log", "l1-dev", "--json", "--port", "0", "-d", str(root / "l1")
        )
        stack.callback(_stop, l1)
        node, banner = _start(
            root / "node.log",
            "devnet",
            "--json",
            "--port",
            "0",
            "--l1",
            _url(facts),
            "-d",
            str(root / "l2"),
            "--gas-limit",
            str(gas_limit),
            "--max-block-bytes",
            str(max_block_bytes),
            "--log-level",
            "warning",
            *options,
        )
        stack.callback(_stop, node)
        key = banner["accounts"][0]["private_key"]
        yield Devnet(url=_url(banner), key=key, pid=node.pid, data_dir=root / "l2")


def _start(log: Path, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    with log.open("w") as errors:
        process = subprocess.Popen(
            [METIS_NODE, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        with contextlib.suppress(json.JSONDecodeError):
            return process, json.loads(text)
    process.wait(STOP_TIMEOUT_S)
    raise SystemExit(f"`metis-node {' '.join(arguments)}` ended:\n{log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(STOP_TIMEOUT_S)


def _url(facts: dict[str, Any]) -> str:
    return str(facts["rpc"])
