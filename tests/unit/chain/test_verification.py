"""`db verify`: a sound store passes, and each kind of damage is found and named."""

from __future__ import annotations

import pytest

from metis_node.chain.verification import VerificationReport, verify_store
from metis_node.storage import tables
from metis_node.storage.memory import MemoryStore
from tests.chains import extend, new_blockchain, transfer
from tests.unit.chain.test_log_index import ADDRESSES, emit, emitter

BLOCKS = 6


@pytest.fixture
def store() -> MemoryStore:
    """Six blocks with transfers and logs."""
    store = MemoryStore()
    alloc = {"0x" + ADDRESSES[2].hex(): {"balance": "0x0", "code": emitter(2)}}
    chain = new_blockchain(store, alloc=alloc)
    for number in range(BLOCKS):
        extend(chain, [transfer(3, number), emit(number, 2, [number % 4, 1])])
    return store


def first_key(store: MemoryStore, prefix: bytes, place: int = 0) -> bytes:
    return list(store.keys(prefix, prefix + b"\xff" * 80))[place]


def findings(store: MemoryStore) -> str:
    report = verify_store(store)
    assert not report.sound
    return "\n".join(report.findings)


def test_a_sound_store_passes(store: MemoryStore) -> None:
    told: list[tuple[str, int, int]] = []
    report = verify_store(store, lambda *progress: told.append(progress))
    assert report.findings == []
    assert report.sound
    assert (report.head, report.blocks) == (BLOCKS, BLOCKS + 1)
    assert (report.transactions, report.logs) == (3 * BLOCKS, BLOCKS + 1)
    assert ("blocks", BLOCKS + 1, BLOCKS + 1) in told
    assert {what for what, _, _ in told} >= {"accounts", "storage slots", "log index"}


def test_an_empty_store_is_not_sound() -> None:
    assert findings(MemoryStore()) == "the genesis file is missing"


def test_a_missing_header_is_found(store: MemoryStore) -> None:
    store.write([(tables.header_key(3), None)])
    assert "header 3 is missing" in findings(store)


def test_a_changed_header_is_found(store: MemoryStore) -> None:
    key = tables.header_key(3)
    value = bytearray(store.get(key) or b"")
    value[100] ^= 1  # the state root
    store.write([(key, bytes(value))])
    found = findings(store)
    assert "block 3: its hash is not in the number index" in found
    assert "block 4: parentHash is" in found


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        (tables.RECORDS, "block 1: record 0 is missing"),
        (tables.TRANSACTION_INDEX, "is not in the index"),
        (tables.LOG_INDEX, "log index entry"),
        (tables.BLOCK_NUMBERS, "its hash is not in the number index"),
        (tables.ACCOUNTS, "the state has root"),
        (tables.ACCOUNT_TRIE, "is missing"),
        (tables.STORAGE_TRIE, "is missing"),
        (tables.META + b"head", "the head mark is missing"),
    ],
)
def test_a_missing_entry_is_found(store: MemoryStore, prefix: bytes, words: str) -> None:
    store.write([(first_key(store, prefix), None)])
    assert words in findings(store)


def test_a_removed_last_record_changes_the_roots(store: MemoryStore) -> None:
    store.write([(tables.record_key(2, 2), None)])
    found = findings(store)
    for what in ("transactions root", "receipts root", "bloom", "gas used"):
        assert f"block 2: {what} is" in found


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (tables.transaction_key(b"\7" * 32), bytes(12), "the transaction index has"),
        (tables.log_key(0, b"\7" * 16, 3), b"\0\0", "the log index has"),
        (tables.number_key(b"\7" * 32), bytes(8), "the block number index has"),
        (tables.record_key(BLOCKS + 1, 0), b"", "a record of block 7 stands above the head 6"),
        (tables.header_key(BLOCKS + 2), b"", "a header of block 8 stands above the head 6"),
    ],
)
def test_an_entry_too_many_is_found(
    store: MemoryStore, key: bytes, value: bytes, words: str
) -> None:
    store.write([(key, value)])
    assert words in findings(store)


def test_a_wrong_value_in_the_state_is_found(store: MemoryStore) -> None:
    key = first_key(store, tables.ACCOUNTS, 3)
    value = bytearray(store.get(key) or b"")
    value[-1] ^= 1
    store.write([(key, bytes(value))])
    assert not verify_store(store).sound


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (tables.ACCOUNT_TRIE + bytes((0,) * 9), "no root leads to the trie node with the key 0x41"),
        (tables.ACCOUNT_TRIE + b"\x0f" * 64, "no root leads to the trie node with the key 0x41"),
        (tables.STORAGE_TRIE + bytes(32), "no root leads to the trie node with the key 0x4f"),
        (tables.STORAGE_TRIE + b"\xff" * 32, "no root leads to the trie node with the key 0x4f"),
    ],
)
def test_a_trie_node_too_many_is_found(store: MemoryStore, key: bytes, words: str) -> None:
    store.write([(key, b"\xc0")])
    assert words in findings(store)


@pytest.mark.parametrize("prefix", [tables.ACCOUNT_TRIE, tables.STORAGE_TRIE])
def test_a_changed_trie_node_is_found(store: MemoryStore, prefix: bytes) -> None:
    for key in list(store.keys(prefix, prefix + b"\xff" * 80)):
        value = store.get(key) or b""
        store.write([(key, value[:-1] + bytes((value[-1] ^ 1,)))])
        assert "has another hash" in findings(store)
        store.write([(key, value)])


def test_a_changed_code_is_found(store: MemoryStore) -> None:
    key = first_key(store, tables.CODE)
    store.write([(key, b"\0")])
    assert f"the code 0x{key[1:].hex()} has another hash" in findings(store)


def test_findings_are_bounded() -> None:
    report = VerificationReport()
    for number in range(1_000):
        report.note(str(number))
    assert len(report.findings) == 100
