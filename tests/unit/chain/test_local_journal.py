"""The journal of local transactions: what reaches the disk, and what cancels out before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metis_node.chain.local_journal import LocalJournal
from metis_node.storage.memory import MemoryStore
from metis_node.storage.tables import LOCAL_TRANSACTIONS


def test_recorded_transactions_survive() -> None:
    store = MemoryStore()
    journal = LocalJournal(store)
    journal.record(b"h1", b"raw1")
    journal.record(b"h2", b"raw2")
    assert len(journal) == 2
    journal.write(journal.take())
    assert len(journal) == 0
    again = LocalJournal(store)
    assert again.load() == [b"raw1", b"raw2"]
    again.forget([b"h1"])
    again.write(again.take())
    assert LocalJournal(store).load() == [b"raw2"]


def test_what_left_before_the_flush_costs_nothing() -> None:
    journal = LocalJournal(MemoryStore())
    journal.record(b"h1", b"raw1")
    journal.forget([b"h1", b"never seen"])
    assert journal.take() == []


def test_a_transaction_that_comes_back_is_kept() -> None:
    store = MemoryStore()
    journal = LocalJournal(store)
    journal.record(b"h1", b"raw1")
    journal.write(journal.take())
    journal.forget([b"h1"])
    journal.record(b"h1", b"raw1")
    journal.write(journal.take())
    assert LocalJournal(store).load() == [b"raw1"]


def test_neighbouring_tables_are_not_loaded() -> None:
    store = MemoryStore()
    after = bytes((LOCAL_TRANSACTIONS[0] + 1,))
    store.write([(b"o" + b"x", b"1"), (after, b"2"), (LOCAL_TRANSACTIONS + b"h", b"3")])
    assert LocalJournal(store).load() == [b"3"]


names = st.sampled_from([b"a", b"b", b"c"])


@given(st.lists(st.tuples(st.sampled_from(["record", "forget", "flush"]), names), max_size=30))
def test_the_disk_equals_the_last_word(steps: list[tuple[str, bytes]]) -> None:
    store = MemoryStore()
    journal = LocalJournal(store)
    alive: set[bytes] = set()
    for step, name in steps:
        if step == "record":
            journal.record(name, b"raw" + name)
            alive.add(name)
        elif step == "forget":
            journal.forget([name])
            alive.discard(name)
        else:
            journal.write(journal.take())
    journal.write(journal.take())
    assert LocalJournal(store).load() == [b"raw" + name for name in sorted(alive)]
