"""Columns: lists of like values as bytes, and back within bounds.

A column is written with its length in front, so that a reader takes it whole and must use it up.
Knows numbers and bytes, not blocks. Rules B1 to B4 of `docs/protocol/batches.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metis_node.errors import InvalidBatch

MAX_VARINT_BYTES = 10  # enough for 64 bits
U64_LIMIT = 1 << 64

_SMALL = [bytes((n,)) for n in range(128)]


def encode_varint(value: int) -> bytes:
    """LEB128: seven bits a byte, low first. 0 <= value < 2^64."""
    if value < 128:
        return _SMALL[value]
    out = bytearray()
    while value >= 128:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_varints(values: Iterable[int]) -> bytes:
    small = _SMALL
    return b"".join([small[v] if v < 128 else encode_varint(v) for v in values])


def encode_bits(bits: Sequence[int]) -> bytes:
    """Bit i of byte i // 8 (low bit first) is `bits[i]`."""
    if not bits:
        return b""
    text = "".join(["1" if bit else "0" for bit in reversed(bits)])
    return int(text, 2).to_bytes((len(bits) + 7) // 8, "little")


class ColumnWriter:
    """Collects columns in order."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def fixed(self, data: bytes) -> None:
        """Bytes whose length both sides know."""
        self._parts.append(data)

    def number(self, value: int) -> None:
        self._parts.append(encode_varint(value))

    def column(self, data: bytes) -> None:
        self._parts.append(encode_varint(len(data)))
        self._parts.append(data)

    def finish(self) -> bytes:
        return b"".join(self._parts)


class ColumnReader:
    """Takes values from the front of a byte string. Every error is `InvalidBatch`."""

    __slots__ = ("_data", "_name", "_position")

    def __init__(self, data: bytes, name: str = "batch") -> None:
        self._data = data
        self._position = 0
        self._name = name

    @property
    def remaining(self) -> int:
        return len(self._data) - self._position

    def fixed(self, length: int) -> bytes:
        start = self._position
        if length > len(self._data) - start:
            raise self._short(f"{length} bytes")
        self._position = start + length
        return self._data[start : start + length]

    def number(self, limit: int = U64_LIMIT) -> int:
        """One varint below `limit`, in its shortest form."""
        data, start = self._data, self._position
        value = shift = 0
        for position in range(start, min(start + MAX_VARINT_BYTES, len(data))):
            byte = data[position]
            value |= (byte & 0x7F) << shift
            if byte < 128:
                if byte == 0 and shift:
                    raise InvalidBatch(f"{self._name}: a varint is longer than it need be")
                if value >= limit:
                    raise InvalidBatch(
                        f"{self._name}: number {value} is beyond the bound {limit - 1}"
                    )
                self._position = position + 1
                return value
            shift += 7
        raise self._short("the end of a varint")

    def numbers(self, count: int, limit: int = U64_LIMIT) -> list[int]:
        """`count` varints. A count beyond the bytes that are left is refused before any work."""
        if count > self.remaining:
            raise self._short(f"{count} numbers")
        data, start = self._data, self._position
        window = data[start : start + count]
        if window.isascii():  # every one is a single byte: nearly always
            self._position = start + count
            values = list(window)
            if limit < 128 and values and max(values) >= limit:
                raise InvalidBatch(f"{self._name}: a number is beyond the bound {limit - 1}")
            return values
        number = self.number
        return [number(limit) for _ in range(count)]

    def bits(self, count: int) -> list[int]:
        raw = self.fixed((count + 7) // 8)
        value = int.from_bytes(raw, "little")
        if value >> count:
            raise InvalidBatch(f"{self._name}: a padding bit is set")
        text = format(value, f"0{count}b") if count else ""
        return [1 if digit == "1" else 0 for digit in reversed(text)]

    def column(self, name: str) -> ColumnReader:
        length = self.number()
        if length > self.remaining:
            raise InvalidBatch(
                f"column {name} claims {length} bytes, {self.remaining} are left", column=name
            )
        return ColumnReader(self.fixed(length), name)

    def rest(self) -> bytes:
        return self.fixed(self.remaining)

    def finish(self) -> None:
        """Nothing may be left over."""
        if self.remaining:
            raise InvalidBatch(f"{self._name}: {self.remaining} bytes too many")

    def _short(self, wanted: str) -> InvalidBatch:
        return InvalidBatch(f"{self._name}: ended where {wanted} had to follow")


def read_run(column: ColumnReader, most: int) -> int:
    """The length of a run: 1 to `most` blocks."""
    run = column.number(most + 1)
    if not run:
        raise InvalidBatch("a run of no blocks")
    return run
