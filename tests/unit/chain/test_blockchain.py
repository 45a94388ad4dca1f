"""The chain: initialise, import, refusals that change nothing, failures of the store, reopening."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from metis_node.chain.blockchain import Blockchain
from metis_node.codec.hashes import keccak256
from metis_node.codec.headers import decode_header, encode_header
from metis_node.errors import CorruptStore, InvalidBlock, InvalidConfig
from metis_node.execution.genesis import HISTORY_STORAGE, parse_genesis
from metis_node.storage.leveldb import open_store
from metis_node.storage.memory import MemoryStore
from metis_node.storage.tables import META_GENESIS, META_HEAD, header_key
from tests import chains, factories
from tests.chains import extend, new_blockchain, sealed_block, transfer


class RefusingStore(MemoryStore):
    """A store whose disk fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], *, sync: bool = True) -> None:
        if self.broken:
            raise OSError("no space left on device")
        super().write(changes, sync=sync)


def balance(chain: Blockchain, address: bytes) -> int:
    return chain.engine.accounts([address], chain.head.number)[0][1]


def test_a_new_chain_stands_at_its_genesis() -> None:
    chain = new_blockchain()
    assert chain.head == chain.genesis
    assert chain.head.number == 0
    assert balance(chain, factories.key(0).address) == 1_000_000 * factories.ETHER
    assert chain.engine.head_number == 0


def test_blocks_move_state_and_head_together() -> None:
    chain = new_blockchain()
    imported = extend(chain, [transfer(0, 0), transfer(0, 1), transfer(3, 0)])
    assert chain.head == imported.sealed
    assert chain.head.number == 1
    assert imported.prepared.transaction_hashes[1:] == [
        tx.hash for tx in chains.decode([transfer(0, 0), transfer(0, 1), transfer(3, 0)])
    ]
    assert chain.engine.accounts([factories.key(0).address], 1)[0][0] == 2
    extend(chain)
    assert chain.head.number == 2


def test_the_parent_hash_and_the_origin_are_readable_by_contracts() -> None:
    chain = new_blockchain()
    extend(chain)
    extend(chain, origin=chains.l1_origin(chains.L1_START + 3))
    history = bytes.fromhex(HISTORY_STORAGE[2:])
    slot = (1).to_bytes(32, "big")
    first = chain.store.get(header_key(1))
    assert first is not None
    assert chain.engine.storage(history, slot, 2) == keccak256(first)


def test_decoded_transactions_are_imported_as_well_as_raw_ones() -> None:
    chain = new_blockchain()
    header, transactions = sealed_block(chain, [transfer(0, 0)])
    mixed = [transactions[0], *chains.decode(transactions[1:])]
    assert chain.import_block(header, mixed).sealed.rlp == header


@pytest.mark.parametrize(
    "field", ["state_root", "transactions_root", "receipts_root", "logs_bloom", "gas_used"]
)
def test_a_header_that_execution_contradicts_is_refused(field: str) -> None:
    chain = new_blockchain()
    header, transactions = sealed_block(chain, [transfer(0, 0)])
    decoded = decode_header(header)
    value = getattr(decoded, field)
    other = value + 1 if isinstance(value, int) else bytes((value[0] ^ 1,)) + value[1:]
    forged = encode_header(replace(decoded, **{field: other}))
    with pytest.raises(InvalidBlock):
        chain.import_block(forged, transactions)
    assert chain.head.number == 0
    chain.import_block(header, transactions)
    assert chain.head.number == 1


def test_a_block_of_another_parent_is_refused_and_changes_nothing() -> None:
    chain = new_blockchain()
    stale = sealed_block(chain, [transfer(0, 0)])
    extend(chain)
    with pytest.raises(InvalidBlock, match="number is 1, expected 2"):
        chain.import_block(*stale)
    assert chain.head.number == 1


def test_a_changed_body_is_refused() -> None:
    chain = new_blockchain()
    header, transactions = sealed_block(chain, [transfer(0, 0), transfer(3, 0)])
    for body in (
        transactions[:-1],
        [transactions[0], *transactions[:0:-1]],
        [*transactions, transfer(5, 0)],
        [*transactions[:-1], b"\x02garbage"],
    ):
        with pytest.raises(InvalidBlock):
            chain.import_block(header, body)
    chain.import_block(header, transactions)


def test_malformed_headers_are_refused() -> None:
    chain = new_blockchain()
    with pytest.raises(InvalidBlock, match="malformed header"):
        chain.import_block(b"\xc0", [])


