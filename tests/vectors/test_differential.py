"""A slice of the differential run with a fixed seed. The whole one: `differential.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.vectors.differential import run

TRANSACTIONS = 2_000
SEED = 20_251_122
SECONDS = 150.0  # a slow machine compares fewer


@pytest.mark.slow
def test_engine_agrees_with_the_execution_specs(
    record_property: Callable[[str, object], None],
) -> None:
    report = run(transactions=TRANSACTIONS, seed=SEED, seconds=SECONDS)
    record_property("differential", report.text())
    assert not report.differences, "\n".join(report.differences)
    assert report.included > TRANSACTIONS // 4
    assert report.forks["prague"]
    assert report.forks["osaka"]


def test_a_difference_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is alive: a specification with another refund shows as a difference."""
    from ethereum.forks.prague.vm.instructions import storage

    monkeypatch.setattr(
        storage, "GAS_WARM_ACCESS", storage.GAS_WARM_ACCESS + type(storage.GAS_WARM_ACCESS)(1)
    )
    report = run(transactions=200, seed=SEED, pairing_chance=0.0)
    assert report.differences
    assert any("gas used" in difference for difference in report.differences)
