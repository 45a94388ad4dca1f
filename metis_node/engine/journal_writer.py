"""Writes the local journal's changes, on a thread and not too often."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from metis_node.chain.local_journal import LocalJournal

# A killed process forgets at most what it took within this time; writing more often costs two
# thread switches each.
INTERVAL_S = 0.02


class JournalWriter:
    """Call `touch` on the event loop whenever the journal has changed."""

    def __init__(self, journal: LocalJournal) -> None:
        self._journal = journal
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._closed = False

    def touch(self) -> None:
        """See to it that what has changed is written. Raises what the last write raised."""
        if self._failure is not None:
            raise self._failure
        if self._timer is None and self._writing is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._write)

    async def load(self) -> list[bytes]:
        """Raw transactions of the last run."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._journal.load)

    async def aclose(self) -> None:
        """Write what is left, end the thread."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        changes = self._journal.take()
        await loop.run_in_executor(self._thread, self._journal.write, changes)
        await loop.run_in_executor(None, self._thread.shutdown)

    def _write(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        changes = self._journal.take()
        self._writing = loop.run_in_executor(self._thread, self._journal.write, changes)
        self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if not writing.cancelled() and (error := writing.exception()) is not None:
            self._failure = error
        elif len(self._journal):
            self.touch()
