"""What a block of a chain with validators may say: every refusal beside the block that is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.chain.sequencing_rules import check_builder, check_participation, check_records
from metis_node.codec.extra_data import decode_extra_data, encode_extra_data
from metis_node.codec.sequencer_transactions import encode_open_epoch, encode_record_block
from metis_node.errors import InvalidBlock
from metis_node.staking.epochs import Epoch, EpochWindow
from metis_node.types.blocks import Header
from metis_node.types.epochs import Validator
from metis_node.types.primitives import ZERO_HASH
from tests import chains
from tests.sequenced import LENGTH, SequencedChain, signer


def epoch(number: int, size: int) -> Epoch:
    return Epoch(
        number=number,
        start=1 + number * LENGTH,
        length=LENGTH,
        stake_block=10 * number,
        seed_block=0,
        seed=ZERO_HASH,
        order=tuple(
            Validator(sequencer_id=place + 1, signer=signer(place + 1), power=100)
            for place in range(size)
        ),
    )


FIRST, SECOND = epoch(0, 7), epoch(1, 4)
WINDOW = EpochWindow(current=SECOND, previous=FIRST)
START = SECOND.start


def header(number: int, **extra: int) -> Header:
    it = SequencedChain.new()
    fields = {"epoch": 1, "builder_index": 2, "stake_block": 10, **extra}
    bare = it.chain.head.header
    data = replace(decode_extra_data(bare.extra_data), **fields)
    return replace(bare, number=number, extra_data=encode_extra_data(data))


@pytest.mark.parametrize("number", [START, START + LENGTH - 1])
def test_the_header_names_epoch_stake_block_and_a_place(number: int) -> None:
    check_builder(header(number), WINDOW)
    check_builder(header(number, builder_index=3), WINDOW)
    for extra, words in (
        ({"epoch": 2}, "epoch in extraData is 2, expected 1"),
        ({"stake_block": 11}, "stake block in extraData is 11, expected 10"),
        ({"builder_index": 4}, "builder index in extraData is 4, epoch 1 has 4 places"),
    ):
        with pytest.raises(InvalidBlock, match=words):
            check_builder(header(number, **extra), WINDOW)


@pytest.mark.parametrize("number", [START - 1, START + LENGTH])
def test_a_block_is_held_against_the_epoch_of_its_height(number: int) -> None:
    with pytest.raises(InvalidBlock, match=f"has the blocks {START} to {SECOND.end}"):
        check_builder(header(number), WINDOW)


def body(
    number: int, *, place: int = 2, participation: tuple[int, ...] = (), seats: int = 7
) -> list[bytes]:
    opening = [encode_open_epoch(SECOND.opening, number)] if number == START else []
    record = encode_record_block(
        place=place, participation=participation, seats=seats, height=number
    )
    return [b"\x7eattributes", *opening, record]


def refused(number: int, transactions: list[bytes], words: str) -> None:
    with pytest.raises(InvalidBlock, match=words):
        check_records(header(number), transactions, WINDOW)


def test_the_first_block_opens_its_epoch_and_no_other_does() -> None:
    assert check_records(header(START), body(START), WINDOW) == 3
    assert check_records(header(START + 1), body(START + 1), WINDOW) == 2
    attributes, opening, record = body(START)
    refused(START, [attributes, record], "malformed|does not call openEpoch")
    refused(START, [attributes], "does not open epoch 1")
    refused(START, [attributes, b"\x02signed", record], "does not open epoch 1")
    refused(START, [attributes, opening], "does not record its builder")
    late = encode_open_epoch(SECOND.opening, START + 1)
    refused(START + 1, [attributes, late, body(START + 1)[1]], "does not call recordBlock")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epoch", 2),
        ("length", LENGTH + 1),
        ("stake_block", 11),
        ("version", 2),
        ("order", tuple(reversed(SECOND.order))),
        ("order", SECOND.order[:3]),
    ],
)
def test_an_epoch_is_opened_as_it_was_decided(field: str, value: object) -> None:
    attributes, _, record = body(START)
    other = replace(SECOND.opening, **{field: value})
    refused(
        START,
        [attributes, encode_open_epoch(other, START), record],
        f"opens epoch 1 with another {field}",
    )


def test_an_opening_made_for_another_height_is_refused() -> None:
    attributes, _, record = body(START)
    other = encode_open_epoch(SECOND.opening, START + 1)
    refused(START, [attributes, other, record], "not encoded as it must be")


def test_the_record_names_the_builder_of_the_header() -> None:
    number = START + 5
    check_records(header(number), body(number), WINDOW)
    refused(number, body(number, place=1), "records the builder 1, its header names 2")
    refused(number, body(number, seats=4), "not encoded as it must be")
    refused(number, body(number + 1), "not encoded as it must be")
    refused(number, [b"\x7eattributes"], "does not record its builder")
    refused(number, [b"\x7eattributes", b"\x02signed"], "does not record its builder")


def test_votes_of_the_last_eight_heights_may_be_recorded() -> None:
    number = START + 9
    check_records(header(number), body(number, participation=(15,) * 8), WINDOW)
    refused(number, body(number, participation=(15,) * 9), "9 heights, at most 8 are allowed")
    refused(number, body(number, participation=(15, 0)), "ends its record with a height without")


def test_block_1_records_nothing_and_block_2_one_height() -> None:
    window = EpochWindow(current=FIRST, previous=None)
    for number in range(1, 12):
        most = min(number - 1, 8)
        check_participation((127,) * most, number, window)
        with pytest.raises(InvalidBlock, match=f"at most {most} are allowed"):
            check_participation((127,) * (most + 1), number, window)


@given(st.integers(START, START + 10), st.integers(0, 7), st.integers(0, 9))
def test_places_are_those_of_the_epoch_that_the_height_is_in(
    number: int, index: int, place: int
) -> None:
    seats = 4 if number - 1 - index >= START else 7
    participation = (0,) * index + (1 << place,)
    if place < seats:
        check_participation(participation, number, WINDOW)
    else:
        with pytest.raises(InvalidBlock, match=f"a vote of place {place} for height"):
            check_participation(participation, number, WINDOW)


def test_a_whole_block_obeys_them() -> None:
    """Through `Blockchain.check`, which every import goes through."""
    it = SequencedChain.new()
    for _ in range(2):
        sealed, transactions = it.sealed()
        window = it.window
        it.chain.import_block(sealed, transactions, window)
    header_rlp, transactions = it.sealed([chains.transfer(0, 0)])
    misplaced = [transactions[0], transactions[2], transactions[1]]
    with pytest.raises(InvalidBlock, match="does not record its builder"):
        it.chain.import_block(header_rlp, misplaced, it.window)
    twice = [*transactions[:2], transactions[1], *transactions[2:]]
    with pytest.raises(InvalidBlock, match="a system transaction where none may stand"):
        it.chain.import_block(header_rlp, twice, it.window)
    assert it.chain.import_block(header_rlp, transactions, it.window).number == 3


def test_the_builder_may_have_its_fees_anywhere() -> None:
    it = SequencedChain.new()
    for number in (1, 2):
        beneficiary = bytes((number,)) * 20
        imported = it.extend(beneficiary=beneficiary)
        assert imported.sealed.header.beneficiary == beneficiary
