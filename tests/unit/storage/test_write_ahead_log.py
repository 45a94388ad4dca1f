"""The write-ahead log: what was flushed is there again, a torn tail goes, damage is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node.errors import CorruptStore
from metis_node.storage.write_ahead_log import MAGIC, WriteAheadLog

records = st.lists(st.binary(max_size=60), max_size=8)


def written(path: Path, payloads: list[bytes]) -> None:
    log = WriteAheadLog(path)
    for payload in payloads:
        log.append(payload)
    log.flush()
    log.close()


def read(path: Path) -> list[bytes]:
    log = WriteAheadLog(path)
    log.close()
    return log.records


def test_records_are_there_again_and_more_can_follow(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    written(path, [b"one", b"", b"three"])
    written(path, [b"four"])
    assert read(path) == [b"one", b"", b"three", b"four"]


def test_what_was_not_flushed_is_not_there(tmp_path: Path) -> None:
    log = WriteAheadLog(tmp_path / "wal")
    log.append(b"kept")
    log.flush()
    log.append(b"lost")
    assert log.is_dirty
    log.close()
    assert read(tmp_path / "wal") == [b"kept"]


def test_reset_forgets_everything(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    written(path, [b"old"])
    log = WriteAheadLog(path)
    log.reset()
    log.append(b"new")
    log.flush()
    log.close()
    assert read(path) == [b"new"]


@given(payloads=records, data=st.data())
@settings(max_examples=60)
def test_a_file_cut_anywhere_keeps_its_whole_records(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("wal") / "wal"
    written(path, payloads)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = read(path)
    assert kept == payloads[: len(kept)]
    if cut == len(whole):
        assert kept == payloads
    written(path, [b"after"])
    assert read(path) == [*kept, b"after"]


def test_zeros_that_a_crash_left_are_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    written(path, [b"one"])
    path.write_bytes(path.read_bytes() + bytes(100))
    assert read(path) == [b"one"]


def test_damage_before_the_last_record_is_told(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    written(path, [b"first", b"second"])
    data = bytearray(path.read_bytes())
    data[len(MAGIC) + 8] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(CorruptStore, match=r"record 0 of .* is damaged"):
        read(path)


def test_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "wal"
    path.write_bytes(b"someone's diary")
    with pytest.raises(CorruptStore, match="no journal of this software"):
        read(path)
    assert path.read_bytes() == b"someone's diary"
