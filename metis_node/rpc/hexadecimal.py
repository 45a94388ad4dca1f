"""JSON-RPC parameters to values: quantities, data, hashes, addresses. Strict, as geth's `hexutil`.

Every refusal is `InvalidRequest` -32602 that gives the argument's position, its name and what is
wrong with it. Block parameters are in `block_tags.py`.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from metis_node.errors import InvalidRequest
from metis_node.rpc.errors import shorten

QUANTITY = re.compile(r"0[xX](0|[1-9a-fA-F][0-9a-fA-F]*)")
MAX_QUANTITY_DIGITS = 64  # 256 bits
UINT64_MAX = (1 << 64) - 1

Params = list[Any]


def invalid(index: int, name: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"invalid argument {index}: {name}: {problem}")


def required(params: Params, index: int, name: str) -> Any:
    """The argument, which must be there and not null."""
    value = params[index] if index < len(params) else None
    if value is None:
        raise InvalidRequest(f"missing value for required argument {index}: {name}")
    return value


def optional(params: Params, index: int) -> Any:
    return params[index] if index < len(params) else None


def reject_more(params: Params, limit: int) -> None:
    """Refuse arguments beyond the last one that a method takes."""
    if len(params) > limit:
        raise InvalidRequest(f"too many arguments, want at most {limit}")


def address(params: Params, index: int, name: str = "address") -> bytes:
    return fixed(required(params, index, name), 20, index, name)


def hash32(params: Params, index: int, name: str = "hash") -> bytes:
    return fixed(required(params, index, name), 32, index, name)


def data(params: Params, index: int, name: str = "data") -> bytes:
    value = params[index] if index < len(params) else None
    if type(value) is str and value[:2] == "0x":  # the usual case, short
        try:
            decoded = bytes.fromhex(value[2:])
        except ValueError:
            decoded = b""
        if 2 * len(decoded) + 2 == len(value):
            return decoded
    return data_of(required(params, index, name), index, name)


def boolean(params: Params, index: int, name: str, default: bool | None = None) -> bool:
    """A boolean; absent or null is `default` where there is one."""
    value = optional(params, index)
    if value is None and default is not None:
        return default
    value = required(params, index, name)
    if type(value) is not bool:
        raise invalid(index, name, f"cannot unmarshal {kind(value)} into a boolean")
    return value


def string(params: Params, index: int, name: str) -> str:
    value = required(params, index, name)
    if type(value) is not str:
        raise invalid(index, name, f"cannot unmarshal {kind(value)} into a string")
    return value


def record(params: Params, index: int, name: str) -> dict[str, Any]:
    """A JSON object."""
    value = required(params, index, name)
    if type(value) is not dict:
        raise invalid(index, name, f"cannot unmarshal {kind(value)} into an object")
    return value


def encoded_record(params: Params, index: int, name: str) -> bytes:
    """A JSON object, encoded again for the engine."""
    return _encoded(record(params, index, name), index, name)


def optional_encoded_record(params: Params, index: int, name: str) -> bytes | None:
    return None if optional(params, index) is None else encoded_record(params, index, name)


def fixed(value: Any, size: int, index: int, name: str) -> bytes:
    """0x-prefixed hex of exactly `size` bytes."""
    if type(value) is str and len(value) == 2 * size + 2 and value[:2] in ("0x", "0X"):
        try:
            decoded = bytes.fromhex(value[2:])
        except ValueError:
            decoded = b""
        if len(decoded) == size:
            return decoded
    decoded = data_of(value, index, name)
    raise invalid(index, name, f"hex string has length {2 * len(decoded)}, want {2 * size}")


def data_of(value: Any, index: int, name: str) -> bytes:
    """0x-prefixed hex of whole bytes."""
    digits = _digits(value, index, name)
    try:
        decoded = bytes.fromhex(digits)
    except ValueError:
        decoded = b""
    if 2 * len(decoded) == len(digits):  # fromhex skips blanks
        return decoded
    if len(digits) % 2:
        raise invalid(index, name, "hex string of odd length")
    raise invalid(index, name, "invalid hex string")


def quantity(params: Params, index: int, name: str) -> int:
    return quantity_of(required(params, index, name), index, name)


def uint64(params: Params, index: int, name: str) -> int:
    value = quantity(params, index, name)
    if value > UINT64_MAX:
        raise invalid(index, name, "hex number > 64 bits")
    return value


def quantity_of(value: Any, index: int, name: str) -> int:
    """0x-prefixed hex number of at most 256 bits without leading zeros."""
    if type(value) is str and QUANTITY.fullmatch(value):
        if len(value) - 2 > MAX_QUANTITY_DIGITS:
            raise invalid(index, name, "hex number > 256 bits")
        return int(value, 16)
    digits = _digits(value, index, name)
    if not digits:
        raise invalid(index, name, 'hex string "0x"')
    if digits[0] == "0":
        raise invalid(index, name, "hex number with leading zero digits")
    raise invalid(index, name, f"invalid hex number {shorten(digits)!r}")


def slot_of(value: Any, index: int, name: str) -> bytes:
    """A storage slot: hex of at most 32 bytes, padded from the left, as geth takes it."""
    digits = _digits(value, index, name)
    if len(digits) > 64:
        raise invalid(index, name, "hex string too long, want at most 32 bytes")
    try:
        decoded = bytes.fromhex(digits.rjust(64, "0"))
    except ValueError:
        decoded = b""
    if len(decoded) != 32:
        raise invalid(index, name, "invalid hex string")
    return decoded


def kind(value: Any) -> str:
    """What JSON calls this value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _encoded(value: Any, index: int, name: str) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        raise invalid(index, name, "nested too deeply") from None


def _digits(value: Any, index: int, name: str) -> str:
    if type(value) is not str:
        raise invalid(index, name, f"cannot unmarshal {kind(value)} into a hex string")
    if not value:
        raise invalid(index, name, "empty hex string")
    if value[:2] not in ("0x", "0X"):
        raise invalid(index, name, "hex string without 0x prefix")
    return value[2:]
