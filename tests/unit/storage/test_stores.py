"""One contract, two stores: LevelDB on disk and memory behave alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metis_node.storage.kv import KeyValueStore
from metis_node.storage.leveldb import open_store
from metis_node.storage.memory import MemoryStore


@pytest.fixture(params=["memory", "leveldb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValueStore]:
    opened: KeyValueStore = MemoryStore() if request.param == "memory" else open_store(tmp_path)
    yield opened
    opened.close()


def test_reads_and_writes(store: KeyValueStore) -> None:
    store.write([(b"xa", b"1"), (b"xb", b"2"), (b"xc", b"")])
    assert store.get(b"xa") == b"1"
    assert store.get(b"xz") is None
    assert store.get_many([b"xb", b"xz", b"xc"]) == [b"2", None, b""]
    store.write([(b"xa", None), (b"xz", None), (b"xb", b"3")], sync=False)
    assert store.get_many([b"xa", b"xb"]) == [None, b"3"]


def test_the_last_change_of_a_key_counts(store: KeyValueStore) -> None:
    store.write([(b"xa", b"1"), (b"xa", None), (b"xa", b"2"), (b"xb", b"1"), (b"xb", None)])
    assert store.get_many([b"xa", b"xb"]) == [b"2", None]


def test_iteration_is_ordered_and_half_open(store: KeyValueStore) -> None:
    store.write([(bytes((120, n)), bytes((n,))) for n in (3, 1, 2, 9)])
    start, stop = bytes((120, 1)), bytes((120, 9))
    assert [value[0] for _, value in store.iterate(start, stop)] == [1, 2, 3]
    assert [value[0] for _, value in store.iterate(start, stop, reverse=True)] == [3, 2, 1]
    assert [key[1] for key in store.keys(start, stop)] == [1, 2, 3]
    assert [key[1] for key in store.keys(start, stop, reverse=True)] == [3, 2, 1]
    assert list(store.iterate(stop, start)) == []


def test_a_snapshot_does_not_move(store: KeyValueStore) -> None:
    store.write([(b"xa", b"1")])
    snapshot = store.snapshot()
    store.write([(b"xa", b"2"), (b"xb", b"1")])
    assert snapshot.get_many([b"xa", b"xb"]) == [b"1", None]
    assert list(snapshot.iterate(b"x", b"y")) == [(b"xa", b"1")]
    snapshot.close()
    assert store.get(b"xa") == b"2"


def test_writing_while_iterating_is_safe(store: KeyValueStore) -> None:
    store.write([(b"x" + bytes((n,)), b"1") for n in range(50)])
    seen = 0
    for key in store.keys(b"x", b"y"):
        store.write([(key, None), (b"x" + bytes((200, seen)), b"1")], sync=False)
        seen += 1
    assert seen == 50


small = st.binary(min_size=1, max_size=3).map(lambda key: b"x" + key)
changes = st.lists(st.tuples(small, st.none() | st.binary(max_size=4)), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(batches=st.lists(changes, max_size=6), start=small, stop=small)
def test_both_equal_a_dict(
    store: KeyValueStore,
    batches: list[list[tuple[bytes, bytes | None]]],
    start: bytes,
    stop: bytes,
) -> None:
    store.write([(key, None) for key in list(store.keys(b"x", b"y"))])
    model: dict[bytes, bytes] = {}
    for batch in batches:
        store.write(batch, sync=False)
        for key, value in batch:
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
    assert list(store.iterate(b"x", b"y")) == sorted(model.items())
    expected = [(key, value) for key, value in sorted(model.items()) if start <= key < stop]
    assert list(store.iterate(start, stop)) == expected
    assert list(store.iterate(start, stop, reverse=True)) == expected[::-1]
