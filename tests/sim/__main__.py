"""`python -m tests.sim --seed N` replays one run; without a seed it runs many and reports."""

from __future__ import annotations

import argparse
import sys
from random import Random

from tests.sim.report import Report
from tests.sim.scenario import drawn
from tests.sim.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one, with its trace")
    parser.add_argument("--seeds", type=int, default=200, help="how many to run (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (%(default)s)")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _replay(arguments.seed)
    report = Report()
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        outcome = World(drawn(Random(seed)), seed).run()
        report.add(outcome)
        if outcome.violation is not None:
            print(f"seed {seed}: {outcome.violation.invariant}: {outcome.violation}", flush=True)
    print(report.text())
    return 1 if report.failures else 0


def _replay(seed: int) -> int:
    scenario = drawn(Random(seed))
    print(scenario)
    outcome = World(scenario, seed).run()
    print("\n".join(outcome.trace))
    if outcome.violation is None:
        print(f"seed {seed}: {outcome.heights} heights, nothing wrong")
        return 0
    print(f"seed {seed}: {outcome.violation.invariant}: {outcome.violation}", file=sys.stderr)
    if outcome.violation.__cause__ is not None:
        raise outcome.violation.__cause__
    return 1


if __name__ == "__main__":
    sys.exit(main())
