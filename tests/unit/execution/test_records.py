"""Stored forms that come back to the native crate: any bytes give a value or CorruptStore."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node import _native
from metis_node.errors import CorruptStore, InvalidTransaction
from tests import factories
from tests.factories import key

LOGGER = bytes.fromhex("60aa60005260bb60cc60206000a200")
LOGGER_AT = b"\x10" * 20


def stored_record() -> bytes:
    alloc = factories.alloc_json(factories.funded(1), {LOGGER_AT: LOGGER})
    raw = factories.sign_dynamic_fee(key(0), nonce=0, to=LOGGER_AT, gas_limit=100_000)
    writes = factories.new_chain(alloc=alloc).extend([raw]).writes()
    (record,) = (value for name, value in writes if name[:1] == b"x")
    assert record is not None
    return record


RECORD = stored_record()


@pytest.mark.parametrize("value", [RECORD[:-1], RECORD + b"\x00", b"", b"\x02" + RECORD[1:]])
def test_records_that_are_cut_longer_or_newer_are_corrupt(value: bytes) -> None:
    with pytest.raises(CorruptStore, match="transaction record does not decode"):
        _native.TransactionRecord.decode(value)


@given(st.one_of(st.binary(max_size=200), st.integers(0, len(RECORD) - 1)), st.integers(1, 255))
@settings(deadline=None)
def test_no_bytes_break_the_record_decoder(value: bytes | int, change: int) -> None:
    if isinstance(value, int):
        value = RECORD[:value] + bytes([RECORD[value] ^ change]) + RECORD[value + 1 :]
    with contextlib.suppress(CorruptStore):
        record = _native.TransactionRecord.decode(value)
        record.receipt_raw()
        record.transaction_dict()
        record.receipt_dict("0x", "0x1", "0x0")


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_no_bytes_break_the_log_index(value: bytes) -> None:
    with contextlib.suppress(CorruptStore):
        positions = _native.decode_log_positions(value)
        assert [log for _, log in positions] == sorted({log for _, log in positions})


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_break_the_system_transaction(value: bytes) -> None:
    for raw in (value, b"\x7e" + value):
        with contextlib.suppress(InvalidTransaction):
            assert _native.SystemTransaction.decode(raw).raw == raw
