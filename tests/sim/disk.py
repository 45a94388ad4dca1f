"""A disk in memory under the real journal and guard: what was not flushed is lost with the process,
and a write under way may be torn anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from metis_node.consensus.guard import Guard
from metis_node.engine.consensus.journal import ConsensusJournal, Entry
from metis_node.engine.consensus.signer import GuardFile


class Crash(Exception):
    """The process ends here."""


class MemoryFile:
    """A file that outlives the process, and no test run."""

    def __init__(self, name: str) -> None:
        self._descriptor = os.memfd_create(name)
        self.path = Path(f"/proc/self/fd/{self._descriptor}")

    def read(self) -> bytes:
        return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)

    def write(self, data: bytes, at: int) -> None:
        os.pwrite(self._descriptor, data, at)

    def append(self, data: bytes) -> None:
        self.write(data, os.fstat(self._descriptor).st_size)

    def truncate(self) -> None:
        os.ftruncate(self._descriptor, 0)

    def copy(self) -> MemoryFile:
        twin = MemoryFile("copy")
        twin.append(self.read())
        return twin

    def close(self) -> None:
        os.close(self._descriptor)


class Faults:
    """Whether the process dies at this write: asked by every write."""

    def __init__(self, random: Random, chance: Callable[[], float]) -> None:
        self._random = random
        self._chance = chance

    def strikes(self) -> bool:
        chance = self._chance()
        return chance > 0 and self._random.random() < chance

    def torn(self, data: bytes) -> bytes:
        """What of a write reached the disk."""
        return data[: self._random.randrange(len(data) + 1)]

    def before(self) -> bool:
        return self._random.random() < 0.5


class SimJournal(ConsensusJournal):
    """The real journal, flushed in step with the simulation."""

    def __init__(self, file: MemoryFile, faults: Faults | None) -> None:
        super().__init__(file.path)
        self._file = file
        self._faults = faults

    @property
    def is_dirty(self) -> bool:
        return self._log.is_dirty

    def record(self, entry: Entry) -> None:
        super().record(entry)
        if self._faults is not None and self._faults.strikes():
            raise Crash("while it recorded")

    def flush_now(self) -> None:
        if not self._log.is_dirty:
            return
        if self._faults is not None and self._faults.strikes():
            buffered = b"".join(self._log._buffer)
            self._file.append(self._faults.torn(buffered))
            raise Crash("while its journal was written")
        self._log.flush()
        if self._faults is not None and self._faults.strikes():
            raise Crash("after its journal was written")


class SimGuardFile(GuardFile):
    """The real guard's file; a torn write leaves the other slot."""

    def __init__(self, file: MemoryFile, faults: Faults | None) -> None:
        super().__init__(file.path)
        self._memory = file
        self._faults = faults

    def _load(self) -> None:
        if self._descriptor and os.fstat(self._descriptor).st_size:
            super()._load()

    def store(self, guard: Guard) -> None:
        if self._faults is None or not self._faults.strikes():
            super().store(guard)
            return
        if self._faults.before():
            raise Crash("before its guard was written")
        kept = self._memory.read()
        super().store(guard)
        written = self._memory.read()
        changed = [at for at in range(len(written)) if written[at : at + 1] != kept[at : at + 1]]
        if self._faults.before():
            raise Crash("after its guard was written")
        cut = self._faults.torn(bytes(len(changed)))
        for at in changed[len(cut) :]:
            self._memory.write(kept[at : at + 1] or b"\0", at)
        raise Crash("while its guard was written")
