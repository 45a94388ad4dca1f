"""Span batches: every byte comes back, nothing malformed gets in, nothing grows without bound."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node.batching import span_batch
from metis_node.batching.columns import ColumnReader, ColumnWriter, encode_varint
from metis_node.batching.span_batch import decode_span_batch, encode_span_batch
from metis_node.batching.transaction_columns import TransactionColumns, read_transactions
from metis_node.codec.raw_transactions import join_transaction, split_transaction
from metis_node.errors import InvalidBatch
from metis_node.types.batches import SpanBatch
from tests.factories import CHAIN_ID
from tests.unit.batching.samples import (
    any_transactions,
    batch_of,
    block_of,
    signed_batch,
    signed_transactions,
    wild_batches,
)


def encode(batch: SpanBatch) -> bytes:
    return encode_span_batch(batch, chain_id=CHAIN_ID)


def decode(data: bytes) -> SpanBatch:
    return decode_span_batch(data, chain_id=CHAIN_ID)


@given(wild_batches())
@settings(deadline=None, max_examples=80)
def test_any_batch_comes_back_unchanged(batch: SpanBatch) -> None:
    assert decode(encode(batch)) == batch


def test_a_batch_of_signed_transactions_comes_back_unchanged() -> None:
    batch = signed_batch()
    assert decode(encode(batch)) == batch


@given(any_transactions)
@settings(deadline=None, max_examples=200)
def test_a_transaction_taken_apart_is_put_together_the_same(raw: bytes) -> None:
    split = split_transaction(raw)
    assert split is None or join_transaction(*split) == raw


def test_every_signed_shape_fits_the_columns() -> None:
    columns = TransactionColumns(CHAIN_ID)
    columns.add_all(signed_transactions())
    assert columns.opaque == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x7e\xc0",
        b"\x03\xc0",
        bytes.fromhex("c9808080808080808080"),  # legacy with v = 0
        bytes.fromhex("02ccf8000000000000000000000000"),
        signed_transactions()[5] + b"\0",
        signed_transactions()[5][:-1],
    ],
)
def test_what_is_no_plain_transaction_travels_whole(raw: bytes) -> None:
    columns = TransactionColumns(CHAIN_ID)
    columns.add_all([raw])
    assert columns.opaque == [raw]
    writer = ColumnWriter()
    columns.write(writer)
    reader = ColumnReader(writer.finish())
    assert read_transactions(reader, count=1, chain_id=CHAIN_ID, max_bytes=1 << 20) == [raw]


def test_a_transaction_of_another_chain_travels_whole() -> None:
    columns = TransactionColumns(CHAIN_ID + 1)
    columns.add_all([signed_transactions()[5]])
    assert len(columns.opaque) == 1


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_flipped_bit_is_refused_or_changes_the_batch(data: st.DataObject) -> None:
    batch = signed_batch(blocks=6)
    encoded = encode(batch)
    position = data.draw(st.integers(0, len(encoded) * 8 - 1))
    flipped = bytearray(encoded)
    flipped[position // 8] ^= 1 << position % 8
    try:
        changed = decode(bytes(flipped))
    except InvalidBatch:
        return
    assert changed != batch


def test_every_cut_is_refused() -> None:
    encoded = encode(signed_batch(blocks=4))
    for length in range(len(encoded)):
        with pytest.raises(InvalidBatch):
            decode(encoded[:length])
    with pytest.raises(InvalidBatch, match="too many"):
        decode(encoded + b"\0")


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=500)
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    with pytest.raises(InvalidBatch):
        decode(bytes([span_batch.BATCH_VERSION]) + data)


def test_an_unknown_version_is_refused_by_name() -> None:
    with pytest.raises(InvalidBatch, match="batch version 9 is unknown"):
        decode(b"\x09" + encode(signed_batch())[1:])


def test_a_batch_without_blocks_is_refused() -> None:
    data = b"\x01" + encode_varint(1) + encode_varint(0) + bytes(52)
    with pytest.raises(InvalidBatch, match="without blocks"):
        decode(data)


def test_too_many_blocks_are_refused() -> None:
    data = b"\x01" + encode_varint(1) + encode_varint(span_batch.MAX_BLOCKS + 1) + bytes(52)
    with pytest.raises(InvalidBatch, match="beyond the bound"):
        decode(data)


def test_too_many_transactions_are_refused() -> None:
    encoded = bytearray(encode(batch_of([block_of(1)])))
    counts = encoded.index(b"\x04" + (1).to_bytes(4, "big")) + 5  # behind the column `checks`
    assert encoded[counts : counts + 2] == b"\x01\x00"
    many = encode_varint(span_batch.MAX_TRANSACTIONS + 1)
    changed = bytes(encoded[:counts]) + bytes([len(many)]) + many + bytes(encoded[counts + 2 :])
    with pytest.raises(InvalidBatch, match="beyond the bound"):
        decode(changed)


def test_call_data_that_unfolds_is_bounded_before_it_is_made() -> None:
    """A word of one size byte stands for 32 bytes: a small batch must not become a huge one."""
    raw = signed_transactions()[9]
    columns = TransactionColumns(CHAIN_ID)
    columns.add_all([raw] * 2_000)
    writer = ColumnWriter()
    columns.write(writer)
    data = writer.finish()
    size = 2_000 * len(raw)
    whole = read_transactions(ColumnReader(data), count=2_000, chain_id=CHAIN_ID, max_bytes=size)
    assert sum(map(len, whole)) == size
    with pytest.raises(InvalidBatch, match="take more than"):
        read_transactions(ColumnReader(data), count=2_000, chain_id=CHAIN_ID, max_bytes=size - 1)


def test_a_claimed_length_allocates_nothing() -> None:
    tracemalloc.start()
    try:
        for claim in (1 << 30, (1 << 64) - 1):
            reader = ColumnReader(encode_varint(claim) + b"x")
            with pytest.raises(InvalidBatch, match=f"claims {claim} bytes"):
                reader.column("plain")
            with pytest.raises(InvalidBatch):
                ColumnReader(b"\x01" * 8).numbers(claim)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80", "ended"),
        (b"\x80\x00", "longer than it need be"),
        (b"\xff" * 11, "ended"),
        (b"\xff" * 9 + b"\x7f", "beyond the bound"),
    ],
)
def test_malformed_varints_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidBatch, match=words):
        ColumnReader(data).number()


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_varints_come_back(values: list[int]) -> None:
    data = b"".join(map(encode_varint, values))
    assert ColumnReader(data).numbers(len(values)) == values


def test_a_set_padding_bit_is_refused() -> None:
    assert ColumnReader(b"\x05").bits(3) == [1, 0, 1]
    with pytest.raises(InvalidBatch, match="padding"):
        ColumnReader(b"\x05").bits(2)
