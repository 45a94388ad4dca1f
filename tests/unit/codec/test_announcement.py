"""Announcements of sequencers: a canonical encoding, and a digest of everything in it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.announcement import (
    MAX_ADDRESSES,
    MAX_ANNOUNCEMENT_BYTES,
    MAX_TEXT,
    MalformedAnnouncement,
    announced_digest,
    decode_announcement,
    encode_announcement,
)
from metis_node.types.announcement import Announcement
from metis_node.types.network import PeerId
from metis_node.types.primitives import ZERO_ADDRESS, Hash32
from metis_node.types.signing import SigningDomain

DOMAIN = SigningDomain(chain_id=59_902, locking_pool=ZERO_ADDRESS)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=MAX_TEXT)
announcements = st.builds(
    Announcement,
    peer=texts.map(PeerId),
    addresses=st.lists(texts, max_size=MAX_ADDRESSES).map(tuple),
    version=texts,
    settings_hash=st.binary(min_size=32, max_size=32).map(Hash32),
    time_ms=st.integers(0, 2**64 - 1),
    signature=st.binary(min_size=65, max_size=65),
)


@given(announcements)
def test_what_is_encoded_decodes_to_itself(one: Announcement) -> None:
    data = encode_announcement(one)
    assert decode_announcement(data) == one
    assert len(data) <= MAX_ANNOUNCEMENT_BYTES


@given(announcements, st.data())
def test_any_other_bytes_are_refused_or_canonical(one: Announcement, data: st.DataObject) -> None:
    raw = bytearray(encode_announcement(one))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for changed in (bytes(raw), cut, bytes(raw) + b"\0"):
        try:
            found = decode_announcement(changed)
        except MalformedAnnouncement:
            continue
        assert encode_announcement(found) == changed


@given(st.binary(max_size=2 * MAX_ANNOUNCEMENT_BYTES))
def test_noise_is_refused_or_canonical(data: bytes) -> None:
    with suppress(MalformedAnnouncement):
        assert encode_announcement(decode_announcement(data)) == data


@given(announcements)
def test_the_digest_covers_every_field(one: Announcement) -> None:
    others = [
        replace(one, peer=PeerId(one.peer + "x")),
        replace(one, addresses=(*one.addresses, "x")),
        replace(one, version=one.version + "x"),
        replace(one, settings_hash=Hash32(bytes(b ^ 1 for b in one.settings_hash))),
        replace(one, time_ms=(one.time_ms + 1) % 2**64),
    ]
    digests = {announced_digest(DOMAIN, other) for other in (one, *others)}
    assert len(digests) == len(others) + 1


@pytest.mark.parametrize(
    "addresses", [("",), ("x" * (MAX_TEXT + 1),), ("x",) * (MAX_ADDRESSES + 1)]
)
def test_what_does_not_fit_is_not_encoded(addresses: tuple[str, ...]) -> None:
    one = Announcement(
        peer=PeerId("p"),
        addresses=addresses,
        version="v",
        settings_hash=Hash32(bytes(32)),
        time_ms=0,
        signature=bytes(65),
    )
    with pytest.raises(ValueError, match=r"address|characters"):
        encode_announcement(one)
