"""Announcements of sequencers <-> bytes: canonical, bounded, and total. Rule N15.

Version u8 ‖ time u64 ‖ settings hash ‖ peer ‖ software version ‖ count u8 ‖ addresses ‖ signature;
each text is ASCII behind its length as u8.
"""

from __future__ import annotations

import struct

from metis_node.codec.signing import announcement_digest
from metis_node.errors import Invalid
from metis_node.types.announcement import Announcement
from metis_node.types.network import PeerId
from metis_node.types.primitives import Hash32
from metis_node.types.signing import SigningDomain

VERSION = 1
MAX_ADDRESSES = 8
MAX_TEXT = 128  # characters
SIGNATURE_BYTES = 65
MAX_ANNOUNCEMENT_BYTES = 41 + (MAX_ADDRESSES + 2) * (1 + MAX_TEXT) + 1 + SIGNATURE_BYTES

_HEAD = struct.Struct(">BQ32s")


class MalformedAnnouncement(Invalid):
    """Bytes that are no announcement."""


def encode_announcement(one: Announcement) -> bytes:
    """The announcement without its signer. ValueError above the bounds of the encoding."""
    if len(one.addresses) > MAX_ADDRESSES or len(one.signature) != SIGNATURE_BYTES:
        raise ValueError(f"{len(one.addresses)} addresses, {len(one.signature)} signature bytes")
    return b"".join(
        [
            _HEAD.pack(VERSION, one.time_ms, one.settings_hash),
            _packed(one.peer),
            _packed(one.version),
            bytes([len(one.addresses)]),
            *[_packed(address) for address in one.addresses],
            one.signature,
        ]
    )


def decode_announcement(data: bytes) -> Announcement:
    """The announcement; its signer is the zero address until it is recovered. Raises
    MalformedAnnouncement."""
    if len(data) > MAX_ANNOUNCEMENT_BYTES:
        raise MalformedAnnouncement(f"an announcement of {len(data)} bytes")
    try:
        return _decoded(data)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise MalformedAnnouncement("the announcement ends early, or is not ASCII") from None


def announced_digest(domain: SigningDomain, one: Announcement) -> Hash32:
    """What its signer signs."""
    return announcement_digest(
        domain,
        peer=one.peer,
        addresses=one.addresses,
        version=one.version,
        settings_hash=one.settings_hash,
        time_ms=one.time_ms,
    )


def _decoded(data: bytes) -> Announcement:
    version, time_ms, settings_hash = _HEAD.unpack_from(data)
    if version != VERSION:
        raise MalformedAnnouncement(f"announcements have version {VERSION}, this one {version}")
    peer, at = _unpacked(data, _HEAD.size)
    software, at = _unpacked(data, at)
    count, at = data[at], at + 1
    if count > MAX_ADDRESSES:
        raise MalformedAnnouncement(f"{count} addresses, at most {MAX_ADDRESSES} are allowed")
    addresses: list[str] = []
    for _ in range(count):
        address, at = _unpacked(data, at)
        addresses.append(address)
    if len(data) - at != SIGNATURE_BYTES:
        raise MalformedAnnouncement(f"{len(data) - at} bytes where the signature belongs")
    return Announcement(
        peer=PeerId(peer),
        addresses=tuple(addresses),
        version=software,
        settings_hash=Hash32(settings_hash),
        time_ms=time_ms,
        signature=data[at:],
    )


def _packed(text: str) -> bytes:
    raw = text.encode("ascii")
    if not 0 < len(raw) <= MAX_TEXT:
        raise ValueError(f"a text of {len(raw)} characters, 1 to {MAX_TEXT} are allowed")
    return bytes([len(raw)]) + raw


def _unpacked(data: bytes, at: int) -> tuple[str, int]:
    """The text at a place, and the place behind it. Printable, for it ends up in logs."""
    end = at + 1 + data[at]
    text = data[at + 1 : end].decode("ascii")
    if not 0 < len(text) <= MAX_TEXT or len(text) != data[at] or not text.isprintable():
        raise MalformedAnnouncement(f"a text of {data[at]} characters is cut, empty or too long")
    return text, end
