"""The system transaction (type 0x7E): encoding, its place in a block, execution, receipt."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak

from metis_node import _native
from metis_node.errors import InvalidBlock, InvalidTransaction
from tests import factories
from tests.factories import ETHER, Chain, key

DEPOSITOR = b"\xde" * 20
LOGGER_AT = b"\x10" * 20
REVERTER_AT = b"\x11" * 20
SPENDER_AT = b"\x12" * 20
LOGGER = bytes.fromhex("60aa60005260bb60cc60206000a200")
REVERTER = bytes.fromhex("60006000fd")
SOURCE = b"\x05" * 32


def system(**fields: Any) -> _native.SystemTransaction:
    defaults: dict[str, Any] = {
        "source_hash": SOURCE,
        "sender": DEPOSITOR,
        "to": LOGGER_AT,
        "mint": 0,
        "value": 0,
        "gas_limit": 1_000_000,
        "is_system": False,
        "data": b"",
    }
    return _native.SystemTransaction(**{**defaults, **fields})


def chain(**options: Any) -> Chain:
    alloc = factories.alloc_json(factories.funded(3), {LOGGER_AT: LOGGER, REVERTER_AT: REVERTER})
    rules = factories.rules_json(system_transactions=True)
    return factories.new_chain(alloc=alloc, rules=rules, **options)


def transfer(nonce: int = 0) -> bytes:
    return factories.sign_dynamic_fee(key(0), nonce=nonce, to=key(1).address, value=1)


def test_encoding_is_that_of_ops_deposits() -> None:
    transaction = system(mint=1, value=2, is_system=True, data=b"\x01\x02")
    fields = [SOURCE, DEPOSITOR, LOGGER_AT, 1, 2, 1_000_000, 1, b"\x01\x02"]
    assert transaction.raw == b"\x7e" + rlp.encode(fields)
    assert transaction.hash == keccak(transaction.raw)
    again = _native.SystemTransaction.decode(transaction.raw)
    for name in ("source_hash", "sender", "to", "mint", "value", "gas_limit", "is_system", "data"):
        assert getattr(again, name) == getattr(transaction, name)


@pytest.mark.parametrize("raw", [b"", b"\x7e", b"\x02\xc0", b"\x7e\xc0", b"\x7e" + b"\xff" * 9])
def test_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidTransaction, match="system transaction does not decode"):
        _native.SystemTransaction.decode(raw)


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(InvalidTransaction, match="followed by 1 more"):
        _native.SystemTransaction.decode(system().raw + b"\x00")


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        system(source_hash=b"\x01")
    with pytest.raises(ValueError, match="20 bytes"):
        system(to=b"\x01")


def test_it_tops_the_block_pays_nothing_and_has_a_receipt_with_logs() -> None:
    it = chain()
    prepared = it.extend([transfer()], system=[system().raw])
    first, second = prepared.records()
    assert (first.type, first.success, first.sender) == (0x7E, True, DEPOSITOR)
    assert first.gas_used == prepared.gas_used - second.gas_used > 21_000
    assert second.cumulative_gas_used == first.gas_used + second.gas_used
    assert (first.effective_gas_price, first.nonce, first.contract_address) == (0, 0, None)
    assert len(first.logs) == 1
    fields = rlp.decode(first.receipt_raw()[1:])
    assert first.receipt_raw()[0] == 0x7E
    assert fields[:2] == [b"\x01", first.gas_used.to_bytes(3, "big").lstrip(b"\0")]
    assert it.engine.accounts([DEPOSITOR], 1) == [(1, 0)]


def test_mint_is_credited_and_value_moves() -> None:
    it = chain()
    it.extend(system=[system(to=b"\x66" * 20, mint=10 * ETHER, value=3 * ETHER).raw])
    assert it.engine.accounts([DEPOSITOR, b"\x66" * 20], 1) == [(1, 7 * ETHER), (0, 3 * ETHER)]


@pytest.mark.parametrize(
    "fields",
    [
        {"to": REVERTER_AT},
        {"value": 100 * ETHER},
        {"gas_limit": 20_000},
        {"gas_limit": 21_010},
    ],
    ids=["revert", "more value than it has", "less than intrinsic gas", "out of gas"],
)
def test_a_failed_one_keeps_mint_and_nonce(fields: dict[str, object]) -> None:
    it = chain()
    (record,) = it.extend(system=[system(mint=ETHER, **fields).raw]).records()
    assert not record.success
    assert record.logs == []
    assert 0 < record.gas_used <= 1_000_000
    assert it.engine.accounts([DEPOSITOR], 1) == [(1, ETHER)]


def test_it_is_shown_as_op_geth_shows_deposits() -> None:
    it = chain()
    prepared = it.extend(system=[system(mint=255).raw])
    (record,) = prepared.records()
    shown = record.transaction_dict()
    assert shown["type"] == "0x7e"
    assert shown["sourceHash"] == "0x" + SOURCE.hex()
    assert (shown["mint"], shown["isSystemTx"]) == ("0xff", False)
    assert {shown[name] for name in ("v", "r", "s", "gasPrice", "nonce", "value")} == {"0x0"}
    receipt = record.receipt_dict("0x" + prepared.hash.hex(), "0x1", "0x0")
    assert (receipt["type"], receipt["effectiveGasPrice"]) == ("0x7e", "0x0")
    assert receipt["contractAddress"] is None


def test_a_block_without_one_is_refused() -> None:
    it = chain()
    with pytest.raises(InvalidBlock, match="starts with a system transaction"):
        it.build([transfer()])
    built = it.build([transfer()], system=[system().raw])
    with pytest.raises(InvalidBlock, match="starts with a system transaction"):
        it.engine.verify(built.header, built.transactions[1:])


def test_one_after_a_signed_transaction_is_refused() -> None:
    it = chain()
    built = it.build([transfer()], system=[system().raw])
    with pytest.raises(InvalidBlock, match="transaction 2 is a system transaction"):
        it.engine.verify(built.header, [*built.transactions, system().raw])


def test_a_chain_without_them_refuses_them() -> None:
    it = factories.new_chain()
    with pytest.raises(InvalidBlock, match="has no system transactions"):
        it.build(system=[system().raw])
    built = it.build([transfer()])
    with pytest.raises(InvalidBlock, match="has no system transactions"):
        it.engine.verify(built.header, [system().raw, *built.transactions])


def test_more_gas_than_the_block_has_is_refused() -> None:
    it = chain(gas_limit=100_000)
    with pytest.raises(InvalidBlock, match="gas limit 1000000 of a system transaction"):
        it.build(system=[system().raw])
