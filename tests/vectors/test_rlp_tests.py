"""Official RLPTests against `metis_node.codec.rlp`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metis_node.codec import rlp
from tests.vectors import fixtures
from tests.vectors.tally import Tally


def test_rlp_tests(record_property: Callable[[str, object], None]) -> None:
    tally = Tally()
    if not fixtures.available():
        tally.skip("all", fixtures.ABSENT)
        record_property("fixtures:RLPTests", tally.to_json())
        pytest.skip(fixtures.ABSENT)
    for path, content in fixtures.read(fixtures.OTHER_TESTS).items():
        if path.startswith("RLPTests/"):
            for name, test in content.items():
                _run(f"{path}:{name}", test, tally)
    record_property("fixtures:RLPTests", tally.to_json())
    assert not tally.failures, "\n".join(tally.failures)
    assert tally.passed["valid"]
    assert tally.passed["invalid"]


def _run(name: str, test: dict[str, Any], tally: Tally) -> None:
    group = "invalid" if test["in"] == "INVALID" else "valid"
    fault = _compare(test["in"], fixtures.unhex(test["out"]))
    if fault is None:
        tally.accept(group)
    else:
        tally.refuse(group, f"{name}: {fault}")


def _compare(value: Any, encoded: bytes) -> str | None:
    try:
        decoded = rlp.decode(encoded)
    except rlp.MalformedRlp as error:
        return None if value == "INVALID" else f"refused: {error}"
    if value == "INVALID":
        return "accepted, but it is invalid"
    if rlp.encode(decoded) != encoded:
        return "encodes otherwise than it was decoded"
    if value != "VALID" and (_item(value) != decoded or rlp.encode(_item(value)) != encoded):
        return f"decoded as {decoded!r}"
    return None


def _item(value: Any) -> rlp.Decoded:
    """A fixture's value as RLP carries it: numbers big-endian, `#` before those in decimal."""
    if isinstance(value, list):
        return [_item(child) for child in value]
    if isinstance(value, int):
        return rlp.int_to_bytes(value)
    if value.startswith("#"):
        return rlp.int_to_bytes(int(value[1:]))
    return bytes(value.encode())
