"""How long a build may execute, so that building, importing and writing end within a block time."""

from __future__ import annotations

RESERVE_MS = 20.0  # timers, thread switches, the synced write of a small block
RESERVE_SHARE = 0.10  # of the block time
FIRST_SHARE = 0.3  # before anything was measured: executing twice, roots twice, one write
SMOOTHING = 0.3  # weight of the newest block
WIDEST_SHARE = 0.5  # the import executes everything again
NARROWEST_SHARE = 0.05
LEAST_BUDGET_MS = 10


class BlockPace:
    """Learns which share of a block's whole work its first execution is."""

    def __init__(self, block_time_ms: int) -> None:
        self._block_time_ms = block_time_ms
        self._share = FIRST_SHARE

    def build_budget_ms(self, late_ms: int) -> int:
        """Milliseconds of execution for a build that begins `late_ms` after its block was due."""
        return max(LEAST_BUDGET_MS, int(self._available_ms(late_ms) * self._share))

    def observe(self, budget_ms: int, whole_ms: float, *, exhausted: bool) -> None:
        """What one block took from the start of its build to the end of its import. `exhausted`:
        the execution used all of its budget."""
        if exhausted:
            self._learn(budget_ms / max(whole_ms, 1.0))
        elif whole_ms > (available := self._available_ms(0)):
            self._learn(self._share * available / whole_ms)

    def _learn(self, share: float) -> None:
        bounded = min(WIDEST_SHARE, max(NARROWEST_SHARE, share))
        self._share += SMOOTHING * (bounded - self._share)

    def _available_ms(self, late_ms: int) -> float:
        reserve = max(RESERVE_MS, self._block_time_ms * RESERVE_SHARE)
        return self._block_time_ms - min(late_ms, self._block_time_ms) - reserve
