"""How much gas a block of ours may be offered on a chain with validators, so that all of them have
executed and voted in time: load alone shall rotate nobody (rule C15)."""

from __future__ import annotations

FULL_SHARE = 0.5  # of the block time: from due to decided
SPARE_SHARE = 0.25  # of the block time, above what a light block takes
LIGHT_SHARE = 0.05  # of the target: such a block shows what votes and wires take
SMOOTHING = 0.2  # weight of the newest light block
MOST_CUT = 0.5  # of the target, at once
GROWTH = 1.1
LEAST_SHARE = 1 / 32  # of the gas limit: never less


class GasTarget:
    """Falls with a block that was decided late, and grows again with those that were not."""

    def __init__(self, gas_limit: int, block_time_ms: int) -> None:
        self._limit = gas_limit
        self._block_time_ms = block_time_ms
        self._light_ms = 0.0  # due to decided, of a block with next to nothing in it
        self.gas = gas_limit

    def observe(self, gas_used: int, took_ms: float) -> None:
        """One of our blocks was decided in round 0, `took_ms` after it was due."""
        if gas_used <= LIGHT_SHARE * self.gas:
            self._light_ms += SMOOTHING * (min(took_ms, self._block_time_ms) - self._light_ms)
        elif took_ms > self.budget_ms:
            self._cut(gas_used, took_ms)
            return
        self.gas = min(self._limit, int(self.gas * GROWTH))

    @property
    def budget_ms(self) -> float:
        """Where wires alone take long, fewer transactions would not help: the bar is above that."""
        full = FULL_SHARE * self._block_time_ms
        return max(full, self._light_ms + SPARE_SHARE * self._block_time_ms)

    def _cut(self, gas_used: int, took_ms: float) -> None:
        kept = max(MOST_CUT, self.budget_ms / took_ms)
        least = int(LEAST_SHARE * self._limit)
        self.gas = max(least, int(min(self.gas, gas_used) * kept))
