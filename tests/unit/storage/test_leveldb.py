"""LevelDB on disk: durability, the lock and who holds it, the schema, damaged files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from metis_node.errors import CorruptStore, SchemaMismatch, StoreLocked
from metis_node.storage.leveldb import OWNER_FILE, open_store
from metis_node.storage.tables import META_SCHEMA, SCHEMA_VERSION, be32

HOLDER = """
import sys
from pathlib import Path
from metis_node.storage.leveldb import open_store
store = open_store(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from metis_node.errors import Fatal
from metis_node.storage.leveldb import open_store
store = open_store(Path(sys.argv[1]))
store.write([(b"xa", b"kept")])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
for attempt in range(2):
    try:
        store.write([(b"xb", b"half"), (b"xc", bytes(4 << 20)), (b"xd", b"half")])
    except Fatal as error:
        print(error.message)
"""


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    store = open_store(tmp_path / "deep" / "db")
    store.write([(b"xa", b"1")])
    store.close()
    store.close()
    again = open_store(tmp_path / "deep" / "db")
    assert again.get(b"xa") == b"1"
    assert "Compactions" in again.statistics()
    again.close()


def test_a_second_open_names_this_process(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(StoreLocked, match=f"in use by process {os.getpid()}:") as caught:
        open_store(tmp_path)
    assert caught.value.facts == {"pid": os.getpid()}
    store.close()
    open_store(tmp_path).close()


def test_another_process_is_named(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder.stdin, holder.stdout:
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(StoreLocked, match=f"process {holder.pid}:"):
            open_store(tmp_path)
        holder.kill()
        holder.wait()
    open_store(tmp_path).close()  # a killed process leaves no lock


def test_without_the_owner_file_it_is_another_process(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    (tmp_path / OWNER_FILE).unlink()
    with pytest.raises(StoreLocked, match="in use by another process"):
        open_store(tmp_path)
    store.close()


def test_a_new_store_has_this_schema(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.get(META_SCHEMA) == be32(SCHEMA_VERSION)
    store.close()


@pytest.mark.parametrize(
    ("version", "words"),
    [(SCHEMA_VERSION + 1, "install the newer version"), (SCHEMA_VERSION - 1, "older schema")],
)
def test_another_schema_is_refused(tmp_path: Path, version: int, words: str) -> None:
    store = open_store(tmp_path)
    store.write([(META_SCHEMA, be32(version))])
    store.close()
    with pytest.raises(SchemaMismatch, match=words):
        open_store(tmp_path)
    with pytest.raises(SchemaMismatch):  # the refusal released the lock
        open_store(tmp_path)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write([(META_SCHEMA, None), (b"something", b"else")])
    store.close()
    with pytest.raises(SchemaMismatch, match="not written by this software"):
        open_store(tmp_path)


def test_a_missing_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptStore, match="metis-node init"):
        open_store(tmp_path, create=False)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptStore, match="metis-node init"):
        open_store(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write([(b"xa", b"1")])
    store.close()
    (tmp_path / "CURRENT").write_bytes(b"MANIFEST-999999\n")
    with pytest.raises(CorruptStore, match="LevelDB refuses the database"):
        open_store(tmp_path)


def test_a_full_disk_is_fatal_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A limit on file sizes stands in for the full disk."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(
        "free space on the disk or mend it, then start the node again" in line for line in lines
    )
    store = open_store(tmp_path)
    assert list(store.iterate(b"x", b"y")) == [(b"xa", b"kept")]
    store.close()
