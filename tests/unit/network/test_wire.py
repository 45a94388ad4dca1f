"""Frames and greetings: one encoding each, and no bytes of a stranger get any further."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.network.hello import MAX_HELLO_BYTES, Hello, decode_hello, mismatch
from metis_node.network.limits import REQUEST_LIMITS, SHARED_PEERS, TOPIC_LIMITS
from metis_node.network.wire import (
    HEADER_BYTES,
    REQUEST_CODES,
    TOPIC_CODES,
    MalformedFrame,
    WireNames,
    decode_frame,
    encode_frame,
)
from metis_node.types.network import NetworkIdentity, RequestKind, Topic
from metis_node.types.primitives import Hash32

IDENTITY = NetworkIdentity(
    chain_id=59_902, genesis_hash=Hash32(b"\x11" * 32), parameters_hash=Hash32(b"\x22" * 32)
)
text = st.text(max_size=20)
hellos = st.builds(
    Hello,
    identity=st.builds(
        NetworkIdentity,
        chain_id=st.integers(0, 2**64 - 1),
        genesis_hash=st.binary(min_size=32, max_size=32).map(Hash32),
        parameters_hash=st.binary(min_size=32, max_size=32).map(Hash32),
    ),
    listen_port=st.integers(0, 65_535),
    agent=st.text(max_size=16),
    refusal=st.text(max_size=60),
    addresses=st.lists(st.text(max_size=50), max_size=SHARED_PEERS).map(tuple),
)


@given(st.integers(0, 255), st.binary(min_size=1, max_size=400))
def test_frame_round_trip(code: int, payload: bytes) -> None:
    assert decode_frame(encode_frame(code, payload), code=code, limit=400) == payload


@given(st.binary(max_size=64))
def test_foreign_bytes_are_malformed_or_canonical(data: bytes) -> None:
    try:
        payload = decode_frame(data, code=1, limit=32)
    except MalformedFrame:
        return
    assert encode_frame(1, payload) == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no header"),
        (encode_frame(1, b"xy")[:-1], "says 2 bytes and carries 1"),
        (encode_frame(1, b"xy") + b"z", "says 2 bytes and carries 3"),
        (encode_frame(2, b"xy"), "code 0x2 where 0x1 belongs"),
        (b"\x02" + encode_frame(1, b"xy")[1:], "version 2"),
        (encode_frame(1, b""), "payload of 0 bytes"),
        (encode_frame(1, b"x" * 33), "payload of 33 bytes"),
    ],
)
def test_refusals_say_why(data: bytes, words: str) -> None:
    with pytest.raises(MalformedFrame, match=words):
        decode_frame(data, code=1, limit=32)


def test_codes_are_distinct_and_bounded() -> None:
    codes = [*TOPIC_CODES.values(), *REQUEST_CODES.values()]
    assert len(set(codes)) == len(Topic) + len(RequestKind)
    assert set(TOPIC_LIMITS) == set(Topic)
    assert set(REQUEST_LIMITS) == set(RequestKind)
    assert HEADER_BYTES == 6


@pytest.mark.parametrize(
    "other",
    [
        NetworkIdentity(
            chain_id=1, genesis_hash=IDENTITY.genesis_hash, parameters_hash=IDENTITY.parameters_hash
        ),
        NetworkIdentity(
            chain_id=59_902,
            genesis_hash=Hash32(bytes(32)),
            parameters_hash=IDENTITY.parameters_hash,
        ),
        NetworkIdentity(
            chain_id=59_902, genesis_hash=IDENTITY.genesis_hash, parameters_hash=Hash32(bytes(32))
        ),
    ],
)
def test_no_two_networks_share_a_name(other: NetworkIdentity) -> None:
    ours, theirs = WireNames.of(IDENTITY), WireNames.of(other)
    assert not set(ours.topics.values()) & set(theirs.topics.values())
    assert ours.direct != theirs.direct
    assert ours.request != theirs.request
    assert mismatch(IDENTITY, other)


def test_same_identity_is_no_mismatch() -> None:
    assert mismatch(IDENTITY, IDENTITY) == ""


@given(hellos)
def test_hello_round_trip(hello: Hello) -> None:
    encoded = hello.encode()
    assert len(encoded) <= MAX_HELLO_BYTES
    assert decode_hello(encoded) == hello


@given(hellos, st.data())
def test_hello_cut_or_lengthened_is_malformed(hello: Hello, data: st.DataObject) -> None:
    encoded = hello.encode()
    cut = data.draw(st.integers(0, len(encoded) - 1))
    for wrong in (encoded[:cut], encoded + b"\0"):
        with pytest.raises(MalformedFrame):
            decode_hello(wrong)


@given(st.binary(min_size=70, max_size=300))
def test_foreign_hello_is_malformed_or_canonical(data: bytes) -> None:
    try:
        hello = decode_hello(data)
    except MalformedFrame:
        return
    assert hello.encode() == data


def test_long_texts_are_cut_at_a_letter() -> None:
    hello = Hello(identity=IDENTITY, listen_port=1, agent="é" * 100, refusal="x" * 1_000)
    decoded = decode_hello(hello.encode())
    assert decoded.agent == "é" * 32
    assert decoded.refusal == "x" * 240
