"""Who hears what, and when. Links join processes; a key with two processes has two of each."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.sim.scenario import Scenario

STRAGGLE_MS = (500, 8_000)
SPLIT_MS = (1_000, 10_000)
DEAF_MS = (1_000, 8_000)
TWIN_LINK = 0.6  # of the links between a twin and the others that are up
TWIN_RELINK_MS = 3_000
KINDS = ("prevote", "precommit", "proposal", "polka", "round", "decided")


@dataclass(frozen=True, slots=True)
class Envelope:
    """`kind` is one of KINDS, or `yield`, `status`, `request`, `body`."""

    kind: str
    payload: bytes
    block: bytes = b""  # of a proposal or decided block


class Network:
    """Faults of the wire. `healed` ends them all but the twins' double life."""

    def __init__(self, scenario: Scenario, random: Random, counts: dict[str, int]) -> None:
        self._scenario = scenario
        self._random = random
        self._counts = counts
        self._groups: dict[str, int] = {}
        self._split_until = 0
        self._deaf: dict[tuple[str, str], int] = {}
        self._twin_links: dict[tuple[str, str], bool] = {}
        self._relink_at = 0
        self.healed = False

    def arrivals(self, source: str, target: str, envelope: Envelope, now: int) -> list[int]:
        """Delays of the copies that arrive, in milliseconds."""
        if not self._is_linked(source, target, now):
            return []
        if self.healed:
            return [self._delay()]
        if self._is_cut(source, target, now) or self._deaf.get((target, envelope.kind), 0) > now:
            self._counts["cut off"] += 1
            return []
        if self._random.random() < self._scenario.loss:
            self._counts["lost"] += 1
            return []
        delays = [self._delay()]
        if self._random.random() < self._scenario.duplicate:
            self._counts["duplicated"] += 1
            delays.append(self._delay() + self._random.randrange(2_000))
        if self._random.random() < self._scenario.slow_message:
            self._counts["reordered"] += 1
            delays[0] += self._random.randrange(*STRAGGLE_MS)
        return delays

    def each_second(self, processes: list[str], now: int) -> None:
        """New partitions and deaf ears."""
        if self.healed:
            return
        if self._split_until <= now and self._random.random() < self._scenario.partition:
            self._counts["partitions"] += 1
            self._split_until = now + self._random.randrange(*SPLIT_MS)
            self._groups = {name: self._random.randrange(2) for name in processes}
        for name in processes:
            if self._random.random() < self._scenario.deaf_kinds:
                self._counts["deaf to one kind"] += 1
                until = now + self._random.randrange(*DEAF_MS)
                self._deaf[name, self._random.choice(KINDS)] = until

    def _is_cut(self, source: str, target: str, now: int) -> bool:
        if self._split_until <= now:
            return False
        return self._groups.get(source) != self._groups.get(target)

    def _is_linked(self, source: str, target: str, now: int) -> bool:
        """A twin is linked with some only, and with changing ones."""
        if source[-1].isdigit() and target[-1].isdigit():
            return True
        if now >= self._relink_at:
            self._twin_links.clear()
            self._relink_at = now + TWIN_RELINK_MS
        link = (min(source, target), max(source, target))
        if link not in self._twin_links:
            self._twin_links[link] = self._random.random() < TWIN_LINK
        return self._twin_links[link]

    def _delay(self) -> int:
        return self._random.randrange(*self._scenario.delay_ms)
