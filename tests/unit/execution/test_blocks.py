"""Blocks on an engine in memory: build, verify, commit; headers against `rlp` and `trie`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak
from trie.hexary import HexaryTrie

from metis_node import _native
from metis_node.errors import InvalidBlock, InvalidRequest
from metis_node.storage import tables
from tests import factories
from tests.factories import ETHER, GWEI, Chain, key

# Init code that returns a contract; contracts are named for what they do when called.
LOGGER = bytes.fromhex("60aa60005260bb60cc60206000a200")  # LOG2(topics 0xcc, 0xbb; data 0xaa)
REVERTER = bytes.fromhex("60006000fd")
COUNTER = bytes.fromhex("60005460010160005500")  # slot 0 += 1
BURNER = bytes.fromhex("5b600056")  # loops until the gas is gone

LOGGER_AT = b"\x10" * 20
REVERTER_AT = b"\x11" * 20
COUNTER_AT = b"\x12" * 20
BURNER_AT = b"\x13" * 20
BENEFICIARY = b"\xbe" * 20


def chain(**options: Any) -> Chain:
    code = {
        LOGGER_AT: LOGGER,
        REVERTER_AT: REVERTER,
        COUNTER_AT: COUNTER,
        BURNER_AT: BURNER,
    }
    alloc = factories.alloc_json(factories.funded(10), code)
    return factories.new_chain(alloc=alloc, beneficiary=BENEFICIARY, **options)


def transfer(sender: int, nonce: int, **fields: Any) -> bytes:
    return factories.sign_dynamic_fee(
        key(sender), **{"nonce": nonce, "to": key(9).address, "value": 5, **fields}
    )


def call(sender: int, nonce: int, target: bytes, gas_limit: int = 100_000) -> bytes:
    return factories.sign_dynamic_fee(key(sender), nonce=nonce, to=target, gas_limit=gas_limit)


def init_code(program: bytes) -> bytes:
    """Code that deploys `program`."""
    head = [0x60, len(program), 0x80, 0x60, 0x0B, 0x60, 0x00, 0x39, 0x60, 0x00, 0xF3]
    return bytes(head) + program


def trie_root(items: Sequence[bytes]) -> bytes:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return bytes(trie.root_hash)


def bloom_of(logs: Sequence[_native.Log]) -> bytes:
    bits = 0
    for log in logs:
        for item in (log.address, *log.topics):
            digest = keccak(item)
            for place in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
    return bits.to_bytes(256, "big")


def receipt_of(record: _native.TransactionRecord) -> bytes:
    logs = [[log.address, log.topics, log.data] for log in record.logs]
    fields = [int(record.success), record.cumulative_gas_used, bloom_of(record.logs), logs]
    prefix = bytes([record.type]) if record.type else b""
    return prefix + bytes(rlp.encode(fields))


def mixed_block(first_nonce: int = 0) -> list[bytes]:
    return [
        transfer(0, first_nonce),
        factories.sign_legacy(key(1), nonce=first_nonce, to=b"\x77" * 20, value=1),
        factories.sign_access_list(
            key(2), nonce=first_nonce, to=COUNTER_AT, access_list=[(COUNTER_AT, [bytes(32)])]
        ),
        call(3, first_nonce, LOGGER_AT),
        call(4, first_nonce, REVERTER_AT),
        call(5, first_nonce, BURNER_AT),
        factories.sign_dynamic_fee(
            key(6), nonce=first_nonce, to=None, data=init_code(LOGGER), gas_limit=200_000
        ),
        factories.sign_set_code(
            key(7),
            nonce=first_nonce,
            to=key(8).address,
            authorizations=[factories.authorization(key(8), address=LOGGER_AT, nonce=first_nonce)],
        ),
        call(0, first_nonce + 1, LOGGER_AT),
    ]


def test_build_and_verify_agree_over_a_chain_of_blocks() -> None:
    it = chain()
    for number in range(1, 6):
        raws = [
            *(transfer(sender, number - 1) for sender in range(5)),
            call(5, number - 1, COUNTER_AT),
        ]
        built = it.build(raws)
        assert built.included == list(range(6))
        assert built.skipped == []
        prepared = it.accept(built.header, built.transactions)
        assert prepared.header == built.header
        assert prepared.hash == built.hash == keccak(built.header)
        assert prepared.number == number == it.engine.head_number
    assert it.engine.storage(COUNTER_AT, bytes(32), 5) == (5).to_bytes(32, "big")
    assert it.engine.storage(COUNTER_AT, bytes(32), 3) == (3).to_bytes(32, "big")


def test_header_agrees_with_independent_encodings() -> None:
    it = chain()
    raws = mixed_block()
    prepared = it.extend(raws)
    records = prepared.records()
    header = factories.header_fields(prepared.header)
    assert [record.raw for record in records] == raws
    assert header["transactions_root"] == trie_root(raws)
    assert header["receipts_root"] == trie_root([receipt_of(record) for record in records])
    assert [record.receipt_raw() for record in records] == [receipt_of(r) for r in records]
    assert header["logs_bloom"] == bloom_of([log for record in records for log in record.logs])
    assert header["gas_used"] == prepared.gas_used == sum(record.gas_used for record in records)
    assert prepared.log_count == sum(len(record.logs) for record in records) == 3
    assert prepared.transaction_hashes == [keccak(raw) for raw in raws]
    assert prepared.senders == [key(index).address for index in (0, 1, 2, 3, 4, 5, 6, 7, 0)]
    assert [record.success for record in records] == [True] * 4 + [False] * 2 + [True] * 3


def test_fees_go_where_they_belong() -> None:
    it = chain()
    base_fee = factories.next_base_fee(factories.header_fields(it.head))
    before = it.engine.accounts([key(0).address], 0)[0][1]
    prepared = it.extend([transfer(0, 0, max_priority_fee_per_gas=3)])
    (record,) = prepared.records()
    assert record.effective_gas_price == base_fee + 3
    sender, paid, tipped = it.engine.accounts([key(0).address, key(9).address, BENEFICIARY], 1)
    assert sender == (1, before - 5 - 21_000 * (base_fee + 3))
    assert paid == (0, 1_000_000 * ETHER + 5)
    assert tipped == (0, 21_000 * 3)
    assert sorted(prepared.account_changes()) == sorted(
        [(key(0).address, *sender), (key(9).address, *paid), (BENEFICIARY, *tipped)]
    )


def test_creation_leaves_code_and_names_its_address() -> None:
    it = chain()
    raw = factories.sign_dynamic_fee(
        key(6), nonce=0, to=None, data=init_code(LOGGER), gas_limit=200_000
    )
    (record,) = it.extend([raw]).records()
    created = keccak(rlp.encode([key(6).address, 0]))[12:]
    assert record.contract_address == created
    assert it.engine.code(created, 1) == LOGGER
    assert it.engine.code(created, 0) == b""


def test_delegation_is_seen_by_senders_and_code() -> None:
    it = chain()
    it.extend([mixed_block()[7]])
    nonce, _, delegated = it.engine.senders([key(8).address], 1)[0]
    assert (nonce, delegated) == (1, True)
    assert it.engine.code(key(8).address, 1) == b"\xef\x01\x00" + LOGGER_AT
    assert it.engine.senders([key(7).address], 1)[0][2] is False


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (transfer(0, 5), "nonce_high", "nonce too high: next nonce 1, tx nonce 5"),
        (transfer(0, 0), "nonce_low", "nonce too low: next nonce 1, tx nonce 0"),
        (transfer(0, 1, value=2_000_000 * ETHER), "funds", "insufficient funds for gas * price"),
        (
            transfer(0, 1, max_fee_per_gas=1, max_priority_fee_per_gas=0),
            "fee_low",
            "max fee per gas less than block base fee",
        ),
        (transfer(0, 1, gas_limit=20_000), "gas_limit", "intrinsic gas too low"),
        (transfer(0, 1, gas_limit=60_000_001), "gas_limit", "exceeds block gas limit"),
        (
            transfer(0, 1, data=b"\x01" * 1000, gas_limit=22_000 + 16_000),
            "gas_limit",
            "insufficient gas for floor data gas cost",
        ),
    ],
)
def test_skips_say_why_and_the_block_goes_on(raw: bytes, code: str, words: str) -> None:
    it = chain()
    built = it.build([transfer(0, 0), raw, transfer(1, 0)])
    assert built.included == [0, 2]
    (skipped,) = built.skipped
    assert (skipped.index, skipped.code) == (1, code)
    assert words in skipped.message


def test_gas_limit_is_kept_cumulatively() -> None:
    it = chain(gas_limit=1_000_000)
    built = it.build([call(0, 0, COUNTER_AT, gas_limit=900_000), call(1, 0, BURNER_AT, 990_000)])
    assert built.included == [0]
    assert built.skipped[0].code == "block_full"


def test_size_limit_is_kept() -> None:
    it = chain()
    raws = [transfer(sender, 0) for sender in range(3)]
    built = it.build(raws, max_bytes=len(raws[0]) + len(raws[1]))
    assert built.included == [0, 1]
    assert built.size == len(raws[0]) + len(raws[1])
    assert [skipped.code for skipped in built.skipped] == ["size"]


def test_a_deadline_in_the_past_leaves_an_empty_valid_block() -> None:
    it = chain()
    candidates = it.decode([transfer(sender, 0) for sender in range(3)])
    template = factories.child_template(it.head)
    built = it.engine.build(template, [], candidates, max_bytes=1 << 20, deadline_ms=0)
    assert built.deadline_hit
    assert built.transactions == []
    assert {skipped.code for skipped in built.skipped} == {"deadline"}
    it.accept(built.header, built.transactions)


def test_strict_build_refuses_the_first_bad_candidate() -> None:
    it = chain()
    candidates = it.decode([transfer(0, 0), transfer(1, 3)])
    template = factories.child_template(it.head)
    with pytest.raises(InvalidBlock, match=r"could not apply tx 1 .*nonce too high"):
        it.engine.build(template, [], candidates, max_bytes=1 << 20, strict=True)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("gas_used", 21_001, "gasUsed differs: header has 21001, execution gives 21000"),
        ("state_root", b"\x01" * 32, "stateRoot differs"),
        ("transactions_root", b"\x01" * 32, "transactionsRoot differs"),
        ("receipts_root", b"\x01" * 32, "receiptsRoot differs"),
        ("logs_bloom", b"\x01" * 256, "logsBloom differs"),
        ("ommers_hash", b"\x01" * 32, "sha3Uncles differs"),
        ("withdrawals_root", b"\x01" * 32, "withdrawalsRoot differs"),
        ("blob_gas_used", 131_072, "blobGasUsed differs"),
        ("excess_blob_gas", 1, "excessBlobGas differs"),
        ("requests_hash", b"\x01" * 32, "requestsHash differs"),
        ("number", 2, "number differs: header has 2, the head is block 0"),
        ("parent_hash", b"\x01" * 32, "parentHash differs"),
    ],
)
def test_a_header_with_one_wrong_field_is_refused(field: str, value: object, words: str) -> None:
    it = chain()
    built = it.build([transfer(0, 0)])
    wrong = factories.header_rlp(**{**factories.header_fields(built.header), field: value})
    with pytest.raises(InvalidBlock, match=words):
        it.engine.verify(wrong, built.transactions)
    it.accept(built.header, built.transactions)


@pytest.mark.parametrize("header", [b"", b"\xc0", b"\xff" * 40])
def test_a_header_that_does_not_decode_is_refused(header: bytes) -> None:
    with pytest.raises(InvalidBlock, match="header"):
        chain().engine.verify(header, [])


def test_transactions_in_another_order_are_refused() -> None:
    it = chain()
    built = it.build([transfer(0, 0), transfer(0, 1)])
    with pytest.raises(InvalidBlock, match=r"could not apply tx 0 .*nonce too high"):
        it.engine.verify(built.header, built.transactions[::-1])


def test_bytes_that_are_no_transaction_are_refused_by_place() -> None:
    it = chain()
    built = it.build([transfer(0, 0)])
    with pytest.raises(InvalidBlock, match="transaction 1: transaction type not supported"):
        it.engine.verify(built.header, [*built.transactions, b"\x05\xc0"])


def test_a_block_above_the_size_rule_is_refused() -> None:
    it = chain(rules=factories.rules_json(max_block_bytes=150))
    built = it.build([transfer(0, 0), transfer(1, 0)])
    with pytest.raises(InvalidBlock, match="a block may have 150"):
        it.engine.verify(built.header, built.transactions)


def test_decoded_transactions_save_decoding_and_change_nothing() -> None:
    it = chain()
    built = it.build(mixed_block())
    by_bytes = it.engine.verify(built.header, built.transactions)
    by_objects = it.engine.verify(built.header, it.decode(built.transactions))
    assert sorted(by_bytes.writes()) == sorted(by_objects.writes())


def test_abort_leaves_the_head() -> None:
    it = chain()
    built = it.build([transfer(0, 0)])
    prepared = it.engine.verify(built.header, built.transactions)
    it.engine.begin_write(prepared)
    it.engine.abort(prepared)
    assert it.engine.head_number == 0
    assert it.engine.accounts([key(0).address], 0) == [(0, 1_000_000 * ETHER)]
    assert it.accept(built.header, built.transactions).number == 1


def test_a_failing_store_aborts_the_block_and_its_error_comes_back() -> None:
    it = chain()
    broken: list[bool] = []

    def get_many(keys: list[bytes]) -> list[bytes | None]:
        if broken:
            raise OSError("disk on fire")
        return it.store.get_many(keys)

    engine = _native.Engine(it.rules, get_many)
    engine.open(0, it.head)
    candidates = it.decode([transfer(0, 0)])
    template = factories.child_template(it.head)
    broken.append(True)
    with pytest.raises(OSError, match="disk on fire"):
        engine.build(template, [], candidates, max_bytes=1 << 20)
    broken.clear()
    assert engine.build(template, [], candidates, max_bytes=1 << 20).included == [0]


def test_writes_hold_records_and_indexes() -> None:
    it = chain()
    prepared = it.extend(mixed_block())
    writes = dict(prepared.writes())
    for index, record in enumerate(prepared.records()):
        stored = writes[tables.record_key(1, index)]
        assert stored is not None
        again = _native.TransactionRecord.decode(stored)
        assert again.raw == record.raw
        assert again.receipt_raw() == record.receipt_raw()
        place = tables.be64(1) + tables.be32(index)
        assert writes[tables.transaction_key(record.hash)] == place
    topic = keccak((0xBB).to_bytes(32, "big"))[:16]
    by_topic = writes[tables.log_key(2, topic, 1)]
    assert by_topic is not None
    assert _native.decode_log_positions(by_topic) == [(3, 0), (7, 1), (8, 2)]
    by_address = writes[tables.log_key(0, keccak(LOGGER_AT)[:16], 1)]
    assert by_address is not None
    assert _native.decode_log_positions(by_address) == [(3, 0), (8, 2)]


def test_receipt_dict_has_geths_keys_and_forms() -> None:
    it = chain()
    prepared = it.extend(mixed_block())
    record = prepared.records()[8]
    shown = record.receipt_dict("0x" + prepared.hash.hex(), "0x1", "0x8")
    assert set(shown) == {
        *("blockHash", "blockNumber", "contractAddress", "cumulativeGasUsed", "from", "gasUsed"),
        *("effectiveGasPrice", "logs", "logsBloom", "status", "to", "transactionHash"),
        *("transactionIndex", "type"),
    }
    assert shown["contractAddress"] is None
    assert shown["status"] == "0x1"
    assert shown["logs"] == [
        {
            "address": "0x" + LOGGER_AT.hex(),
            "topics": [f"0x{0xCC:064x}", f"0x{0xBB:064x}"],
            "data": f"0x{0xAA:064x}",
            "blockHash": "0x" + prepared.hash.hex(),
            "blockNumber": "0x1",
            "transactionHash": "0x" + record.hash.hex(),
            "transactionIndex": "0x8",
            "logIndex": "0x2",
            "removed": False,
        }
    ]
    creation = prepared.records()[6].receipt_dict("0x", "0x1", "0x6")
    assert creation["to"] is None
    assert creation["contractAddress"] == "0x" + keccak(rlp.encode([key(6).address, 0]))[12:].hex()


def test_transaction_dict_shows_the_price_paid() -> None:
    it = chain()
    (record,) = it.extend([transfer(0, 0)]).records()
    shown = record.transaction_dict()
    assert shown["gasPrice"] == hex(record.effective_gas_price)
    assert shown["maxFeePerGas"] == hex(2 * GWEI)
    assert shown["from"] == "0x" + key(0).address.hex()


def test_reads_outside_the_chain_are_refused() -> None:
    it = chain()
    with pytest.raises(InvalidRequest, match="historical state unavailable") as caught:
        it.engine.accounts([key(0).address], 7)
    assert caught.value.code == -32000
    with pytest.raises(ValueError, match="20 bytes"):
        it.engine.account(b"\x01", 0)
    assert it.engine.account(b"\x99" * 20, 0) is None


def test_an_engine_without_a_head_says_so() -> None:
    engine = _native.Engine(factories.rules_json(), lambda keys: [None] * len(keys))
    with pytest.raises(RuntimeError, match="no head yet"):
        engine.verify(factories.header_rlp(number=1), [])
