"""What every test may count on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_of_its_own() -> Iterator[None]:
    """A command run in this process sets logging up, on a stream that ends with it."""
    yield
    structlog.reset_defaults()
