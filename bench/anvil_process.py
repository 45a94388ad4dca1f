"""anvil as a peer of a benchmark: one block a second, the same gas limit as ours."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.loadgen import GAS_LIMIT

ANVIL = Path("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
# The first of anvil's development accounts, public and the same everywhere.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
START_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Anvil:
    """A running anvil."""

    url: str
    key: str  # 0x-prefixed private key of a funded account
    pid: int


@contextlib.contextmanager
def anvil() -> Iterator[Anvil]:
    """Start anvil on a free port; stop it on the way out."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(ANVIL), "--port", str(port), "--silent", "--block-time", "1"]
    command += ["--gas-limit", str(GAS_LIMIT), "--order", "fifo", "--balance", "1000000"]
    with subprocess.Popen(command) as process:
        try:
            _await_port(port)
            yield Anvil(url=f"http://127.0.0.1:{port}", key=KEY, pid=process.pid)
        finally:
            process.terminate()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
