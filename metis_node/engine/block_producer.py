"""The host of a chain with one sequencer: when a block is due it is built and written, and the next
one is waited for.

A chain with validators has `consensus/host.py` in its place.
"""

from __future__ import annotations

import asyncio

from metis_node.chain.blockchain import Imported
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.ports import Leadership


class BlockProducer:
    """Run it as a task of the node. One per chain."""

    def __init__(self, *, builder: BlockBuilder, leadership: Leadership) -> None:
        self._builder = builder
        self._chain = builder.blockchain
        self._committer = builder.committer
        self._clock = builder.clock
        self._leadership = leadership

    async def run(self) -> None:
        """Make blocks until cancelled. Raises only what leaves no way on: errors of the store, or
        an empty block that does not verify."""
        while True:
            await self._await_turn()
            due = earliest_time_ms(self._chain.head.header, self._chain.rules)
            await self._clock.wait_until_ms(due)
            await self.produce()

    async def produce(self) -> Imported | None:
        """Make the next block now. None where another block became the head meanwhile."""
        parent = self._chain.head
        built = await self._builder.build(parent)
        if built is None or self._chain.head is not parent:
            return None
        return await self._committer.commit_verified(built.verified)

    async def _await_turn(self) -> None:
        while not self._leadership.is_proposer(self._chain.head.number + 1):
            waits = [
                asyncio.ensure_future(self._leadership.changed()),
                asyncio.ensure_future(self._committer.heads.next()),
            ]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
