"""Which L1 block the next L2 block names: the `Origins` port of the block producer.

The newest L1 block that is deep enough, or final where that is asked for, and known for
`origin_wait_ms`; younger ones only where the lag rule demands it (consensus, "L1 origin").
"""

from __future__ import annotations

from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.l1_origin import origin_of
from metis_node.engine.ports import Clock
from metis_node.types.l1 import L1Header, L1Origin
from metis_node.types.primitives import ZERO_HASH, Hash32
from metis_node.types.rules import ChainRules


class L1Origins:
    """`confirmations` None: only finalized L1 blocks. `genesis_origin_hash` zero: block 0 names no
    real L1 block, so block 1 must name a later one."""

    def __init__(
        self,
        *,
        follower: L1Follower,
        clock: Clock,
        rules: ChainRules,
        genesis_origin_hash: Hash32,
        confirmations: int | None,
        origin_wait_ms: int = 30_000,
    ) -> None:
        self._follower = follower
        self._clock = clock
        self._max_lag_s = rules.origin_max_lag_s
        self._first = rules.l1_start + (1 if genesis_origin_hash == ZERO_HASH else 0)
        self._confirmations = confirmations
        self._wait_ms = origin_wait_ms
        self._version = 0  # of the follower, at the last answer

    def origin_for(self, parent_origin_number: int, block_time_s: int) -> L1Origin | None:
        self._version = self._follower.version
        least = max(parent_origin_number, self._first)
        newest = self._newest_allowed()
        if newest is None:
            return None
        oldest_time = block_time_s - self._max_lag_s
        for number in range(newest, least - 1, -1):
            header = self._follower.header(number)
            if header is None or header.timestamp < oldest_time:
                break
            if self._has_waited(header):
                return origin_of(header)
        return self._fallback(least, newest, oldest_time)

    async def changed(self) -> None:
        await self._follower.changed(self._version)

    @property
    def reason(self) -> str:
        """Why there is no origin, for logs and readiness."""
        return self._follower.problem or "the L1 shows no block young and deep enough"

    def _newest_allowed(self) -> int | None:
        head = self._follower.head
        if head is None:
            return None
        if self._confirmations is None:
            return self._follower.finalized_number
        return head.number - self._confirmations

    def _has_waited(self, header: L1Header) -> bool:
        return self._clock.now_ms() - self._confirmed_ms(header) >= self._wait_ms

    def _confirmed_ms(self, header: L1Header) -> int:
        """When the block became deep enough: when the one that made it so was seen."""
        depth = self._confirmations or 0
        return self._follower.first_seen_ms(header.number + depth)

    def _fallback(self, least: int, newest: int, oldest_time: int) -> L1Origin | None:
        """The parent's origin while it is young enough, else the oldest that is."""
        for number in range(least, newest + 1):
            header = self._follower.header(number)
            if header is not None and header.timestamp >= oldest_time:
                return origin_of(header)
        return None
