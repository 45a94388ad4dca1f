"""The contracts as this software knows them: ABI and bytecode from `artifacts/`, coding of calls.

Pure but for reading the artifacts, which are part of the package. Asking and sending are elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import orjson

from metis_node.codec.hashes import keccak256

ARTIFACTS = Path(__file__).parent / "artifacts"

AbiItem = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function, or one custom error, of a contract."""

    name: str
    inputs: tuple[str, ...]  # ABI types, tuples written out
    input_names: tuple[str, ...]
    outputs: tuple[str, ...]
    is_view: bool
    selector: bytes

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(self.inputs)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `topic` is its topic 0."""

    name: str
    indexed: tuple[str, ...]
    data: tuple[str, ...]
    data_names: tuple[str, ...]
    topic: bytes


@dataclass(frozen=True)
class Contract:
    """One contract's interface and creation code."""

    name: str
    abi: tuple[AbiItem, ...]
    bytecode: bytes

    @cached_property
    def functions(self) -> dict[str, Function]:
        """By full signature, and by bare name where only one has it."""
        found: dict[str, Function] = {}
        repeated: set[str] = set()
        for function in (_function(item) for item in self.abi if item["type"] == "function"):
            found[function.signature] = function
            if function.name in found:
                repeated.add(function.name)
            found[function.name] = function
        return {name: function for name, function in found.items() if name not in repeated}

    @cached_property
    def errors(self) -> tuple[Function, ...]:
        return tuple(_function(item) for item in self.abi if item["type"] == "error")

    @cached_property
    def events(self) -> dict[str, Event]:
        return {item["name"]: _event(item) for item in self.abi if item["type"] == "event"}

    def call(self, name: str, *arguments: Any) -> bytes:
        """Calldata of a function."""
        from eth_abi.abi import encode

        function = self.functions[name]
        return function.selector + encode(function.inputs, arguments)

    def results(self, name: str, data: bytes) -> tuple[Any, ...]:
        """What a function returned. ValueError where `data` is something else."""
        from eth_abi.abi import decode
        from eth_abi.exceptions import DecodingError

        try:
            return decode(self.functions[name].outputs, data)
        except (DecodingError, OverflowError) as error:
            raise ValueError(f"{self.name}.{name} gave {len(data)} bytes: {error}") from error

    def creation(self, *arguments: Any) -> bytes:
        """Creation code with constructor arguments."""
        from eth_abi.abi import encode

        constructor = next((item for item in self.abi if item["type"] == "constructor"), None)
        types = _types(constructor["inputs"]) if constructor is not None else ()
        return self.bytecode + encode(types, arguments)


@cache
def contract(name: str) -> Contract:
    """A contract of the package. KeyError for a name that has no artifact."""
    path = ARTIFACTS / f"{name}.json"
    if not path.is_file():
        raise KeyError(f"there is no contract {name} in this package")
    artifact = orjson.loads(path.read_bytes())
    code = bytes.fromhex(artifact["bytecode"].removeprefix("0x"))
    return Contract(name=name, abi=tuple(artifact["abi"]), bytecode=code)


def contract_names() -> tuple[str, ...]:
    """All contracts of the package."""
    return tuple(sorted(path.stem for path in ARTIFACTS.glob("*.json")))


def _function(item: AbiItem) -> Function:
    inputs = _types(item["inputs"])
    signature = f"{item['name']}({','.join(inputs)})"
    return Function(
        name=item["name"],
        inputs=inputs,
        input_names=tuple(entry["name"] for entry in item["inputs"]),
        outputs=_types(item.get("outputs", ())),
        is_view=item.get("stateMutability") in ("view", "pure"),
        selector=keccak256(signature.encode())[:4],
    )


def _event(item: AbiItem) -> Event:
    plain = [entry for entry in item["inputs"] if not entry["indexed"]]
    signature = f"{item['name']}({','.join(_types(item['inputs']))})"
    return Event(
        name=item["name"],
        indexed=_types([entry for entry in item["inputs"] if entry["indexed"]]),
        data=_types(plain),
        data_names=tuple(entry["name"] for entry in plain),
        topic=keccak256(signature.encode()),
    )


def _types(entries: Any) -> tuple[str, ...]:
    return tuple(_type(entry) for entry in entries)


def _type(entry: AbiItem) -> str:
    """`tuple[]` becomes `(uint192,uint64)[]`."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_types(entry['components']))}){kind.removeprefix('tuple')}"
