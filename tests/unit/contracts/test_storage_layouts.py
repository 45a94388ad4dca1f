"""What tools/storage-layouts takes for an upgrade that misreads old storage."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
OLD = [
    "Pool 0 0 96 pool struct Pool.Store",
    "Pool 0 0 20 pool.token address",
    "Pool 1 0 32 pool.records mapping(uint256 => struct Pool.Record)",
    "Pool 0 0 32 pool.records[key] struct Pool.Record",
    "Pool 0 0 20 pool.records[key].owner address",
    "Pool 2 0 32 pool.queue struct Pool.Part[]",
    "Pool 0 0 32 pool.queue[i] struct Pool.Part",
    "Pool 0 0 16 pool.queue[i].amount uint128",
]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    loader = SourceFileLoader("storage_layouts", str(ROOT / "tools/storage-layouts"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def replaced(old: str, new: str) -> list[str]:
    assert old in OLD
    return [new if line == old else line for line in OLD]


def test_the_same_and_more_is_fine(tool: ModuleType) -> None:
    assert tool.misread(OLD, OLD) == []
    grown = replaced(OLD[0], "Pool 0 0 128 pool struct Pool.Store")
    assert tool.misread(OLD, [*grown, "Pool 3 0 32 pool.total uint256"]) == []


def test_an_entry_of_a_mapping_may_grow(tool: ModuleType) -> None:
    grown = replaced(OLD[3], "Pool 0 0 64 pool.records[key] struct Pool.Record")
    assert tool.misread(OLD, [*grown, "Pool 1 0 32 pool.records[key].owed uint256"]) == []


def test_an_item_of_an_array_may_not_grow(tool: ModuleType) -> None:
    grown = replaced(OLD[6], "Pool 0 0 64 pool.queue[i] struct Pool.Part")
    assert tool.misread(OLD, grown) == [OLD[6]]


@pytest.mark.parametrize(
    "changed",
    [
        "Pool 1 0 20 pool.token address",
        "Pool 0 12 20 pool.token address",
        "Pool 0 0 32 pool.token uint256",
        "Pool 0 0 20 pool.coin address",
    ],
)
def test_a_moved_retyped_or_renamed_field_is_found(tool: ModuleType, changed: str) -> None:
    assert tool.misread(OLD, replaced(OLD[1], changed)) == [OLD[1]]


def test_a_dropped_field_is_found(tool: ModuleType) -> None:
    assert tool.misread(OLD, OLD[:-1]) == [OLD[-1]]


def test_the_committed_layouts_are_lines_of_six_parts(tool: ModuleType) -> None:
    lines = (ROOT / "contracts/storage-layouts.txt").read_text().splitlines()
    assert lines[0] + "\n" == tool.HEADER
    for line in lines[1:]:
        assert len(tool.place(line)) == 6
