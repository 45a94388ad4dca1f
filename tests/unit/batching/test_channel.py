"""Compression, channels and frames: joined in any order, bounded, and never mixed."""

from __future__ import annotations

import hashlib
import random

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node.batching import channel as channel_module
from metis_node.batching.channel import (
    CHANNEL_TIMEOUT_BLOCKS,
    MAX_OPEN_CHANNELS,
    ChannelBank,
    channel_id,
    decode_channel,
    encode_channel,
)
from metis_node.batching.compression import compress, decompress
from metis_node.batching.frames import (
    FRAME_OVERHEAD,
    decode_payload,
    encode_payload,
    split_channel,
)
from metis_node.errors import InvalidBatch
from metis_node.types.batches import Frame
from tests.factories import CHAIN_ID
from tests.unit.batching.samples import signed_batch


@given(st.binary(max_size=5_000))
@settings(deadline=None)
def test_compression_round_trip(data: bytes) -> None:
    assert decompress(compress(data), max_bytes=len(data)) == data


def test_a_bomb_is_stopped_at_the_bound() -> None:
    bomb = compress(bytes(64 << 20))
    assert len(bomb) < 1_000
    with pytest.raises(InvalidBatch, match="unfolds to more than 1048576 bytes"):
        decompress(bomb, max_bytes=1 << 20)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "missing is unknown"),
        (b"\x02" + brotli.compress(b"x"), "algorithm 2 is unknown"),
        (compress(b"hello" * 50)[:-3], "ends early"),
        (compress(b"hello") + b"\0", "bytes follow|malformed"),
        (b"\x01\xff\xff\xff\xff", "malformed"),
        (b"\x01", "ends early"),
    ],
)
def test_malformed_compression_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidBatch, match=words):
        decompress(data, max_bytes=1 << 20)


def test_a_channel_carries_a_batch() -> None:
    batch = signed_batch()
    made = encode_channel(batch, chain_id=CHAIN_ID)
    assert (made.first, made.last) == (batch.first, batch.last)
    assert made.id == hashlib.sha256(made.data).digest()[:16]
    assert decode_channel(made.data, chain_id=CHAIN_ID) == batch


@given(data=st.binary(min_size=1, max_size=3_000), size=st.integers(25, 900), seed=st.integers())
@settings(deadline=None)
def test_frames_are_joined_in_any_order(data: bytes, size: int, seed: int) -> None:
    frames = split_channel(channel_id(data), data, [size, size + 7])
    random.Random(seed).shuffle(frames)
    bank = ChannelBank()
    results = [bank.add(frame, 1) for frame in frames]
    assert results[-1] == data
    assert results[:-1] == [None] * (len(frames) - 1)
    assert bank.oldest_l1_block is None


@given(data=st.binary(min_size=1, max_size=2_000), size=st.integers(25, 900))
def test_payloads_hold_their_frames_and_their_size(data: bytes, size: int) -> None:
    frames = split_channel(channel_id(data), data, [size])
    assert all(len(encode_payload([frame])) <= size for frame in frames)
    assert decode_payload(encode_payload(frames)) == frames


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "version missing"),
        (b"\x02", "version 2 is unknown"),
        (b"\x01", "without frames"),
        (b"\x01" + bytes(FRAME_OVERHEAD - 1), "cut off"),
        (b"\x01" + bytes(18) + b"\0\0\0\x01" + b"x", "claims 1 bytes"),
        (b"\x01" + bytes(18) + b"\xff\xff\xff\xff" + b"xx", "claims 4294967295 bytes"),
        (b"\x01" + bytes(18) + bytes(4) + b"\x02", "neither 0 nor 1"),
    ],
)
def test_malformed_payloads_are_refused(payload: bytes, words: str) -> None:
    with pytest.raises(InvalidBatch, match=words):
        decode_payload(payload)


@given(st.binary(max_size=200))
def test_random_payloads_never_raise_anything_else(data: bytes) -> None:
    try:
        frames = decode_payload(b"\x01" + data)
    except InvalidBatch:
        return
    assert encode_payload(frames) == b"\x01" + data


def frame_of(number: int, data: bytes = b"x", *, last: bool = False, name: bytes = b"n") -> Frame:
    return Frame(channel_id=name.ljust(16, b"\0"), number=number, data=data, is_last=last)


def test_frames_that_contradict_each_other_are_refused() -> None:
    bank = ChannelBank()
    bank.add(frame_of(1), 1)
    with pytest.raises(InvalidBatch, match="came twice"):
        bank.add(frame_of(1), 1)
    with pytest.raises(InvalidBatch, match="before frames already seen"):
        bank.add(frame_of(0, last=True), 1)
    bank.add(frame_of(2, last=True), 1)
    with pytest.raises(InvalidBatch, match="follows the last frame 2"):
        bank.add(frame_of(3), 1)


def test_a_channel_that_does_not_hash_to_its_id_is_refused() -> None:
    with pytest.raises(InvalidBatch, match="do not hash"):
        ChannelBank().add(frame_of(0, last=True), 1)


def test_a_channel_times_out() -> None:
    bank = ChannelBank()
    bank.add(frame_of(0), 10)
    assert bank.advance(10 + CHANNEL_TIMEOUT_BLOCKS) == []
    assert bank.oldest_l1_block == 10
    assert bank.advance(11 + CHANNEL_TIMEOUT_BLOCKS) == [b"n".ljust(16, b"\0")]
    assert bank.oldest_l1_block is None


def test_the_bank_is_bounded_in_channels_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = ChannelBank()
    for index in range(MAX_OPEN_CHANNELS + 5):
        bank.add(frame_of(0, name=b"%d" % index), index)
    assert bank.oldest_l1_block == 5
    monkeypatch.setattr(channel_module, "MAX_BANK_BYTES", 100)
    bank.add(frame_of(0, b"y" * 90, name=b"large"), 99)
    assert bank.oldest_l1_block == 5 + MAX_OPEN_CHANNELS - 10
    monkeypatch.setattr(channel_module, "MAX_CHANNEL_BYTES", 100)
    with pytest.raises(InvalidBatch, match="more than 100 bytes"):
        bank.add(frame_of(1, b"y" * 20, name=b"large"), 99)
