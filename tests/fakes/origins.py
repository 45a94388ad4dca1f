"""An L1 that shows the blocks a test lets it show."""

from __future__ import annotations

import asyncio

from metis_node.types.l1 import L1Origin
from tests.chains import L1_START, l1_origin


class ShownOrigins:
    """`ports.Origins`: the newest shown block, if it is young enough for the block."""

    def __init__(self, newest: int = L1_START, *, lag_s: int = 10_800) -> None:
        self.newest = newest
        self._lag_s = lag_s
        self._changed = asyncio.Event()

    def show(self, number: int) -> None:
        self.newest = number
        self._changed.set()

    def origin_for(self, parent_origin_number: int, block_time_s: int) -> L1Origin | None:
        origin = l1_origin(max(parent_origin_number, self.newest))
        return origin if origin.timestamp >= block_time_s - self._lag_s else None

    async def changed(self) -> None:
        self._changed.clear()
        await self._changed.wait()
