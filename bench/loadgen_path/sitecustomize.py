"""Loaded into the load generator only, by PYTHONPATH.

Before Python 3.12 `asyncio.wait_for` loses a cancellation that comes in the same turn as the
answer (cpython issue 86296): the generator's pollers, cancelled at the end of a workload, then go
on for ever. `asyncio.timeout` does not.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def wait_for(awaitable: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109
    async with asyncio.timeout(timeout):
        return await awaitable


if sys.version_info < (3, 12):
    asyncio.wait_for = wait_for  # type: ignore[assignment]