def test_a_failed_write_leaves_head_and_state() -> None:
    store = RefusingStore()
    chain = new_blockchain(store)
    extend(chain, [transfer(0, 0)])
    before = dict(store._values)
    block = sealed_block(chain, [transfer(0, 1)])
    store.broken = True
    with pytest.raises(OSError, match="no space left"):
        chain.import_block(*block)
    assert (chain.head.number, chain.engine.head_number) == (1, 1)
    assert store._values == before
    assert chain.engine.accounts([factories.key(0).address], 1)[0][0] == 1
    store.broken = False
    chain.import_block(*block)
    assert chain.engine.accounts([factories.key(0).address], 2)[0][0] == 2
    extend(chain, [transfer(0, 2)])


def test_reopening_continues_at_the_head(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    chain = new_blockchain(store)
    for nonce in range(5):
        extend(chain, [transfer(0, nonce)])
    chain.set_safe(4)
    chain.set_finalized(2)
    head = chain.head
    store.close()
    store = open_store(tmp_path)
    again = Blockchain.open(store, expected=chains.new_genesis())
    assert again.head == head
    assert again.rules == chain.rules
    assert (again.safe_number, again.finalized_number) == (4, 2)
    extend(again, [transfer(0, 5)])
    assert again.head.number == 6
    store.close()


def test_two_chains_of_one_genesis_make_equal_blocks() -> None:
    first, second = new_blockchain(), new_blockchain()
    assert first.genesis.hash == second.genesis.hash
    for nonce in range(3):
        block = sealed_block(first, [transfer(0, nonce)])
        assert first.import_block(*block).sealed == second.import_block(*block).sealed


def test_an_embedded_l1_has_no_system_transactions() -> None:
    chain = new_blockchain(system_transactions=False, blobs=True)
    imported = extend(chain, [transfer(0, 0)])
    assert len(imported.prepared.transaction_hashes) == 1
    assert imported.sealed.header.extra_data == b""
    extend(chain)
    assert chain.head.number == 2


def test_osaka_holds_from_its_time() -> None:
    forks = [
        {"timestamp": 0, "name": "prague"},
        {"timestamp": factories.GENESIS_TIME + 2, "name": "osaka"},
    ]
    chain = new_blockchain(forks=forks)
    big = {"gas_limit": (1 << 24) + 1}
    extend(chain, [transfer(0, 0, **big)])
    with pytest.raises(InvalidBlock):
        sealed_block(chain, [transfer(0, 1, **big)])
    extend(chain, [transfer(0, 1, gas_limit=1 << 24)])


def test_marks_only_rise_and_stay_below_the_head() -> None:
    chain = new_blockchain()
    for _ in range(3):
        extend(chain)
    chain.set_finalized(2)
    assert (chain.safe_number, chain.finalized_number) == (2, 2)
    chain.set_safe(1)
    chain.set_finalized(1)
    assert (chain.safe_number, chain.finalized_number) == (2, 2)
    chain.set_safe(99)
    assert chain.safe_number == 3


# --- opening what cannot be opened ------------------------------------------------------------


def test_initialising_twice_is_refused() -> None:
    store = MemoryStore()
    new_blockchain(store)
    with pytest.raises(InvalidConfig, match="has a chain already"):
        new_blockchain(store)


def test_an_empty_store_is_named() -> None:
    with pytest.raises(InvalidConfig, match="metis-node init"):
        Blockchain.open(MemoryStore())


def test_another_genesis_is_refused() -> None:
    store = MemoryStore()
    new_blockchain(store)
    other = parse_genesis(orjson.dumps(chains.genesis_document(chain_id=5)))
    with pytest.raises(InvalidConfig, match=r"chain id 1337.*chain id 5"):
        Blockchain.open(store, expected=other)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (META_HEAD, None, "head mark is missing"),
        (META_HEAD, b"short", "head mark has 5 bytes"),
        (META_HEAD, bytes(8) + bytes(32), "the stored header is"),
        (header_key(1), None, "header 1 is missing"),
        (header_key(1), b"\xc0", "stored header 1: malformed header"),
        (header_key(0), None, "header 0 is missing"),
    ],
)
def test_a_contradictory_store_is_corrupt(key: bytes, value: bytes | None, words: str) -> None:
    store = MemoryStore()
    extend(new_blockchain(store))
    store.write([(key, value)])
    with pytest.raises(CorruptStore, match=words):
        Blockchain.open(store)


def test_a_missing_state_is_corrupt() -> None:
    store = MemoryStore()
    extend(new_blockchain(store))
    store.write([(key, None) for key in list(store.keys(b"A", b"B"))])
    with pytest.raises(CorruptStore):
        Blockchain.open(store)


def test_a_stored_genesis_that_does_not_parse_is_named() -> None:
    store = MemoryStore()
    new_blockchain(store)
    store.write([(META_GENESIS, b"{}")])
    with pytest.raises(InvalidConfig, match="genesis"):
        Blockchain.open(store)
