"""How long a build may take, so that building, importing and writing end within one block time."""

from __future__ import annotations

RESERVE_MS = 20.0  # timers, thread switches, the synced write of a small block
RESERVE_SHARE = 0.10  # of the block time
FIRST_BUILD_SHARE = 0.4  # before anything was measured
LEAST_BUILD_MS = 10
LONG_ENOUGH_MS = 5.0  # shorter blocks say nothing about the ratio
SMOOTHING = 0.2  # weight of the newest block
WIDEST_SHARE = 0.6
NARROWEST_SHARE = 0.15


class BlockPace:
    """Learns which share of a block's work is the build."""

    def __init__(self, block_time_ms: int) -> None:
        self._block_time_ms = block_time_ms
        self._share = FIRST_BUILD_SHARE

    def build_budget_ms(self, late_ms: int) -> int:
        """Milliseconds for a build that begins `late_ms` after its block was due."""
        reserve = max(RESERVE_MS, self._block_time_ms * RESERVE_SHARE)
        left = self._block_time_ms - min(late_ms, self._block_time_ms) - reserve
        return max(LEAST_BUILD_MS, int(left * self._share))

    def observe(self, build_ms: float, import_ms: float) -> None:
        """What one block took."""
        whole = build_ms + import_ms
        if build_ms < LONG_ENOUGH_MS:
            return
        share = min(WIDEST_SHARE, max(NARROWEST_SHARE, build_ms / whole))
        self._share += SMOOTHING * (share - self._share)
