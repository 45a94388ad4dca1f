"""The local journal is written soon, in the background, and a failure is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from metis_node.chain.local_journal import LocalJournal
from metis_node.engine.journal_writer import INTERVAL_S, JournalWriter
from metis_node.errors import Fatal
from metis_node.storage.memory import MemoryStore


class WatchedStore(MemoryStore):
    """Tells when it was written to, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.failure: Exception | None = None
        self.written = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], *, sync: bool = True) -> None:
        self.writes += 1
        self._loop.call_soon_threadsafe(self.written.set)
        if self.failure is not None:
            raise self.failure
        super().write(changes, sync=sync)


async def test_changes_are_written_together_and_soon() -> None:
    store = WatchedStore()
    journal = LocalJournal(store)
    writer = JournalWriter(journal)
    for number in range(10):
        journal.record(bytes([number]) * 32, b"raw")
        writer.touch()
    async with asyncio.timeout(50 * INTERVAL_S):
        await store.written.wait()
    assert store.writes == 1
    assert len(await writer.load()) == 10
    await writer.aclose()


async def test_closing_writes_what_is_left() -> None:
    store = WatchedStore()
    journal = LocalJournal(store)
    writer = JournalWriter(journal)
    journal.record(b"\1" * 32, b"raw")
    writer.touch()
    await writer.aclose()
    assert LocalJournal(store).load() == [b"raw"]
    writer.touch()  # nothing is started any more
    assert store.writes == 1


async def test_a_failed_write_is_told_to_the_next_who_asks() -> None:
    store = WatchedStore()
    store.failure = Fatal("the disk is full")
    journal = LocalJournal(store)
    writer = JournalWriter(journal)
    journal.record(b"\1" * 32, b"raw")
    with pytest.raises(Fatal, match="the disk is full"):
        await touched_until_it_raises(writer)
    store.failure = None
    await writer.aclose()


async def touched_until_it_raises(writer: JournalWriter) -> None:
    async with asyncio.timeout(50 * INTERVAL_S):
        while True:
            writer.touch()
            await asyncio.sleep(0)
