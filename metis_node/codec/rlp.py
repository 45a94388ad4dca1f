"""Recursive Length Prefix (yellow paper, appendix B): byte strings and lists, canonical and total.

Decoding refuses every encoding that `encode` would not have produced. Protocol objects are built on
top of it elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Item: TypeAlias = "bytes | Sequence[Item]"
Decoded: TypeAlias = "bytes | list[Decoded]"

MAX_DEPTH = 32  # nesting of lists that a decoder follows; protocol objects stay below 6


class MalformedRlp(ValueError):
    """Bytes that are not one canonical RLP item."""


def encode(item: Item) -> bytes:
    """The canonical encoding of a byte string or of a (nested) sequence of them."""
    if isinstance(item, bytes):
        return encode_bytes(item)
    return encode_list_payload(b"".join([encode(child) for child in item]))


def encode_bytes(value: bytes) -> bytes:
    size = len(value)
    if size == 1 and value[0] < 0x80:
        return value
    if size < 56:
        return bytes((0x80 + size,)) + value
    return _long_prefix(0xB7, size) + value


def encode_list_payload(payload: bytes) -> bytes:
    """A list whose items are already encoded and joined."""
    size = len(payload)
    if size < 56:
        return bytes((0xC0 + size,)) + payload
    return _long_prefix(0xF7, size) + payload


def encode_int(value: int) -> bytes:
    """A number as RLP carries it: big-endian without leading zeros; zero is the empty string."""
    return encode_bytes(int_to_bytes(value))


def int_to_bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def bytes_to_int(value: Decoded, *, name: str, max_bytes: int = 32) -> int:
    """Read a number field. `name` is for the error message."""
    if not isinstance(value, bytes):
        raise MalformedRlp(f"{name} is a list, expected a number")
    if value[:1] == b"\0":
        raise MalformedRlp(f"{name} has leading zeros")
    if len(value) > max_bytes:
        raise MalformedRlp(f"{name} has {len(value)} bytes, at most {max_bytes} are allowed")
    return int.from_bytes(value, "big")


def fixed_bytes(value: Decoded, size: int, *, name: str) -> bytes:
    """Read a field of exactly `size` bytes."""
    if not isinstance(value, bytes):
        raise MalformedRlp(f"{name} is a list, expected {size} bytes")
    if len(value) != size:
        raise MalformedRlp(f"{name} has {len(value)} bytes, expected {size}")
    return value


def decode(data: bytes) -> Decoded:
    """Decode exactly one item that fills `data`."""
    item, end = _decode_at(data, 0, len(data), 0)
    if end != len(data):
        raise MalformedRlp(f"{len(data) - end} bytes follow the item")
    return item


def _decode_at(data: bytes, position: int, stop: int, depth: int) -> tuple[Decoded, int]:
    if position >= stop:
        raise MalformedRlp("the item ends early")
    if depth > MAX_DEPTH:
        raise MalformedRlp(f"lists are nested deeper than {MAX_DEPTH}")
    prefix = data[position]
    if prefix < 0x80:
        return data[position : position + 1], position + 1
    start, end = _bounds(data, position, stop, prefix)
    if prefix < 0xC0:
        if end - start == 1 and data[start] < 0x80:
            raise MalformedRlp("a single byte below 0x80 has a prefix")
        return data[start:end], end
    items: list[Decoded] = []
    while start < end:
        item, start = _decode_at(data, start, end, depth + 1)
        items.append(item)
    return items, end


def _bounds(data: bytes, position: int, stop: int, prefix: int) -> tuple[int, int]:
    short = prefix - (0x80 if prefix < 0xC0 else 0xC0)
    start = position + 1
    size = short
    if short > 55:
        width = short - 55
        encoded = data[start : start + width]
        if len(encoded) < width or start + width > stop:
            raise MalformedRlp("a length ends early")
        size = int.from_bytes(encoded, "big")
        if encoded[0] == 0 or size < 56:
            raise MalformedRlp("a length is not in its shortest form")
        start += width
    if start + size > stop:
        raise MalformedRlp("the item ends early")
    return start, start + size


def _long_prefix(base: int, size: int) -> bytes:
    width = (size.bit_length() + 7) // 8
    return bytes((base + width,)) + size.to_bytes(width, "big")
