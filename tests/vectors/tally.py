"""Counts of fixtures run, passed and skipped, by fork, and how they are shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What became of the fixtures of one suite. Groups are forks, or the suite's own parts."""

    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    skipped: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[str] = field(default_factory=list)

    def accept(self, group: str) -> None:
        self.passed[group] += 1

    def refuse(self, group: str, what: str) -> None:
        self.failed[group] += 1
        self.failures.append(f"[{group}] {what}")

    def skip(self, group: str, reason: str) -> None:
        self.skipped[group][reason] += 1

    def to_json(self) -> dict[str, dict[str, object]]:
        """By group: run, passed, skipped with reasons (a shape that crosses processes)."""
        groups = sorted({*self.passed, *self.failed, *self.skipped})
        return {
            group: {
                "run": self.passed[group] + self.failed[group],
                "passed": self.passed[group],
                "skipped": dict(self.skipped[group]),
            }
            for group in groups
        }


def table(suites: dict[str, list[dict[str, dict[str, object]]]]) -> list[str]:
    """Lines of the table over all suites, parts of one suite added up."""
    lines = [f"{'suite':<24}{'group':<20}{'run':>8}{'passed':>8}  skipped"]
    for suite, parts in sorted(suites.items()):
        for group, (run, passed, skipped) in _sums(parts).items():
            reasons = ", ".join(f"{count} {why}" for why, count in skipped.items()) or "-"
            lines.append(f"{suite:<24}{group:<20}{run:>8}{passed:>8}  {reasons}")
    return lines


def _sums(
    parts: list[dict[str, dict[str, object]]],
) -> dict[str, tuple[int, int, Counter[str]]]:
    sums: dict[str, tuple[int, int, Counter[str]]] = {}
    for part in parts:
        for group, counts in part.items():
            run, passed, skipped = sums.get(group, (0, 0, Counter()))
            more = counts["skipped"]
            assert isinstance(more, dict)
            sums[group] = (
                run + int(str(counts["run"])),
                passed + int(str(counts["passed"])),
                skipped + Counter(more),
            )
    return sums
