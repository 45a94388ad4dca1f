"""The key-value port over LevelDB: the only import of plyvel.

One directory, one process: a second one is refused and told who holds it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import plyvel

from metis_node.errors import CorruptStore, Fatal, SchemaMismatch, StoreLocked
from metis_node.storage.tables import META_SCHEMA, SCHEMA_VERSION, be32

WRITE_BUFFER_BYTES = 64 << 20
CACHE_BYTES = 128 << 20
BLOOM_BITS = 10  # per key: one false read in a hundred
# Index and filter of an open table stay in memory: about 2 % of its size.
TABLE_BYTES = 8 << 20
MAX_OPEN_FILES = 128
OWNER_FILE = "LOCK.owner"  # pid of the process that holds the directory


class _Reads:
    """Reads over a plyvel database or snapshot."""

    _source: Any

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._source.get(key)
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        get = self._source.get
        return [get(key) for key in keys]

    def iterate(
        self, start: bytes, stop: bytes, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        if reverse:
            yield from self._reversed(start, stop)
            return
        with self._source.iterator(start=start, stop=stop) as pairs:
            yield from pairs

    def keys(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[bytes]:
        if reverse:
            yield from (key for key, _ in self._reversed(start, stop))
            return
        with self._source.iterator(start=start, stop=stop, include_value=False) as keys:
            yield from keys

    def _reversed(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Without plyvel's own lower bound: with one, a reverse iterator over a range whose only
        key is `start` gives nothing (plyvel 1.5.1)."""
        if start >= stop:
            return
        with self._source.iterator(stop=stop, reverse=True) as pairs:
            for key, value in pairs:
                if key < start:
                    return
                yield key, value


class LevelSnapshot(_Reads):
    """A frozen state of a `LevelStore`."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def close(self) -> None:
        self._source.close()


class LevelStore(_Reads):
    """A `KeyValueStore` on disk. Make one with `open_store`."""

    def __init__(self, database: Any, owner_file: Path) -> None:
        self._source = database
        self._owner_file = owner_file

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], *, sync: bool = True) -> None:
        """All or nothing. Raises Fatal where the disk refused: LevelDB takes no more writes then,
        and after a restart nothing of this one is there."""
        batch = self._source.write_batch(sync=sync)
        put, delete = batch.put, batch.delete
        for key, value in changes:
            if value is None:
                delete(key)
            else:
                put(key, value)
        try:
            batch.write()
        except (plyvel.Error, OSError) as error:
            raise Fatal(
                f"the database could not write: {error}; free space on the disk or mend it, then "
                "start the node again"
            ) from error

    def snapshot(self) -> LevelSnapshot:
        return LevelSnapshot(self._source.snapshot())

    def close(self) -> None:
        """Release the directory."""
        if not self._source.closed:
            self._source.close()
            self._owner_file.unlink(missing_ok=True)

    def statistics(self) -> str:
        """LevelDB's own table of levels and compactions, as text."""
        value: bytes | None = self._source.get_property(b"leveldb.stats")
        return value.decode() if value is not None else ""


def open_store(
    directory: Path,
    *,
    create: bool = True,
    cache_bytes: int = CACHE_BYTES,
    write_buffer_bytes: int = WRITE_BUFFER_BYTES,
) -> LevelStore:
    """Open or make the database in `directory`.

    Raises StoreLocked naming the process that holds it, SchemaMismatch where another version of
    the software wrote it, CorruptStore where LevelDB refuses its files.
    """
    if create:
        directory.mkdir(parents=True, exist_ok=True)
    elif not (directory / "CURRENT").exists():  # LevelDB would complain of its lock
        raise CorruptStore(f"there is no database in {directory}: run `metis-node init` first")
    database = _open_database(directory, create, cache_bytes, write_buffer_bytes)
    owner_file = directory / OWNER_FILE
    try:
        _check_schema(database, directory)
        owner_file.write_text(f"{os.getpid()}\n")
    except BaseException:
        database.close()
        raise
    return LevelStore(database, owner_file)


def _open_database(directory: Path, create: bool, cache_bytes: int, write_buffer: int) -> Any:
    try:
        return plyvel.DB(
            str(directory),
            create_if_missing=create,
            lru_cache_size=cache_bytes,
            write_buffer_size=write_buffer,
            bloom_filter_bits=BLOOM_BITS,
            max_open_files=MAX_OPEN_FILES,
            max_file_size=TABLE_BYTES,
            paranoid_checks=False,
        )
    except (plyvel.Error, OSError) as error:
        text = str(error)
        if re.search(r"lock", text, re.IGNORECASE) and "LOCK" in text:
            raise _locked(directory) from error
        raise CorruptStore(
            f"LevelDB refuses the database in {directory}: {text}; restore it from a copy, or "
            "rebuild it with `metis-node sync --from l1`"
        ) from error


def _locked(directory: Path) -> StoreLocked:
    owner = ""
    with contextlib.suppress(OSError):
        owner = (directory / OWNER_FILE).read_text().strip()
    who = f"process {owner}" if owner.isdigit() else "another process"
    return StoreLocked(
        f"the data directory {directory} is in use by {who}: stop that node first, or choose "
        "another data directory",
        pid=int(owner) if owner.isdigit() else None,
    )


def _check_schema(database: Any, directory: Path) -> None:
    stored = database.get(META_SCHEMA)
    if stored is None:
        with database.iterator(include_value=False) as keys:
            if next(keys, None) is not None:
                raise SchemaMismatch(
                    f"the database in {directory} was not written by this software: choose another "
                    "data directory"
                )
        database.put(META_SCHEMA, be32(SCHEMA_VERSION), sync=True)
        return
    version = int.from_bytes(stored, "big")
    if version > SCHEMA_VERSION:
        raise SchemaMismatch(
            f"the database in {directory} has schema {version}, this software knows up to "
            f"{SCHEMA_VERSION}: install the newer version that wrote it"
        )
    if version < SCHEMA_VERSION:
        raise SchemaMismatch(
            f"the database in {directory} has the older schema {version}, this software needs "
            f"{SCHEMA_VERSION}: rebuild it with `metis-node sync --from l1`"
        )
