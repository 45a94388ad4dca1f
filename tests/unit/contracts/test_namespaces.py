"""Each ERC-7201 namespace of the contracts is stored where its name says, and none twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from metis_node.codec.hashes import keccak256

SOURCES = Path(__file__).resolve().parents[3] / "contracts/src"
NAME = re.compile(r"@custom:storage-location erc7201:(\S+)")
SLOT = re.compile(r"constant \w+_STORAGE\s*=\s*(0x[0-9a-f]{64});")


def namespaces() -> list[tuple[str, str, str]]:
    """File, name and slot, in the order in which a file tells them."""
    found = []
    for path in sorted(SOURCES.rglob("*.sol")):
        text = path.read_text()
        names, slots = NAME.findall(text), SLOT.findall(text)
        assert len(names) == len(slots), f"{path.name}: {names} at {slots}"
        found += [(path.name, name, slot) for name, slot in zip(names, slots, strict=True)]
    return found


def slot_of(name: str) -> str:
    """https://eips.ethereum.org/EIPS/eip-7201"""
    inner = int.from_bytes(keccak256(name.encode())) - 1
    return "0x" + keccak256(inner.to_bytes(32))[:31].hex() + "00"


@pytest.mark.parametrize(("file", "name", "slot"), namespaces())
def test_the_slot_is_that_of_the_name(file: str, name: str, slot: str) -> None:
    assert slot == slot_of(name), file


def test_no_two_contracts_share_a_namespace() -> None:
    names = [name for _, name, _ in namespaces()]
    assert len(names) >= 2
    assert len(set(names)) == len(names)


def test_the_formula_is_that_of_the_standard() -> None:
    # The example of EIP-7201.
    example = "0x183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500"
    assert slot_of("example.main") == example
