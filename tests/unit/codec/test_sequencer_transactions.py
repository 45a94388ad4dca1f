"""`openEpoch` and `recordBlock` to bytes and back."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode as abi_encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metis_node._native import SystemTransaction
from metis_node.codec import sequencer_transactions as codec
from metis_node.codec.deposits import called_data
from metis_node.codec.system_transaction import encode_system_transaction
from metis_node.errors import InvalidBlock
from metis_node.types.epochs import EpochOpening, SequencingRecord, Validator
from metis_node.types.primitives import Address
from tests import chains

u64 = st.integers(0, (1 << 64) - 1)
words = st.lists(st.integers(0, (1 << 256) - 1), max_size=8).map(tuple)
seats = st.builds(
    Validator,
    sequencer_id=u64,
    signer=st.binary(min_size=20, max_size=20).map(Address),
    power=u64,
)
openings = st.builds(
    EpochOpening,
    epoch=u64,
    length=u64,
    stake_block=u64,
    version=u64,
    order=st.lists(seats, min_size=1, max_size=40).map(tuple),
)
OPENING = EpochOpening(
    epoch=3,
    length=200,
    stake_block=17,
    version=1,
    order=(Validator(sequencer_id=5, signer=Address(b"\x11" * 20), power=7),),
)


@given(openings, u64)
def test_an_opening_round_trips(opening: EpochOpening, height: int) -> None:
    raw = codec.encode_open_epoch(opening, height)
    assert codec.decode_open_epoch(raw, height) == opening


@given(st.integers(0, (1 << 16) - 1), words, st.integers(1, 256), u64)
def test_a_record_round_trips(
    place: int, participation: tuple[int, ...], size: int, height: int
) -> None:
    raw = codec.encode_record_block(
        place=place, participation=participation, seats=size, height=height
    )
    assert codec.decode_record_block(raw) == (place, participation)


@given(openings)
def test_an_opening_is_what_an_abi_encoder_makes(opening: EpochOpening) -> None:
    order = [(v.sequencer_id, "0x" + v.signer.hex(), v.power) for v in opening.order]
    types = ["uint64", "uint64", "uint64", "uint64", "(uint64,address,uint64)[]"]
    numbers = [opening.epoch, opening.length, opening.stake_block, opening.version]
    selector = keccak(f"openEpoch({','.join(types)})".encode())[:4]
    raw = codec.encode_open_epoch(opening, 9)
    assert called_data(raw) == selector + abi_encode(types, [*numbers, order])


@given(st.integers(0, (1 << 16) - 1), words)
def test_a_record_is_what_an_abi_encoder_makes(place: int, participation: tuple[int, ...]) -> None:
    selector = keccak(b"recordBlock(uint16,uint256[])")[:4]
    raw = codec.encode_record_block(place=place, participation=participation, seats=4, height=9)
    assert called_data(raw) == selector + abi_encode(
        ["uint16", "uint256[]"], [place, participation]
    )


def test_the_engine_reads_them_as_deposits() -> None:
    raw = codec.encode_open_epoch(OPENING, 9)
    read = SystemTransaction.decode(raw)
    assert (read.to, read.gas_limit) == (codec.SEQUENCER_SET, codec.open_epoch_gas(1))
    assert (read.mint, read.value, read.is_system) == (0, 0, False)
    assert read.sender.hex() == "deaddeaddeaddeaddeaddeaddeaddeaddead0001"


def test_no_two_of_a_block_and_no_two_heights_share_a_source_hash() -> None:
    hashes = {
        SystemTransaction.decode(raw).source_hash
        for height in (1, 2)
        for raw in (
            encode_system_transaction(chains.l1_origin(100), height),
            codec.encode_open_epoch(OPENING, height),
            codec.encode_record_block(place=0, participation=(), seats=1, height=height),
        )
    }
    assert len(hashes) == 6


@given(openings, st.data())
def test_an_opening_with_any_byte_changed_is_another_or_refused(
    opening: EpochOpening, data: st.DataObject
) -> None:
    raw = bytearray(codec.encode_open_epoch(opening, 5))
    index = data.draw(st.integers(0, len(raw) - 1))
    raw[index] ^= data.draw(st.integers(1, 255))
    try:
        decoded = codec.decode_open_epoch(bytes(raw), 5)
    except InvalidBlock:
        return
    assert decoded != opening


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused(data: bytes, typed: bool) -> None:
    raw = (b"\x7e" if typed else b"") + data
    with pytest.raises(InvalidBlock):
        codec.decode_open_epoch(raw, 5)
    with pytest.raises(InvalidBlock):
        codec.decode_record_block(raw)


@pytest.mark.parametrize(
    ("data", "words_"),
    [
        (b"\0\0\0\0" + bytes(192), "does not call openEpoch"),
        (codec.OPEN_EPOCH + bytes(160), "does not call openEpoch"),
        (codec.OPEN_EPOCH + bytes(192), "malformed"),
    ],
)
def test_other_calls_are_no_openings(data: bytes, words_: str) -> None:
    raw = _deposit(data)
    with pytest.raises(InvalidBlock, match=words_):
        codec.decode_open_epoch(raw, 5)


@pytest.mark.parametrize(
    ("values", "words_"),
    [
        ([3, 200, 17, 1 << 64, 160, 1, 5, 1, 7], "above 64 bits"),
        ([3, 200, 17, 1, 160, 1, 5, 1 << 160, 7], "signer above 20 bytes"),
        ([3, 200, 17, 1, 160, 1, 5, 1, 1 << 64], "above 64 bits"),
        ([3, 200, 17, 1, 161, 1, 5, 1, 7], "malformed"),
        ([3, 200, 17, 1, 160, 2, 5, 1, 7], "malformed"),
        ([3, 200, 17, 1, 160, 0], "0 seats, expected 1 to 256"),
        ([3, 200, 17, 1, 160, 257, *[1] * 3 * 257], "257 seats, expected 1 to 256"),
    ],
)
def test_openings_with_wrong_words_are_refused(values: list[int], words_: str) -> None:
    data = codec.OPEN_EPOCH + b"".join(value.to_bytes(32, "big") for value in values)
    with pytest.raises(InvalidBlock, match=words_):
        codec.decode_open_epoch(_deposit(data), 5)


@pytest.mark.parametrize(
    ("values", "words_"),
    [
        ([1, 64], "does not call recordBlock"),
        ([1 << 16, 64, 0], "malformed"),
        ([1, 65, 0], "malformed"),
        ([1, 64, 1], "malformed"),
        ([1, 64, 0, 5], "malformed"),
    ],
)
def test_records_with_wrong_words_are_refused(values: list[int], words_: str) -> None:
    data = codec.RECORD_BLOCK + b"".join(value.to_bytes(32, "big") for value in values)
    with pytest.raises(InvalidBlock, match=words_):
        codec.decode_record_block(_deposit(data))


def test_what_a_body_says_is_found_behind_the_attributes() -> None:
    origin = chains.l1_origin(100)
    record = SequencingRecord(
        epoch=3, stake_block=17, place=0, seats=1, participation=(1, 0, 1), opening=OPENING
    )
    body = [*codec.system_transactions(origin, record, 9), b"\x02rest"]
    assert codec.system_count(body) == 3
    assert codec.participation_of(body) == (1, 0, 1)
    assert codec.opening_of(body, 9) == OPENING
    without = [body[0], *body[2:]]
    assert codec.participation_of(without) == (1, 0, 1)
    assert codec.opening_of(without, 9) is None
    for short in ([], body[:1], [body[0], body[3]]):
        with pytest.raises(InvalidBlock, match="lacks the system transaction"):
            codec.participation_of(short)


def _deposit(data: bytes) -> bytes:
    return SystemTransaction(
        source_hash=bytes(32),
        sender=b"\xde" * 20,
        to=codec.SEQUENCER_SET,
        mint=0,
        value=0,
        gas_limit=1,
        is_system=False,
        data=data,
    ).raw
