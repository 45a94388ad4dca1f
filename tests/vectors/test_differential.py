"""A slice of the differential run with a fixed seed. The whole one: `differential.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ethereum_types.numeric import Uint

from tests.vectors.differential import run

TRANSACTIONS = 2_000
SEED = 20_251_122
SECONDS = 120.0  # of processor time; a slow machine compares fewer
CHAIN_LENGTH = 8  # blocks: short chains, so that every plan has its turn


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_engine_agrees_with_the_execution_specs(
    record_property: Callable[[str, object], None],
) -> None:
    report = run(transactions=TRANSACTIONS, seed=SEED, seconds=SECONDS, chain_length=CHAIN_LENGTH)
    record_property("differential", report.text())
    assert not report.differences, "\n".join(report.differences)
    assert report.included > TRANSACTIONS // 4
    assert report.forks["prague"]
    assert report.forks["osaka"]
    assert report.scenarios["blobs"]


def test_a_difference_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is alive: it sees a specification that prices one storage access otherwise."""
    storage = "ethereum.forks.prague.vm.instructions.storage"
    monkeypatch.setattr(f"{storage}.GAS_WARM_ACCESS", Uint(101))
    report = run(transactions=200, seed=SEED, pairing_chance=0.0)
    assert report.differences
    assert any("gas used" in difference for difference in report.differences)
