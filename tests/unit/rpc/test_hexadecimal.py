"""Parameters: what is taken, and what each refusal says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal
from metis_node.rpc.block_tags import parse_block, parse_number

ADDRESS = "0x" + "ab" * 20
HASH = "0x" + "cd" * 32


def refusal(function: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        function(*arguments)
    assert caught.value.code == -32602
    return caught.value.message


def test_addresses_and_hashes_are_taken_in_any_case() -> None:
    assert hexadecimal.address([ADDRESS], 0) == b"\xab" * 20
    assert hexadecimal.address(["0X" + "AB" * 20], 0) == b"\xab" * 20
    assert hexadecimal.hash32([HASH], 0) == b"\xcd" * 32


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("ab" * 20, "without 0x prefix"),
        ("0x" + "ab" * 19, "hex string has length 38, want 40"),
        ("0x" + "ab" * 21, "hex string has length 42, want 40"),
        ("0x" + "a" * 39, "odd length"),
        ("0x" + "zz" * 20, "invalid hex string"),
        ("0x" + "a " * 20, "invalid hex string"),
        ("", "empty hex string"),
        (5, "cannot unmarshal number"),
        (True, "cannot unmarshal bool"),
        ([], "cannot unmarshal array"),
        ({}, "cannot unmarshal object"),
        (None, "missing value for required argument 0"),
    ],
)
def test_wrong_addresses_are_named(value: Any, words: str) -> None:
    message = refusal(hexadecimal.address, [value], 0)
    assert words in message
    assert "address" in message


def test_an_absent_argument_is_missing() -> None:
    assert "missing value for required argument 1: slot" in refusal(
        hexadecimal.required, ["x"], 1, "slot"
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [("0x0", 0), ("0x1", 1), ("0xff", 255), ("0XFF", 255), ("0x" + "f" * 64, 2**256 - 1)],
)
def test_quantities_are_taken(text: str, number: int) -> None:
    assert hexadecimal.quantity([text], 0, "n") == number


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0x", 'hex string "0x"'),
        ("0x01", "leading zero digits"),
        ("0x00", "leading zero digits"),
        ("10", "without 0x prefix"),
        ("-0x1", "without 0x prefix"),
        ("0x-1", "invalid hex number"),
        ("0x1_0", "invalid hex number"),
        ("0x 1", "invalid hex number"),
        ("0x1\n", "invalid hex number"),
        ("0x" + "f" * 65, "hex number > 256 bits"),
        ("0x" + "f" * 100_000, "hex number > 256 bits"),
        (1, "cannot unmarshal number"),
        (1.5, "cannot unmarshal number"),
    ],
)
def test_wrong_quantities_are_named(value: Any, words: str) -> None:
    message = refusal(hexadecimal.quantity, [value], 0, "value")
    assert words in message
    assert len(message) < 200


def test_an_index_has_64_bits() -> None:
    assert hexadecimal.uint64(["0xffffffffffffffff"], 0, "index") == 2**64 - 1
    assert "> 64 bits" in refusal(hexadecimal.uint64, ["0x10000000000000000"], 0, "index")


@given(st.integers(0, 2**256 - 1))
def test_every_quantity_round_trips(number: int) -> None:
    assert hexadecimal.quantity([hex(number)], 0, "n") == number


@given(st.binary(max_size=200))
def test_all_data_round_trips(value: bytes) -> None:
    assert hexadecimal.data(["0x" + value.hex()], 0) == value


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused(text: str) -> None:
    for parse in (hexadecimal.data, hexadecimal.address, hexadecimal.hash32):
        with contextlib.suppress(InvalidRequest):
            assert "0x" + parse([text], 0).hex() == text.lower()


def test_slots_are_padded_from_the_left() -> None:
    assert hexadecimal.slot_of("0x1", 0, "slot") == bytes(31) + b"\1"
    assert hexadecimal.slot_of("0x00", 0, "slot") == bytes(32)
    assert "at most 32 bytes" in refusal(hexadecimal.slot_of, "0x" + "0" * 66, 0, "slot")
    assert "invalid hex string" in refusal(hexadecimal.slot_of, "0xzz", 0, "slot")
    assert "invalid hex string" in refusal(hexadecimal.slot_of, "0x" + "a " * 32, 0, "slot")


def test_blocks_are_numbers_tags_hashes_or_objects() -> None:
    assert parse_block("0x10", 0) == 16
    assert parse_block("safe", 0) == "safe"
    assert parse_block(HASH, 0) == b"\xcd" * 32
    assert parse_block({"blockNumber": "0x10"}, 0) == 16
    assert parse_block({"blockNumber": "latest"}, 0) == "latest"
    assert parse_block({"blockHash": HASH, "requireCanonical": True}, 0) == b"\xcd" * 32


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("newest", "hex number, a hash, or one of latest"),
        ("12", "hex number"),
        ("0x8000000000000000", "larger than int64"),
        (12, "cannot unmarshal number"),
        ({}, "exactly one of"),
        ({"blockNumber": "0x1", "blockHash": HASH}, "exactly one of"),
        ({"blockNumber": 1}, "block.blockNumber"),
        ({"blockHash": "0x12"}, "block.blockHash"),
        ({"number": "0x1"}, "unknown field 'number'"),
        ([], "cannot unmarshal array"),
    ],
)
def test_wrong_blocks_are_named(value: Any, words: str) -> None:
    assert words in refusal(parse_block, value, 1)


def test_a_number_is_not_a_hash() -> None:
    assert parse_number("0x1", 0) == 1
    assert "hex number or a tag" in refusal(parse_number, HASH, 0)
    assert "hex number or a tag" in refusal(parse_number, {"blockNumber": "0x1"}, 0)


def test_booleans_have_a_default_and_no_other_kind() -> None:
    assert hexadecimal.boolean([], 1, "full", False) is False
    assert hexadecimal.boolean([0, True], 1, "full", False) is True
    assert "cannot unmarshal number into a boolean" in refusal(
        hexadecimal.boolean, [0, 1], 1, "full", False
    )
