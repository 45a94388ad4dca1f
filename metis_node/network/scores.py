"""What peers did wrong, added up and forgiven with time; at 100 points comes a ban.

Time is wall clock in seconds, because bans outlive the process.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

from metis_node.network.limits import BAN_POINTS, BAN_S, FORGIVEN_PER_SECOND, MAX_BANS
from metis_node.types.network import Offence, PeerId

MAX_SCORED = 4_096  # peer ids are free to invent


class Misdeed(Enum):
    """What the network itself sees a peer do."""

    TOO_FAST = "too fast"  # one message over its rate
    OVERSIZE = "oversize"
    FLOOD = "flood"  # the stream as a whole is over its rate


POINTS: dict[Offence | Misdeed, float] = {
    Offence.USELESS: 0.5,
    Offence.FAILED: 5.0,
    Offence.MALFORMED: 25.0,
    Offence.FORGED: 100.0,
    Misdeed.TOO_FAST: 0.5,  # 200 messages over the rate
    Misdeed.OVERSIZE: 25.0,
    Misdeed.FLOOD: 100.0,
}


class Scores:
    """Points by peer, and bans until when and why."""

    def __init__(self) -> None:
        self._points: OrderedDict[PeerId, tuple[float, float]] = OrderedDict()  # points, at
        self._bans: OrderedDict[PeerId, tuple[float, str]] = OrderedDict()  # until, why

    def blame(self, peer: PeerId, deed: Offence | Misdeed, now: float) -> bool:
        """Add to a peer's points; True if this is what gets it banned."""
        if self.banned(peer, now):
            return False
        points = self.points(peer, now) + POINTS[deed]
        if points < BAN_POINTS:
            self._points[peer] = (points, now)
            self._points.move_to_end(peer)
            if len(self._points) > MAX_SCORED:
                self._points.popitem(last=False)
            return False
        self._points.pop(peer, None)
        self.ban(peer, until=now + BAN_S, why=deed.value)
        return True

    def points(self, peer: PeerId, now: float) -> float:
        points, at = self._points.get(peer, (0.0, now))
        return max(0.0, points - max(0.0, now - at) * FORGIVEN_PER_SECOND)

    def ban(self, peer: PeerId, *, until: float, why: str) -> None:
        self._bans[peer] = (until, why)
        self._bans.move_to_end(peer)
        if len(self._bans) > MAX_BANS:
            self._bans.popitem(last=False)

    def banned(self, peer: PeerId, now: float) -> str:
        """Why a peer is banned; empty if it is not, or no longer."""
        until, why = self._bans.get(peer, (0.0, ""))
        # A clock that was set back must not make a ban endless.
        if now < until <= now + 2 * BAN_S:
            return why
        self._bans.pop(peer, None)
        return ""

    def bans(self, now: float) -> dict[PeerId, tuple[float, str]]:
        """All bans in force: until when, and why."""
        return {peer: ban for peer, ban in list(self._bans.items()) if self.banned(peer, now)}
