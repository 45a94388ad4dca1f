"""Headers: canonical both ways, each field's damage named, extraData's layout."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.extra_data import decode_extra_data, encode_extra_data, header_time_ms
from metis_node.codec.hashes import keccak256
from metis_node.codec.headers import decode_header, encode_header, open_sealed, seal
from metis_node.errors import InvalidBlock
from metis_node.types.blocks import ExtraData, Header
from tests import factories

u64 = st.integers(0, 2**64 - 1)
hashes = st.binary(min_size=32, max_size=32)
headers = st.builds(
    Header,
    parent_hash=hashes,
    ommers_hash=hashes,
    beneficiary=st.binary(min_size=20, max_size=20),
    state_root=hashes,
    transactions_root=hashes,
    receipts_root=hashes,
    logs_bloom=st.binary(min_size=256, max_size=256),
    difficulty=st.integers(0, 2**256 - 1),
    number=u64,
    gas_limit=u64,
    gas_used=u64,
    timestamp=u64,
    extra_data=st.binary(max_size=40),
    mix_hash=hashes,
    nonce=st.binary(min_size=8, max_size=8),
    base_fee_per_gas=st.integers(0, 2**256 - 1),
    withdrawals_root=hashes,
    blob_gas_used=u64,
    excess_blob_gas=u64,
    parent_beacon_block_root=hashes,
    requests_hash=hashes,
)
extras = st.builds(
    ExtraData,
    version=st.just(1),
    epoch=u64,
    builder_index=st.integers(0, 2**16 - 1),
    origin_number=u64,
    stake_block=u64,
    milliseconds=st.integers(0, 999),
)


@given(headers)
def test_headers_round_trip_and_equal_the_reference(header: Header) -> None:
    encoded = encode_header(header)
    assert encoded == reference.encode([getattr(header, field.name) for field in fields(Header)])
    assert decode_header(encoded) == header
    sealed = seal(header)
    assert sealed.hash == keccak256(encoded)
    assert open_sealed(encoded) == sealed


@given(st.binary(max_size=700))
def test_decoding_any_bytes_gives_a_header_or_invalid_block(data: bytes) -> None:
    with pytest.raises(InvalidBlock, match="malformed header"):
        decode_header(data)


@given(headers, st.data())
def test_damage_is_refused_or_changes_the_hash(header: Header, data: st.DataObject) -> None:
    encoded = encode_header(header)
    place = data.draw(st.integers(0, len(encoded) - 1))
    damaged = bytearray(encoded)
    damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        other = open_sealed(bytes(damaged))
    except InvalidBlock:
        return
    assert other.hash != seal(header).hash
    assert encode_header(other.header) == bytes(damaged)


@pytest.mark.parametrize(
    ("index", "value", "words"),
    [
        (0, bytes(31), "parentHash has 31 bytes, expected 32"),
        (2, bytes(21), "miner has 21 bytes, expected 20"),
        (6, bytes(255), "logsBloom has 255 bytes, expected 256"),
        (8, b"\1" * 9, "number has 9 bytes, at most 8"),
        (9, b"\0\1", "gasLimit has leading zeros"),
        (12, [], "extraData is a list"),
        (14, b"", "nonce has 0 bytes, expected 8"),
        (20, [], "requestsHash is a list"),
    ],
)
def test_the_wrong_field_is_named(index: int, value: object, words: str) -> None:
    items = reference.decode(factories.header_rlp())
    items[index] = value
    with pytest.raises(InvalidBlock, match=words):
        decode_header(reference.encode(items))


def test_the_number_of_fields_is_named() -> None:
    items = reference.decode(factories.header_rlp())
    with pytest.raises(InvalidBlock, match="20 fields, expected 21"):
        decode_header(reference.encode(items[:-1]))
    with pytest.raises(InvalidBlock, match="expected a list of fields"):
        decode_header(b"a")


@given(extras)
def test_extra_data_round_trips_in_29_bytes(extra: ExtraData) -> None:
    encoded = encode_extra_data(extra)
    assert len(encoded) == 29
    assert decode_extra_data(encoded) == extra


def test_extra_data_has_the_documented_layout() -> None:
    extra = ExtraData(epoch=2, builder_index=3, origin_number=4, stake_block=5, milliseconds=600)
    assert encode_extra_data(extra).hex() == (
        "01" + "0000000000000002" + "0003" + "0000000000000004" + "0000000000000005" + "0258"
    )


def test_extra_data_out_of_range_is_refused() -> None:
    for bad in (ExtraData(milliseconds=1000), ExtraData(epoch=2**64), ExtraData(epoch=-1)):
        with pytest.raises(InvalidBlock, match="extraData"):
            encode_extra_data(bad)


def test_times_in_milliseconds() -> None:
    header = decode_header(factories.header_rlp(timestamp=7))
    with_ms = replace(header, extra_data=encode_extra_data(ExtraData(milliseconds=250)))
    assert header_time_ms(with_ms) == 7_250
    assert header_time_ms(replace(header, extra_data=b"geth")) == 7_000
