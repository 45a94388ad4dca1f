"""Official TransactionTests through decoder and block building."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.vectors import fixtures
from tests.vectors.tally import Tally
from tests.vectors.transaction_tests import run_file


def test_transaction_tests(record_property: Callable[[str, object], None]) -> None:
    tally = Tally()
    if not fixtures.available():
        tally.skip("all", fixtures.ABSENT)
        record_property("fixtures:TransactionTests", tally.to_json())
        pytest.skip(fixtures.ABSENT)
    for path, content in fixtures.read(fixtures.OTHER_TESTS).items():
        if path.startswith("TransactionTests/"):
            run_file(path, content, tally)
    record_property("fixtures:TransactionTests", tally.to_json())
    assert not tally.failures, "\n".join(tally.failures[:50])
    assert sum(tally.passed.values()) > 1_000
