"""Openings and votes in batches: they come back, and nothing malformed gets in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node.batching.columns import ColumnReader, ColumnWriter, encode_varints
from metis_node.batching.sequencing_columns import read_openings, read_votes, write_votes
from metis_node.batching.span_batch import decode_span_batch, encode_span_batch
from metis_node.errors import InvalidBatch
from metis_node.types.batches import BatchBlock, SpanBatch
from metis_node.types.epochs import EpochOpening, Validator
from metis_node.types.primitives import Address
from tests.factories import CHAIN_ID
from tests.unit.batching.samples import batch_of, block_of, signed_transactions

u64 = st.integers(0, (1 << 64) - 1)
places = st.one_of(st.integers(0, 255), st.integers(0, (1 << 256) - 1))
participations = st.lists(places, max_size=8).map(tuple).filter(lambda p: not p or p[-1] != 0)
orders = st.lists(
    st.builds(
        Validator,
        sequencer_id=u64,
        signer=st.binary(min_size=20, max_size=20).map(Address),
        power=u64,
    ),
    min_size=1,
    max_size=6,
).map(tuple)


@st.composite
def sequenced_batches(draw: st.DrawFn) -> SpanBatch:
    blocks = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        epoch, stake_block = draw(u64), draw(u64)
        opening = None
        if draw(st.booleans()):
            opening = EpochOpening(
                epoch=epoch,
                stake_block=stake_block,
                length=draw(u64),
                version=draw(u64),
                order=draw(orders),
            )
        blocks.append(
            block_of(
                number,
                signed_transactions()[: number % 3],
                epoch=epoch,
                stake_block=stake_block,
                participation=draw(participations),
                opening=opening,
            )
        )
    return batch_of(blocks)


def encode(batch: SpanBatch) -> bytes:
    return encode_span_batch(batch, chain_id=CHAIN_ID)


def decode(data: bytes) -> SpanBatch:
    return decode_span_batch(data, chain_id=CHAIN_ID)


@given(sequenced_batches())
@settings(deadline=None, max_examples=150)
def test_any_such_batch_comes_back_unchanged(batch: SpanBatch) -> None:
    encoded = encode(batch)
    assert encoded[0] == 2
    assert decode(encoded) == batch


@given(sequenced_batches(), st.data())
@settings(deadline=None, max_examples=300)
def test_a_flipped_bit_is_refused_or_changes_the_batch(
    batch: SpanBatch, data: st.DataObject
) -> None:
    encoded = bytearray(encode(batch))
    position = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[position // 8] ^= 1 << position % 8
    try:
        changed = decode(bytes(encoded))
    except InvalidBatch:
        return
    assert changed != batch


def test_every_cut_is_refused() -> None:
    encoded = encode(batch_of(epoch_of_blocks(80)))
    for length in range(len(encoded)):
        with pytest.raises(InvalidBatch):
            decode(encoded[:length])


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=300)
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    with pytest.raises(InvalidBatch):
        decode(b"\x02" + data)


def test_a_chain_without_validators_keeps_the_first_version() -> None:
    batch = batch_of([block_of(1), block_of(2)])
    encoded = encode(batch)
    assert encoded[0] == 1
    assert decode(encoded) == batch
    assert decode(encoded).blocks[0].participation is None


def epoch_of_blocks(count: int) -> list[BatchBlock]:
    """Four validators of whom all vote."""
    order = tuple(
        Validator(sequencer_id=number, signer=Address(bytes((number,)) * 20), power=10**9)
        for number in range(1, 5)
    )
    opening = EpochOpening(epoch=0, stake_block=0, length=200, version=1, order=order)
    blocks = [block_of(number, epoch=0, participation=(15,)) for number in range(1, count + 1)]
    return [replace(blocks[0], participation=(), opening=opening), *blocks[1:]]


def test_a_quiet_epoch_costs_next_to_nothing() -> None:
    sequenced = epoch_of_blocks(200)
    plain = [replace(block, participation=None, opening=None) for block in sequenced]
    more = len(encode(batch_of(sequenced))) - len(encode(batch_of(plain)))
    assert more == 2 + 5 + 4 * 26 + 7  # two lengths, an opening of four seats, two runs


def votes(raw: bytes, count: int = 2) -> list[tuple[int, ...]]:
    out = ColumnWriter()
    out.column(raw)
    return read_votes(ColumnReader(out.finish()), count)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (encode_varints((0, 0)), "a run of no blocks"),
        (encode_varints((3, 0)), "beyond the bound 2"),
        (encode_varints((2, 9)), "beyond the bound 8"),
        (encode_varints((2, 1, 33)) + bytes(33), "33 bytes of places, at most 32"),
        (encode_varints((2, 1, 2)) + b"\x00\x01", "leading zero"),
        (encode_varints((2, 1, 0)), "ends with a height without votes"),
        (encode_varints((2, 1, 2)) + b"\x01", "ended where 2 bytes had to follow"),
        (encode_varints((2, 0, 7)), "1 bytes too many"),
    ],
)
def test_malformed_votes_are_refused(raw: bytes, words: str) -> None:
    assert votes(encode_varints((2, 1, 1)) + b"\x0f") == [(15,), (15,)]
    with pytest.raises(InvalidBatch, match=words):
        votes(raw)


def openings(raw: bytes) -> dict[int, EpochOpening]:
    out = ColumnWriter()
    out.column(raw)
    return read_openings(ColumnReader(out.finish()), [(7, 70), (8, 80)])


SEAT = b"\x05" + b"\x11" * 20 + b"\x09"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x02\x40\x01\x01" + SEAT, "beyond the bound 1"),
        (b"\x00\x40\x01\x00", "an epoch of no validators"),
        (b"\x00\x40\x01" + encode_varints((257,)), "beyond the bound 256"),
        (b"\x00\x40\x01\x02" + SEAT, "ended where"),
        ((b"\x00\x40\x01\x01" + SEAT) * 3, "more openings than blocks"),
        (b"\x00\x40", "ended where"),
    ],
)
def test_malformed_openings_are_refused(raw: bytes, words: str) -> None:
    found = openings(b"\x01\x40\x01\x01" + SEAT)
    seat = Validator(sequencer_id=5, signer=Address(b"\x11" * 20), power=9)
    assert found == {1: EpochOpening(epoch=8, stake_block=80, length=64, version=1, order=(seat,))}
    with pytest.raises(InvalidBatch, match=words):
        openings(raw)


def test_runs_are_as_long_as_they_can_be() -> None:
    out = ColumnWriter()
    write_votes(out, epoch_of_blocks(5))
    assert out.finish() == b"\x06" + encode_varints((1, 0, 4, 1, 1)) + b"\x0f"
