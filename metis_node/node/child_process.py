"""Processes that a devnet starts and ends: the embedded L1, and nodes."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from metis_node.errors import Fatal, Temporary

START_S = 60.0  # a first start on a loaded machine
STOP_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildProcess:
    """A started `metis-node` command, which may not serve yet."""

    name: str  # for messages: "the embedded L1"
    child: subprocess.Popen[bytes]
    log_file: Path

    @property
    def pid(self) -> int:
        return self.child.pid

    def await_facts(self) -> dict[str, Any]:
        """The JSON object that the child prints as soon as it serves. Temporary with the end of its
        log where it does not."""
        assert self.child.stdout is not None
        text = b""
        deadline = time.monotonic() + START_S
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self.child.stdout], [], [], left)
            chunk = self.child.stdout.read1(65_536) if readable else b""  # type: ignore[attr-defined]
            if readable and not chunk:
                break
            text += chunk
            try:
                facts: dict[str, Any] = orjson.loads(text)
                return facts
            except orjson.JSONDecodeError:
                continue
        raise Temporary(
            f"{self.name} did not start; the end of {self.log_file} says:\n{self._tail()}"
        )

    async def watch(self) -> None:
        """Run beside the devnet: a devnet without this child ends, saying why."""
        await ended(self.child.pid)
        raise Fatal(
            f"{self.name} ended with code {self.child.wait()}; the end of {self.log_file} "
            f"says:\n{self._tail()}"
        )

    def stop(self) -> None:
        """Ask it to end, and end it where it does not."""
        self.child.terminate()
        try:
            self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        assert self.child.stdout is not None
        self.child.stdout.close()

    def _tail(self, lines: int = 5) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])


def start_child(name: str, command: Sequence[str], log_file: Path) -> ChildProcess:
    """`metis-node COMMAND`, which ends with this process."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "metis_node", *command, "--with-parent"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the devnet, which ends this child
        )
    return ChildProcess(name=name, child=child, log_file=log_file)


@contextmanager
def running_child(name: str, command: Sequence[str], log_file: Path) -> Iterator[ChildProcess]:
    """Started here, stopped when the block is left."""
    process = start_child(name, command, log_file)
    try:
        yield process
    finally:
        process.stop()


async def ended(pid: int) -> None:
    """Return when a child has ended; it is not reaped."""
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
