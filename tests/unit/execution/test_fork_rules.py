"""What a fork adds to a block: blob gas, system calls (EIP-4788, EIP-2935), rules by time."""

from __future__ import annotations

from typing import Any

import pytest
from eth_hash.auto import keccak

from metis_node import _native
from metis_node.errors import InvalidBlock, InvalidConfig
from tests import factories
from tests.factories import GWEI, Chain, key

BLOB_GAS = 131_072
BLOB_HASHES = [b"\x01" + bytes([index]) * 31 for index in range(9)]
MAX_BLOBS = 9  # a Prague block (EIP-7691)
TARGET_BLOBS = 6

BEACON_ROOTS = bytes.fromhex("000F3df6D732807Ef1319fB7B8bB8522d0Beac02")
BEACON_ROOTS_CODE = bytes.fromhex(  # EIP-4788
    "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762"
    "001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062"
    "001fff015500"
)
BEACON_RING = 8191
HISTORY = bytes.fromhex("0000F90827F1C53a10cb7A02335B175320002935")
HISTORY_CODE = bytes.fromhex(  # EIP-2935
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611f"
    "ff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)


def blob_chain(**options: Any) -> Chain:
    return factories.new_chain(rules=factories.rules_json(blobs=True), **options)


def blobs(sender: int, count: int, nonce: int = 0, **fields: Any) -> bytes:
    return factories.sign_blob(
        key(sender), nonce=nonce, to=key(9).address, blob_hashes=BLOB_HASHES[:count], **fields
    )


def test_blob_gas_is_counted_charged_and_carried_over() -> None:
    it = blob_chain()
    before = it.engine.accounts([key(0).address], 0)[0][1]
    prepared = it.extend([blobs(0, 9)])
    header = factories.header_fields(prepared.header)
    assert (header["blob_gas_used"], header["excess_blob_gas"]) == (9 * BLOB_GAS, 0)
    (record,) = prepared.records()
    assert record.blob_gas_used == 9 * BLOB_GAS
    after = it.engine.accounts([key(0).address], 1)[0][1]
    assert before - after == record.gas_used * record.effective_gas_price + 9 * BLOB_GAS
    shown = record.receipt_dict("0x" + prepared.hash.hex(), "0x1", "0x0")
    assert (shown["blobGasUsed"], shown["blobGasPrice"]) == (hex(9 * BLOB_GAS), "0x1")
    assert (
        _native.TransactionRecord.decode(
            dict(prepared.writes())[b"x" + (1).to_bytes(8, "big") + bytes(4)] or b""
        ).receipt_dict("0x", "0x1", "0x0")["blobGasPrice"]
        == "0x1"
    )
    child = factories.header_fields(it.extend().header)
    excess = (MAX_BLOBS - TARGET_BLOBS) * BLOB_GAS
    assert (child["blob_gas_used"], child["excess_blob_gas"]) == (0, excess)


def test_a_block_has_room_for_so_many_blobs() -> None:
    built = blob_chain().build([blobs(0, 6), blobs(1, 6), blobs(2, 3)])
    assert built.included == [0, 2]
    assert [(skipped.index, skipped.code) for skipped in built.skipped] == [(1, "block_full")]


def test_a_blob_fee_below_the_price_is_refused() -> None:
    (skipped,) = blob_chain().build([blobs(0, 1, max_fee_per_blob_gas=0)]).skipped
    assert skipped.code == "fee_low"
    assert "blob" in skipped.message


def test_a_chain_without_blobs_takes_none() -> None:
    it = factories.new_chain()
    (tx,) = _native.decode_transactions(
        [blobs(0, 1)], chain_id=factories.CHAIN_ID, allow_blobs=True
    )
    assert isinstance(tx, _native.Transaction)
    template = factories.child_template(it.head)
    built = it.engine.build(template, [], [tx], max_bytes=1 << 20)
    assert [skipped.code for skipped in built.skipped] == ["invalid"]
    with pytest.raises(InvalidBlock, match="type not supported"):
        it.engine.verify(built.header, [tx.raw])


def test_system_calls_record_the_origin_and_the_parent() -> None:
    alloc = factories.alloc_json(code={BEACON_ROOTS: BEACON_ROOTS_CODE, HISTORY: HISTORY_CODE})
    it = factories.new_chain(alloc=alloc)
    parent, root = it.head, b"\x42" * 32
    prepared = it.extend(parent_beacon_block_root=root)
    time = factories.header_fields(prepared.header)["timestamp"]

    def word(address: bytes, slot: int) -> bytes:
        return it.engine.storage(address, slot.to_bytes(32, "big"), 1)

    assert word(BEACON_ROOTS, time % BEACON_RING) == time.to_bytes(32, "big")
    assert word(BEACON_ROOTS, time % BEACON_RING + BEACON_RING) == root
    assert word(HISTORY, 0) == keccak(parent)
    assert prepared.gas_used == 0


def test_history_is_recorded_from_prague_on() -> None:
    alloc = factories.alloc_json(code={HISTORY: HISTORY_CODE})
    start = factories.GENESIS_TIME
    rules = factories.rules_json("cancun", later_forks={start + 2: "prague"})
    it = factories.new_chain(alloc=alloc, rules=rules)
    it.extend()
    assert it.engine.storage(HISTORY, bytes(32), 1) == bytes(32)
    parent = it.head
    it.extend()
    assert it.engine.storage(HISTORY, (1).to_bytes(32, "big"), 2) == keccak(parent)


def test_set_code_transactions_wait_for_prague() -> None:
    start = factories.GENESIS_TIME
    rules = factories.rules_json("cancun", later_forks={start + 2: "prague"})
    it = factories.new_chain(rules=rules)
    raw = factories.sign_set_code(
        key(0),
        nonce=0,
        to=key(1).address,
        authorizations=[factories.authorization(key(2), address=key(3).address, nonce=0)],
    )
    early = it.build([raw])
    assert [skipped.message for skipped in early.skipped] == ["transaction type not supported"]
    it.accept(early.header, early.transactions)
    assert it.build([raw]).included == [0]


def test_osaka_caps_the_gas_of_a_transaction() -> None:
    raw = factories.sign_dynamic_fee(
        key(0), nonce=0, to=key(1).address, gas_limit=(1 << 24) + 1, max_fee_per_gas=2 * GWEI
    )
    assert factories.new_chain("prague").build([raw]).included == [0]
    (skipped,) = factories.new_chain("osaka").build([raw]).skipped
    assert skipped.code == "gas_limit"
    assert "cap: 16777216" in skipped.message


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (b"{", "does not parse"),
        (b"{}", "chain_id"),
        (factories.rules_json("glamsterdam"), "unknown fork"),
        (factories.rules_json("prague", later_forks={5: "verkle"}), "verkle"),
    ],
)
def test_rules_with_a_mistake_are_refused(rules: bytes, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        _native.Engine(rules, lambda keys: [None] * len(keys))


@pytest.mark.parametrize(
    ("alloc", "words"),
    [
        (b"[]", "does not parse"),
        (b'{"0x12": {}}', "not an address"),
        (b'{"0x%s": {"balance": "much"}}' % (b"11" * 20), "balance"),
        (b'{"0x%s": {"storage": {"0x1": "word"}}}' % (b"11" * 20), "storage word"),
    ],
)
def test_an_allocation_with_a_mistake_is_refused(alloc: bytes, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        factories.new_chain(alloc=alloc)
