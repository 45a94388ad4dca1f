"""Every invariant has a planted bug that its checker notices."""

from __future__ import annotations

import pytest

from tests.sim.mutants import MUTANTS, Mutant
from tests.sim.world import World

INVARIANTS = {
    "accountability",
    "agreement",
    "certificates",
    "evidence",
    "heads grow",
    "journal first",
    "liveness",
    "no double signature",
    "no halt",
    "replay",
    "signing goes on",
    "turns",
    "validity",
}


def test_every_invariant_has_its_bug() -> None:
    assert {mutant.invariant for mutant in MUTANTS} == INVARIANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_planted_bug_is_caught(mutant: Mutant) -> None:
    found: set[str] = set()
    for seed in range(mutant.seeds):
        world = World(
            mutant.scenario,
            seed,
            machine_class=mutant.machine,
            process_class=mutant.process,
        )
        violation = world.run().violation
        if violation is not None:
            found.add(violation.invariant)
        if mutant.invariant in found:
            return
    pytest.fail(f"{mutant.invariant} never fired in {mutant.seeds} seeds; others: {found}")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_without_the_bug_the_same_runs_are_clean(mutant: Mutant) -> None:
    for seed in range(5):
        outcome = World(mutant.scenario, seed).run()
        assert outcome.violation is None, "\n".join(outcome.trace)
