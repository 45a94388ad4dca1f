"""The embedded L1 as a child process of a devnet: its memory and processor time stay apart."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from metis_node.errors import Fatal, Temporary

START_S = 60.0  # a first start on a loaded machine
STOP_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Process:
    """A started embedded L1, which may not serve yet."""

    child: subprocess.Popen[bytes]
    log_file: Path

    @property
    def pid(self) -> int:
        return self.child.pid

    def await_url(self) -> str:
        """Where it serves, once it does. Temporary with the end of its log where it does not."""
        return _awaited_url(self.child, self.log_file)

    async def watch(self) -> None:
        """Run beside the devnet: a devnet without its L1 ends, saying why."""
        await _ended(self.child.pid)
        raise Fatal(
            f"the embedded L1 ended with code {self.child.wait()}; the end of {self.log_file} "
            f"says:\n{_tail(self.log_file)}"
        )


@contextmanager
def l1_process(
    *, data_dir: Path, log_file: Path, host: str, port: int, block_time_ms: int, fork: str
) -> Iterator[L1Process]:
    """Start the L1; stop it when the block is left."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "metis_node", "l1-dev", "--json", "--with-parent"]
    command += ["--data-dir", str(data_dir), "--host", host, "--port", str(port)]
    command += ["--block-time-ms", str(block_time_ms), "--fork", fork]
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the devnet, which ends this child last
        )
    try:
        yield L1Process(child=child, log_file=log_file)
    finally:
        _stop(child)


def _awaited_url(child: subprocess.Popen[bytes], log_file: Path) -> str:
    """The JSON object that the child prints as soon as it serves."""
    assert child.stdout is not None
    text = b""
    deadline = time.monotonic() + START_S
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([child.stdout], [], [], left)
        chunk = child.stdout.read1(65_536) if readable else b""  # type: ignore[attr-defined]
        if readable and not chunk:
            break
        text += chunk
        try:
            return str(orjson.loads(text)["rpc"])
        except orjson.JSONDecodeError:
            continue
    raise Temporary(
        f"the embedded L1 did not start; the end of {log_file} says:\n{_tail(log_file)}"
    )


async def _ended(pid: int) -> None:
    """Return when a child has ended; it is not reaped."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _tail(log_file: Path, lines: int = 5) -> str:
    return "\n".join(log_file.read_text(errors="replace").splitlines()[-lines:])


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    assert child.stdout is not None
    child.stdout.close()
