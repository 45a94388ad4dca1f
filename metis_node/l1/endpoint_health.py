"""How an L1 endpoint has behaved, and when to ask it again. Times are the event loop's, in seconds.

Failover is fast and the way back is slow: one failure puts an endpoint behind the others for a time
that doubles. One that asks for patience is left alone for as long as it asks.
"""

from __future__ import annotations

from dataclasses import dataclass

BACK_OFF_FIRST_S = 2.0
BACK_OFF_MOST_S = 300.0
JITTER = 0.25  # of every back-off, so that nodes do not come back all at once
LAG_BLOCKS = 5  # behind what the others agree on: a minute of Ethereum


@dataclass(slots=True, kw_only=True)
class Health:
    """`chance` arguments are uniform in -1..1; they spread the back-offs."""

    failures: int = 0  # in a row
    retry_at: float = 0.0  # before which others are asked first
    limited_until: float = 0.0  # before which it is not asked at all
    limits: int = 0  # times that it asked for patience
    limits_in_row: int = 0
    head: int | None = None  # newest block that it showed
    lag: int = 0  # blocks behind what was agreed on last
    disagreements: int = 0  # times that most others said otherwise
    disagrees: bool = False  # the last time that it was compared
    is_checked: bool = False  # its chain and genesis were asked and are right
    refused: str = ""  # why it is never asked again
    trouble: str = ""  # its last failure

    def on_success(self) -> None:
        self.failures, self.retry_at, self.limits_in_row, self.trouble = 0, 0.0, 0, ""

    def on_failure(self, reason: str, *, now: float, chance: float) -> None:
        self.failures += 1
        self.trouble = reason
        self.retry_at = now + _back_off(self.failures, chance)

    def on_limit(self, reason: str, asked_s: float | None, *, now: float, chance: float) -> None:
        """`asked_s` is what its answer asks for, if anything."""
        self.limits += 1
        self.limits_in_row += 1
        self.trouble = reason
        patience = _back_off(self.limits_in_row, chance)
        if asked_s is not None:
            patience = max(patience, min(asked_s, BACK_OFF_MOST_S))
        self.limited_until = now + patience

    def on_compared(self, *, agrees: bool) -> bool:
        """Whether this is news."""
        self.disagreements += not agrees
        is_news = self.disagrees == agrees
        self.disagrees = not agrees
        return is_news

    def on_head(self, number: int, *, agreed: int) -> None:
        self.head = number
        self.lag = max(agreed - number, 0)

    def may_be_asked(self, now: float) -> bool:
        return not self.refused and now >= self.limited_until

    def is_good(self, now: float) -> bool:
        """Worth a vote: it neither failed lately nor asked for patience."""
        return self.may_be_asked(now) and now >= self.retry_at

    def rank(self, now: float) -> tuple[bool, float, bool]:
        """For sorting: who is asked first."""
        return self.disagrees, max(self.retry_at - now, 0.0), self.lag > LAG_BLOCKS

    def state(self, now: float) -> str:
        """One word for an operator."""
        if self.refused:
            return "refused"
        if now < self.limited_until:
            return "limited"
        if self.failures:
            return "failing"
        if self.disagrees:
            return "disagreeing"
        if self.lag > LAG_BLOCKS:
            return "lagging"
        return "good" if self.is_checked else "unused"


def _back_off(times: int, chance: float) -> float:
    delay = min(BACK_OFF_FIRST_S * 2.0 ** min(times - 1, 16), BACK_OFF_MOST_S)
    return delay * (1 + JITTER * chance)
