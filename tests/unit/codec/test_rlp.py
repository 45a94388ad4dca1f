"""RLP against the independent `rlp` package, both ways, and every malformed encoding."""

from __future__ import annotations

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec import rlp

items = st.recursive(
    st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6), max_leaves=20
)


@given(items)
def test_encoding_equals_the_reference_and_round_trips(item: object) -> None:
    encoded = rlp.encode(item)  # type: ignore[arg-type]
    assert encoded == reference.encode(item)
    assert rlp.decode(encoded) == item


@given(st.binary(max_size=80))
def test_decoding_accepts_exactly_what_the_reference_accepts(data: bytes) -> None:
    try:
        expected = reference.decode(data, strict=True)
    except reference.DecodingError:
        with pytest.raises(rlp.MalformedRlp):
            rlp.decode(data)
    else:
        assert rlp.decode(data) == expected


@given(st.integers(0, 2**256))
def test_numbers_round_trip(value: int) -> None:
    assert rlp.encode_int(value) == reference.encode(value)
    assert rlp.bytes_to_int(rlp.int_to_bytes(value), name="n", max_bytes=33) == value


def test_long_items() -> None:
    for size in (55, 56, 255, 256, 70_000):
        assert rlp.encode(bytes(size)) == reference.encode(bytes(size))
        assert rlp.encode([b"a"] * size) == reference.encode([b"a"] * size)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the item ends early"),
        (b"\x81\x7f", "below 0x80 has a prefix"),
        (b"\x82a", "the item ends early"),
        (b"\xc2a", "the item ends early"),
        (b"\xb8", "a length ends early"),
        (b"\xb8\x37" + bytes(55), "not in its shortest form"),
        (b"\xb9\x00\x40" + bytes(64), "not in its shortest form"),
        (b"aa", "1 bytes follow the item"),
    ],
)
def test_malformed_encodings_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(rlp.MalformedRlp, match=words):
        rlp.decode(data)


def test_deep_nesting_is_bounded() -> None:
    item: object = []
    for _ in range(rlp.MAX_DEPTH):
        item = [item]
    assert rlp.decode(rlp.encode(item)) == item  # type: ignore[arg-type]
    with pytest.raises(rlp.MalformedRlp, match="nested deeper"):
        rlp.decode(rlp.encode([item]))  # type: ignore[arg-type,list-item]


def test_field_readers_name_the_field() -> None:
    with pytest.raises(rlp.MalformedRlp, match="gas has leading zeros"):
        rlp.bytes_to_int(b"\0\1", name="gas")
    with pytest.raises(rlp.MalformedRlp, match="gas has 9 bytes, at most 8"):
        rlp.bytes_to_int(b"\1" * 9, name="gas", max_bytes=8)
    with pytest.raises(rlp.MalformedRlp, match="gas is a list"):
        rlp.bytes_to_int([], name="gas")
    with pytest.raises(rlp.MalformedRlp, match="root has 31 bytes, expected 32"):
        rlp.fixed_bytes(bytes(31), 32, name="root")
    with pytest.raises(rlp.MalformedRlp, match="root is a list"):
        rlp.fixed_bytes([], 32, name="root")
