"""What posting to L1 has cost in the last 24 hours: the spend cap and the balance runway.

Kept in a small file, so that a restart loop cannot spend the cap again and again. A file that is
missing or malformed counts as nothing spent, loudly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import orjson
import structlog

log = structlog.get_logger(__name__)

DAY_MS = 86_400_000
LEAST_SPAN_MS = 600_000  # pace is never taken from less than ten minutes
MAX_ENTRIES = 50_000  # above one L1 transaction every two seconds


@dataclass(slots=True)
class SpendLedger:
    """Wei and milliseconds. `file` None keeps it in memory."""

    cap: int
    file: Path | None = None
    entries: list[tuple[int, int]] = field(default_factory=list)

    def load(self) -> None:
        if self.file is None or not self.file.exists():
            return
        try:
            found = orjson.loads(self.file.read_bytes())
            self.entries = [(int(at), int(cost)) for at, cost in found]
        except (OSError, ValueError, TypeError) as error:
            log.error("the record of L1 spending is unreadable", file=str(self.file), error=error)

    def record(self, now_ms: int, cost: int) -> None:
        self._forget(now_ms)
        self.entries.append((now_ms, cost))
        del self.entries[:-MAX_ENTRIES]
        if self.file is not None:
            temporary = self.file.with_suffix(".new")
            temporary.write_bytes(orjson.dumps([[at, str(wei)] for at, wei in self.entries]))
            temporary.replace(self.file)

    def spent(self, now_ms: int) -> int:
        self._forget(now_ms)
        return sum(cost for _, cost in self.entries)

    def spendable(self, now_ms: int) -> int:
        return max(self.cap - self.spent(now_ms), 0)

    def runway_s(self, now_ms: int, balance: int) -> int | None:
        """How long the balance lasts at the pace of the last day; None without any spending."""
        spent = self.spent(now_ms)
        if not spent:
            return None
        span_ms = max(now_ms - self.entries[0][0], LEAST_SPAN_MS)
        return balance * span_ms // spent // 1000

    def _forget(self, now_ms: int) -> None:
        self.entries = [entry for entry in self.entries if entry[0] > now_ms - DAY_MS]
