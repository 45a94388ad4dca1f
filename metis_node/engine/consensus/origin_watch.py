"""Whether the L1 that this node reads knows the origin that a block names (consensus, "L1 origin").

An origin that L1 lacks is waited for; one that it contradicts gets the block no vote and an alarm,
and is never remembered: L1 may change its mind.
"""

from __future__ import annotations

import structlog

from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.l1_origin import origin_of
from metis_node.engine.l1_ports import L1Source
from metis_node.engine.ports import Clock, Origins
from metis_node.types.blocks import SealedHeader
from metis_node.types.l1 import L1Header, L1Origin

log = structlog.get_logger(__name__)


class OriginWatch:
    """Event loop only."""

    def __init__(
        self, *, follower: L1Follower, source: L1Source, origins: Origins, clock: Clock
    ) -> None:
        self._follower = follower
        self._source = source
        self._origins = origins
        self._clock = clock
        self._waiting = False

    async def confirm(self, origin: L1Origin) -> bool:
        """Whether L1 has just this block, as soon as it shows one of that number."""
        header = await self._shown(origin.number)
        if origin_of(header) == origin:
            return True
        log.error(
            "a block names an L1 origin that the L1 of this node contradicts: check l1.endpoints",
            number=origin.number,
            named="0x" + origin.hash.hex(),
            seen="0x" + header.hash.hex(),
        )
        return False

    async def available(self, parent: SealedHeader) -> None:
        """Return when L1 shows an origin that is young enough for a block on `parent` now."""
        behind = decode_extra_data(parent.header.extra_data).origin_number
        while self._origins.origin_for(behind, self._clock.now_ms() // 1000) is None:
            if not self._waiting:
                self._waiting = True
                log.warning("the chain waits: L1 shows no block young enough to be an origin")
            await self._origins.changed()
        if self._waiting:
            self._waiting = False
            log.info("L1 shows an origin again")

    async def changed(self) -> None:
        """Return when L1 has moved on."""
        await self._follower.changed()

    async def _shown(self, number: int) -> L1Header:
        while True:
            version = self._follower.version
            header = self._follower.header(number)
            if header is None and self._is_behind_window(number):
                header = await self._source.header(number)
            if header is not None:
                return header
            await self._follower.changed(version)

    def _is_behind_window(self, number: int) -> bool:
        """Older than what the follower keeps: asked for by itself."""
        head = self._follower.head
        return head is not None and number <= head.number
