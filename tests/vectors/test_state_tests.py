"""Official GeneralStateTests, every case of the archive, folder by folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.vectors import fixtures
from tests.vectors.state_tests import run_file
from tests.vectors.tally import Tally


def _folders() -> list[str]:
    if not fixtures.available():
        return ["absent"]
    return sorted({path.rsplit("/", 1)[0] for path in fixtures.read(fixtures.STATE_TESTS)})


@pytest.mark.parametrize("folder", _folders())
def test_general_state_tests(folder: str, record_property: Callable[[str, object], None]) -> None:
    tally = Tally()
    if folder == "absent":
        tally.skip("all", fixtures.ABSENT)
        record_property("fixtures:GeneralStateTests", tally.to_json())
        pytest.skip(fixtures.ABSENT)
    for path, content in fixtures.read(fixtures.STATE_TESTS).items():
        if path.rsplit("/", 1)[0] == folder:
            run_file(path, content, tally)
    record_property("fixtures:GeneralStateTests", tally.to_json())
    assert not tally.failures, "\n".join(tally.failures[:50])
    assert tally.passed
