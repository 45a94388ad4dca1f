"""Signed transactions taken apart into their fields, and put together again, byte for byte.

Only structure: no meaning of a field, no signature. An encoding that would not come out the same
again (RLP that is not canonical, another number of fields, a list where a string belongs) is not
taken apart. Sources: EIP-2718, EIP-155, EIP-2930, EIP-1559, EIP-7702, yellow paper appendix B.
"""

from __future__ import annotations

from collections.abc import Sequence

LEGACY_FIELDS = 9
# Type byte -> (number of fields, bit mask of the fields that are lists).
TYPED_SHAPES = {1: (11, 1 << 7), 2: (12, 1 << 8), 4: (13, 1 << 8 | 1 << 9)}

_SHORT_STRINGS = [bytes((0x80 + n,)) for n in range(56)]
_SHORT_LISTS = [bytes((0xC0 + n,)) for n in range(56)]
_LIST_FIELDS = {0: (), 1: (7,), 2: (8,), 4: (8, 9)}


def split_transaction(raw: bytes) -> tuple[int, list[bytes]] | None:
    """(type, payload of each field) of a canonical encoding of type 0, 1, 2 or 4, else None."""
    if not raw:
        return None
    kind = raw[0]
    if kind >= 0xC0:
        kind, start, fields, lists = 0, 0, LEGACY_FIELDS, 0
    elif kind in TYPED_SHAPES:
        start = 1
        fields, lists = TYPED_SHAPES[kind]
    else:
        return None
    inner = _enter_list(raw, start)
    if inner < 0:
        return None
    payloads = _split_payloads(raw, inner, lists)
    if payloads is None or len(payloads) != fields:
        return None
    return kind, payloads


def join_transaction(kind: int, fields: Sequence[bytes]) -> bytes:
    """The inverse of `split_transaction`."""
    short = _SHORT_STRINGS
    parts = [
        payload
        if (length := len(payload)) == 1 and payload < b"\x80"
        else (short[length] if length < 56 else _long_head(0xB7, length)) + payload
        for payload in fields
    ]
    for index in _LIST_FIELDS[kind]:
        payload = fields[index]
        length = len(payload)
        parts[index] = (_SHORT_LISTS[length] if length < 56 else _long_head(0xF7, length)) + payload
    body = b"".join(parts)
    size = len(body)
    head = _SHORT_LISTS[size] if size < 56 else _long_head(0xF7, size)
    return bytes((kind,)) + head + body if kind else head + body


def _long_head(offset: int, length: int) -> bytes:
    size = (length.bit_length() + 7) // 8
    return bytes((offset + size,)) + length.to_bytes(size, "big")


def _enter_list(raw: bytes, position: int) -> int:
    """Where the payload of the list that fills `raw` from `position` begins; -1 if it does not."""
    if position >= len(raw):
        return -1
    head = raw[position]
    if head < 0xC0:
        return -1
    if head < 0xF8:
        inner, length = position + 1, head - 0xC0
    else:
        inner = position + 1 + head - 0xF7
        length = _long_length(raw, position + 1, inner)
    return inner if length >= 0 and inner + length == len(raw) else -1


def _long_length(raw: bytes, start: int, stop: int) -> int:
    if stop > len(raw) or raw[start] == 0:
        return -1
    length = int.from_bytes(raw[start:stop], "big")
    return length if length > 55 else -1


def _split_payloads(raw: bytes, position: int, lists: int) -> list[bytes] | None:
    payloads: list[bytes] = []
    end = len(raw)
    bit = 1
    while position < end:
        head = raw[position]
        if head < 0x80:
            if lists & bit:
                return None
            payloads.append(raw[position : position + 1])
            position += 1
            bit <<= 1
            continue
        if (head >= 0xC0) != bool(lists & bit):
            return None
        base = 0xC0 if head >= 0xC0 else 0x80
        start = position + 1
        length = head - base
        if length > 55:
            start += length - 55
            length = _long_length(raw, position + 1, start)
            if length < 0:
                return None
        stop = start + length
        if stop > end or (length == 1 and base == 0x80 and raw[start] < 0x80):
            return None
        payloads.append(raw[start:stop])
        position = stop
        bit <<= 1
    return payloads
