"""What a contract reverted with: custom errors of all contracts of the package, strings, panics.

Only decoding; the words for people are in `refusals.py`. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from metis_node.l1.contract_abi import Function, contract, contract_names

ERROR_STRING = bytes.fromhex("08c379a0")  # Error(string)
PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """A decoded revert. `name` is empty where it is none that this software knows."""

    name: str
    arguments: Mapping[str, Any]
    data: bytes


def decode_revert(data: bytes) -> Revert:
    """Never fails: what is not understood keeps its bytes."""
    if data[:4] == ERROR_STRING:
        return _decoded(data, "Error", ("string",), ("reason",))
    if data[:4] == PANIC:
        return _decoded(data, "Panic", ("uint256",), ("code",))
    error = _errors().get(data[:4])
    if error is None:
        return Revert(name="", arguments={}, data=data)
    return _decoded(data, error.name, error.inputs, error.input_names)


def _decoded(data: bytes, name: str, types: tuple[str, ...], names: tuple[str, ...]) -> Revert:
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    try:
        values = decode(types, data[4:])
    except (DecodingError, OverflowError, UnicodeDecodeError):
        return Revert(name="", arguments={}, data=data)
    return Revert(name=name, arguments=dict(zip(names, values, strict=True)), data=data)


@cache
def _errors() -> dict[bytes, Function]:
    return {error.selector: error for name in contract_names() for error in contract(name).errors}
