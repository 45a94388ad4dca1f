"""Many seeds in CI. One that fails is named; `python -m tests.sim --seed N` tells its story."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from tests.sim.report import Report
from tests.sim.scenario import Scenario, drawn
from tests.sim.world import World

CHUNKS = 10
SEEDS_PER_CHUNK = 50
FAULTS = {
    "crashes",
    "cut off",
    "deaf to one kind",
    "duplicated",
    "forged messages",
    "freezes",
    "halts",
    "hasty time-outs",
    "invalid blocks",
    "late builds",
    "lost",
    "partitions",
    "reordered",
    "yields asked",
}
NAMED = {
    "calm": Scenario(),
    "alone": Scenario(powers=(5,), crash=0.02),
    "a third asleep": Scenario(powers=(1,) * 7, silent=frozenset({0, 3})),
    "ten hours of nothing": Scenario(halt_ms=36_000_000, loss=0.1),
    "clocks 30 s apart": Scenario(skews_ms=(0, 30_000, 15_000, 0)),
    "hidden locks": Scenario(trouble_ms=60_000, loss=0.2, deaf_kinds=0.6, partition=0.3),
    "crashes everywhere": Scenario(trouble_ms=40_000, crash=0.03, kill=0.1, loss=0.05),
    "one key in two machines": Scenario(trouble_ms=40_000, twins=frozenset({2}), loss=0.1),
    "two of seven equivocate": Scenario(
        powers=(1,) * 7, twins=frozenset({0}), forgers=frozenset({4})
    ),
    "a builder of bad blocks": Scenario(bad_builders=frozenset({1})),
    "late builders": Scenario(late_build=0.7),
    "impatience": Scenario(hasty=0.6, late_build=0.2),
    "hand-overs": Scenario(yields=0.5, crash=0.01),
    "unequal powers": Scenario(powers=(7, 6, 5, 1, 1), silent=frozenset({1}), loss=0.1),
}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_seeds(chunk: int) -> None:
    report = Report()
    first = chunk * SEEDS_PER_CHUNK
    for seed in range(first, first + SEEDS_PER_CHUNK):
        report.add(World(drawn(Random(seed)), seed).run())
    assert not report.failures, _named(report)
    print(report.text())


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("seed", range(3))
def test_named_faults(name: str, seed: int) -> None:
    outcome = World(NAMED[name], seed).run()
    assert outcome.violation is None, "\n".join(outcome.trace)
    assert outcome.heights >= NAMED[name].heights_after


def test_every_fault_is_injected() -> None:
    """A simulation in which nothing goes wrong proves nothing."""
    counts: Counter[str] = Counter()
    for name in NAMED:
        counts.update(World(NAMED[name], 9).run().counts)
    everything = Scenario(duplicate=0.2, slow_message=0.1, freeze=0.1, partition=0.2)
    counts.update(World(everything, 9).run().counts)
    assert set(counts) >= FAULTS
    assert counts["evidence"]
    assert counts["replays compared"]


def test_beyond_a_third_the_checkers_fire() -> None:
    """Two equivocators of four are more than the protocol withstands."""
    scenario = Scenario(trouble_ms=40_000, twins=frozenset({1, 2}), partition=0.5)
    assert not scenario.tolerates()
    found = {_invariant(scenario, seed) for seed in range(60)}
    assert "agreement" in found


def test_more_than_a_third_asleep_stops_the_chain_and_loses_nothing() -> None:
    scenario = Scenario(silent=frozenset({0, 1}))
    outcome = World(replace(scenario, trouble_ms=5_000), 1).run()
    assert outcome.violation is not None
    assert (outcome.violation.invariant, outcome.heights) == ("liveness", 0)


def test_one_seed_is_one_history() -> None:
    """In another process too, where sets and dicts hash otherwise."""
    told = []
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-m", "tests.sim", "--seed", "18"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(ran.stdout)
    assert told[0] == told[1]
    assert "takes block 1" in told[0]


def _invariant(scenario: Scenario, seed: int) -> str | None:
    violation = World(scenario, seed).run().violation
    return None if violation is None else violation.invariant


def _named(report: Report) -> str:
    return "\n".join(
        f"seed {outcome.seed}: {outcome.violation.invariant}: {outcome.violation}"
        for outcome in report.failures
        if outcome.violation is not None
    )
