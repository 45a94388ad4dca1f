"""Strict readers of a genesis file's values. Errors are InvalidConfig with the field's path."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Any

from metis_node.errors import InvalidConfig
from metis_node.types.primitives import Address, Hash32

_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_DECIMAL = re.compile(r"[0-9]{1,78}\Z")


def record(value: object, path: str, known: Collection[str]) -> dict[str, Any]:
    """An object with no other keys than `known`."""
    if not isinstance(value, dict):
        raise InvalidConfig(f"genesis: {path} is not an object")
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
            raise InvalidConfig(f"genesis: {path} has the unknown key {key!r}: meant {near[0]!r}?")
    return value


def required(entries: dict[str, Any], key: str, path: str) -> Any:
    if key not in entries:
        prefix = "" if path == "genesis" else f"{path}."
        raise InvalidConfig(f"genesis: {prefix}{key} is missing")
    return entries[key]


def integer(value: object, path: str, low: int = 0, high: int = (1 << 64) - 1) -> int:
    """A JSON number without fraction."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidConfig(f"genesis: {path} is {value!r}, expected a whole number")
    if not low <= value <= high:
        raise InvalidConfig(f"genesis: {path} is {value}, expected {low} to {high}")
    return value


def boolean(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidConfig(f"genesis: {path} is {value!r}, expected true or false")
    return value


def amount(value: object, path: str, bits: int = 256) -> int:
    """A number, a decimal string or a 0x string."""
    if isinstance(value, str) and _QUANTITY.match(value):
        number = int(value, 16)
    elif isinstance(value, str) and _DECIMAL.match(value):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise InvalidConfig(f"genesis: {path} is {value!r}, expected a number or a 0x string")
    if number < 0 or number >> bits:
        raise InvalidConfig(f"genesis: {path} does not fit in {bits} bits")
    return number


def data(value: object, path: str) -> bytes:
    """0x and an even number of hex digits."""
    if not isinstance(value, str) or not _HEX.match(value):
        raise InvalidConfig(f"genesis: {path} is not 0x followed by an even number of hex digits")
    return bytes.fromhex(value[2:])


def address(value: object, path: str) -> Address:
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{40}", value):
        value = "0x" + value  # geth writes alloc keys without the prefix
    raw = data(value, path)
    if len(raw) != 20:
        raise InvalidConfig(f"genesis: {path} has {len(raw)} bytes, an address has 20")
    return Address(raw)


def hash32(value: object, path: str) -> Hash32:
    raw = data(value, path)
    if len(raw) != 32:
        raise InvalidConfig(f"genesis: {path} has {len(raw)} bytes, a hash has 32")
    return Hash32(raw)
