"""Names of topics and protocols, and the frame every message of ours travels in.

A frame is `version u8 | code u8 | length u32 | payload`, big-endian: one encoding for each message,
and no byte behind it. Rules N1 to N3 of docs/protocol/network.md.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from metis_node.errors import Invalid
from metis_node.types.network import NetworkIdentity, RequestKind, Topic

VERSION = 1
HEADER = struct.Struct(">BBI")
HEADER_BYTES = HEADER.size

TOPIC_CODES = {topic: code for code, topic in enumerate(Topic, start=1)}
REQUEST_CODES = {kind: code for code, kind in enumerate(RequestKind, start=0x11)}
TOPICS = {code: topic for topic, code in TOPIC_CODES.items()}
REQUESTS = {code: kind for kind, code in REQUEST_CODES.items()}
ANSWER_CODE = 0x20
REFUSAL_CODE = 0x21
HELLO_CODE = 0x30
HELLO_PROTOCOL = "/metis/hello/1"  # the same on all chains, so that strangers learn why they part


class MalformedFrame(Invalid):
    """Bytes from a peer that are no frame of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireNames:
    """Names of one network: chain and genesis in all of them, so that no two networks mix."""

    topics: dict[Topic, str]
    direct: str
    request: str

    @classmethod
    def of(cls, identity: NetworkIdentity) -> WireNames:
        digest = hashlib.sha256(identity.genesis_hash + identity.parameters_hash).hexdigest()[:16]
        prefix = f"/metis/{identity.chain_id}/{digest}"
        return cls(
            topics={topic: f"{prefix}/{topic.value}/{VERSION}" for topic in Topic},
            direct=f"{prefix}/direct/{VERSION}",
            request=f"{prefix}/request/{VERSION}",
        )


def encode_frame(code: int, payload: bytes) -> bytes:
    """The frame of a payload."""
    return HEADER.pack(VERSION, code, len(payload)) + payload


def decode_header(header: bytes) -> tuple[int, int]:
    """Code and length. MalformedFrame for another version."""
    version, code, length = HEADER.unpack(header)
    if version != VERSION:
        raise MalformedFrame(f"a frame of version {version}; this node speaks {VERSION}")
    return code, length


def decode_frame(data: bytes, *, code: int, limit: int) -> bytes:
    """The payload of a whole frame that must have this code. MalformedFrame says what is wrong."""
    if len(data) < HEADER_BYTES:
        raise MalformedFrame(f"a frame of {len(data)} bytes has no header")
    found, length = decode_header(data[:HEADER_BYTES])
    if found != code:
        raise MalformedFrame(f"a frame of code {found:#x} where {code:#x} belongs")
    check_length(length, limit)
    if len(data) != HEADER_BYTES + length:
        raise MalformedFrame(f"a frame says {length} bytes and carries {len(data) - HEADER_BYTES}")
    return data[HEADER_BYTES:]


def check_length(length: int, limit: int) -> None:
    """MalformedFrame for an empty payload or one above the limit of its sort."""
    if not 0 < length <= limit:
        raise MalformedFrame(f"a payload of {length} bytes; allowed are 1 to {limit}")
