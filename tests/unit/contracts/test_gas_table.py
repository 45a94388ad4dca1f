"""docs/contracts.md shows the gas that forge measured, and all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SNAPSHOT = json.loads((ROOT / "contracts/snapshots/LockingPool.json").read_text())
ROW = re.compile(r"^\| [^|]+ \| (?P<action>[^|]+) \| (?P<gas>[\d,]+) \|$", re.MULTILINE)


def documented() -> dict[str, int]:
    rows = ROW.finditer((ROOT / "docs/contracts.md").read_text())
    return {row["action"]: int(row["gas"].replace(",", "")) for row in rows}


@pytest.mark.parametrize("action", SNAPSHOT)
def test_each_measured_action_is_in_the_table(action: str) -> None:
    assert documented().get(action) == int(SNAPSHOT[action])
