"""What two nodes tell each other first, and why they may part. Rules N4 to N6.

Payload: `chain id u64 | genesis 32 | parameters 32 | port u16 | agent | refusal | addresses`, where
text is `length u8 | UTF-8` and addresses are `count u8` and that many texts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from metis_node.network.limits import MAX_ADDRESS_CHARS, MAX_REASON_BYTES, SHARED_PEERS
from metis_node.network.wire import MalformedFrame
from metis_node.types.network import NetworkIdentity
from metis_node.types.primitives import Hash32

FIXED = struct.Struct(">Q32s32sH")
MAX_AGENT_BYTES = 64
MAX_HELLO_BYTES = (
    FIXED.size
    + 1
    + MAX_AGENT_BYTES
    + 1
    + MAX_REASON_BYTES
    + 1
    + SHARED_PEERS * (1 + MAX_ADDRESS_CHARS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """One side's greeting; `refusal` says why it will not go on, if it won't."""

    identity: NetworkIdentity
    listen_port: int
    agent: str
    refusal: str = ""
    addresses: tuple[str, ...] = ()  # own first, then of other peers: multiaddresses with /p2p/

    def encode(self) -> bytes:
        fixed = FIXED.pack(
            self.identity.chain_id,
            self.identity.genesis_hash,
            self.identity.parameters_hash,
            self.listen_port,
        )
        listed = self.addresses[:SHARED_PEERS]
        return b"".join(
            [
                fixed,
                _text(self.agent, MAX_AGENT_BYTES),
                _text(self.refusal, MAX_REASON_BYTES),
                bytes([len(listed)]),
                *(_text(address, MAX_ADDRESS_CHARS) for address in listed),
            ]
        )


def decode_hello(payload: bytes) -> Hello:
    """The greeting in a payload. MalformedFrame for anything but exactly one encoding."""
    if len(payload) < FIXED.size:
        raise MalformedFrame(f"a hello of {len(payload)} bytes is too short")
    chain_id, genesis, parameters, port = FIXED.unpack_from(payload)
    agent, at = _read_text(payload, FIXED.size, MAX_AGENT_BYTES)
    refusal, at = _read_text(payload, at, MAX_REASON_BYTES)
    addresses, at = _read_addresses(payload, at)
    if at != len(payload):
        raise MalformedFrame(f"{len(payload) - at} bytes behind a hello")
    identity = NetworkIdentity(
        chain_id=chain_id, genesis_hash=Hash32(genesis), parameters_hash=Hash32(parameters)
    )
    return Hello(
        identity=identity, listen_port=port, agent=agent, refusal=refusal, addresses=addresses
    )


def mismatch(ours: NetworkIdentity, theirs: NetworkIdentity) -> str:
    """Why two nodes cannot speak, in words for both operators; empty if they can."""
    if ours.chain_id != theirs.chain_id:
        return f"another chain id: {theirs.chain_id}, here {ours.chain_id}"
    if ours.genesis_hash != theirs.genesis_hash:
        return f"another genesis: {_short(theirs.genesis_hash)}, here {_short(ours.genesis_hash)}"
    if ours.parameters_hash != theirs.parameters_hash:
        return (
            f"other network parameters: {_short(theirs.parameters_hash)}, "
            f"here {_short(ours.parameters_hash)}"
        )
    return ""


def _short(value: bytes) -> str:
    return f"0x{value.hex()[:16]}…"


def _text(value: str, limit: int) -> bytes:
    data = value.encode()[:limit]
    data = data.decode(errors="ignore").encode()  # no half of a letter at the end
    return bytes([len(data)]) + data


def _read_text(payload: bytes, at: int, limit: int) -> tuple[str, int]:
    if at >= len(payload):
        raise MalformedFrame("a hello ends before a text")
    end = at + 1 + payload[at]
    if payload[at] > limit or end > len(payload):
        raise MalformedFrame(f"a text of {payload[at]} bytes in a hello; allowed are {limit}")
    try:
        return payload[at + 1 : end].decode(), end
    except UnicodeDecodeError as error:
        raise MalformedFrame("a text in a hello is not UTF-8") from error


def _read_addresses(payload: bytes, at: int) -> tuple[tuple[str, ...], int]:
    if at >= len(payload):
        raise MalformedFrame("a hello ends before its addresses")
    count, at = payload[at], at + 1
    if count > SHARED_PEERS:
        raise MalformedFrame(f"{count} addresses in a hello; allowed are {SHARED_PEERS}")
    addresses = []
    for _ in range(count):
        address, at = _read_text(payload, at, MAX_ADDRESS_CHARS)
        addresses.append(address)
    return tuple(addresses), at
