"""Prints, after the tests, how many official fixtures and generated transactions were run."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tests.vectors.tally import table


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One table for all suites; the counts travel as test properties, also between processes."""
    suites: dict[str, list[Any]] = defaultdict(list)
    notes: list[str] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                for name, value in report.user_properties:
                    if name.startswith("fixtures:"):
                        suites[name.removeprefix("fixtures:")].append(value)
                    elif name == "differential":
                        notes.extend(str(value).splitlines())
    if suites:
        terminalreporter.section("conformance fixtures")
        terminalreporter.write_line("\n".join(table(suites)))
    if notes:
        terminalreporter.section("differential runs against the execution specs")
        terminalreporter.write_line("\n".join(notes))
