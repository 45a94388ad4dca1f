"""kill -9 at any moment: every block that was announced is in the store, whole, and the store
verifies from genesis."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from metis_node.chain.block_store import read_header
from metis_node.chain.verification import verify_store
from metis_node.storage.leveldb import open_store

pytestmark = pytest.mark.e2e

KILLS = int(os.environ.get("METIS_TEST_KILLS", "12"))
SEED = int(os.environ.get("METIS_TEST_SEED", "1"))
BLOCKS_BEFORE_KILL = 3
LONGEST_DELAY_S = 0.4  # two block times, so that every phase of a block is hit


class Producer:
    """One life of the loaded process."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.loaded_producer", str(directory)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        self._lines = self.process.stdout

    def line(self) -> list[str]:
        line = self._lines.readline()
        if not line.endswith("\n"):
            raise AssertionError(f"the producer ended by itself: {self.process.wait()}")
        return line.split()

    def kill(self) -> list[list[str]]:
        """SIGKILL; the whole lines it had still said."""
        self.process.send_signal(signal.SIGKILL)
        rest = self._lines.read()
        self.process.wait()
        self._lines.close()
        return [line.split() for line in rest.splitlines(keepends=True) if line.endswith("\n")]


def note(announced: dict[int, str], words: list[str]) -> int:
    """Take down an announced head; a height never changes its hash."""
    assert words[0] == "head"
    number, name = int(words[1]), words[2]
    assert announced.setdefault(number, name) == name
    return int(words[3]) - 1


@pytest.mark.timeout(600)
def test_killed_producers_lose_no_block_and_leave_no_half(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    announced: dict[int, str] = {}
    transactions = 0
    for _ in range(KILLS):
        producer = Producer(tmp_path)
        _, number, name = producer.line()
        if announced:
            assert int(number) >= max(announced)
        assert announced.setdefault(int(number), name) == name
        for _ in range(BLOCKS_BEFORE_KILL):
            transactions += note(announced, producer.line())
        threading.Event().wait(chance.uniform(0, LONGEST_DELAY_S))  # the moment is what is random
        for words in producer.kill():
            transactions += note(announced, words)
    assert transactions > 100 * KILLS
    check(tmp_path, announced)


def check(directory: Path, announced: dict[int, str]) -> None:
    store = open_store(directory, create=False)
    try:
        report = verify_store(store)
        assert report.findings == []
        assert report.head >= max(announced)
        for number, name in announced.items():
            sealed = read_header(store, number)
            assert sealed is not None
            assert sealed.hash.hex() == name
        assert report.transactions > report.blocks
    finally:
        store.close()
