"""What many runs showed: faults by kind, heights, reselections, rounds to decide after a fault."""

from __future__ import annotations

from collections import Counter
from time import perf_counter

from tests.sim.world import Outcome

NOT_FAULTS = {"messages", "messages refused", "messages unread", "evidence", "replays compared"}


class Report:
    def __init__(self) -> None:
        self._began = perf_counter()
        self._counts: Counter[str] = Counter()
        self._rounds: list[int] = []
        self._heights = self._reselections = self._seeds = self._milliseconds = 0
        self.failures: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        self._seeds += 1
        self._counts.update(outcome.counts)
        self._heights += outcome.heights
        self._reselections += outcome.reselections
        self._milliseconds += outcome.milliseconds
        if outcome.rounds_after is not None:
            self._rounds.append(outcome.rounds_after)
        if outcome.violation is not None:
            self.failures.append(outcome)

    def rounds_at(self, percent: int) -> int:
        """That percentile of the rounds that the first height after the faults took."""
        rounds = sorted(self._rounds)
        return rounds[min(len(rounds) - 1, len(rounds) * percent // 100)] if rounds else 0

    def text(self) -> str:
        most = max(self._rounds, default=0)
        took = perf_counter() - self._began
        lines = [
            f"seeds run            {self._seeds} ({len(self.failures)} failed), {took:.0f} s",
            f"simulated            {self._milliseconds / 3_600_000:.1f} h",
            f"heights decided      {self._heights}",
            f"reselections         {self._reselections}",
            f"rounds after a fault p50 {self.rounds_at(50)}, p99 {self.rounds_at(99)}, most {most}",
            "faults injected",
        ]
        faults = sorted(set(self._counts) - NOT_FAULTS)
        lines += [f"  {name:<20} {self._counts[name]}" for name in faults]
        lines += [f"{name:<20} {self._counts[name]}" for name in sorted(NOT_FAULTS)]
        return "\n".join(lines)
