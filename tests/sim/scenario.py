"""What goes wrong in a run: probabilities and players, drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

MAX_VALIDATORS = 7
EPOCH_LENGTH = 8  # heights; the order changes with each
BLOCK_TIME_MS = 1_000
SKEW_MS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Probabilities are per message, per write or per second of one node, as named."""

    powers: tuple[int, ...] = (1, 1, 1, 1)
    trouble_ms: int = 20_000  # how long faults go on; then everything heals
    heights_after: int = 3  # that must be decided then

    delay_ms: tuple[int, int] = (5, 60)
    loss: float = 0.0  # per message
    duplicate: float = 0.0  # per message
    slow_message: float = 0.0  # per message: seconds late, hence out of order
    deaf_kinds: float = 0.0  # per second and node: one kind of message is lost for some seconds
    partition: float = 0.0  # per second
    freeze: float = 0.0  # per second and node: stopped for seconds, then all timers at once
    crash: float = 0.0  # per write to a journal or guard
    kill: float = 0.0  # per second and node
    skews_ms: tuple[int, ...] = ()  # per node
    late_build: float = 0.0  # per block: later than its time-out
    hasty: float = 0.0  # per propose time-out: ends early, the proposer being thought gone or slow
    yields: float = 0.0  # per second and node
    halt_ms: int = 0  # nothing runs for so long, in the middle

    twins: frozenset[int] = field(default_factory=frozenset)  # a key in two machines at once
    forgers: frozenset[int] = field(default_factory=frozenset)  # random signed messages
    bad_builders: frozenset[int] = field(default_factory=frozenset)  # blocks of a wrong root
    silent: frozenset[int] = field(default_factory=frozenset)

    @property
    def byzantine(self) -> frozenset[int]:
        return self.twins | self.forgers | self.bad_builders | self.silent

    @property
    def size(self) -> int:
        return len(self.powers)

    def tolerates(self) -> bool:
        """Whether less than a third of the power is Byzantine."""
        bad = sum(self.powers[who] for who in self.byzantine)
        return 3 * bad < sum(self.powers)


def drawn(random: Random) -> Scenario:
    """A mixture of faults that the protocol must withstand."""
    size = random.choice((1, 2, 3, 4, 4, 4, 5, 7))
    powers = tuple(random.choice((1, 1, 1, 2, 3)) for _ in range(size))
    scenario = _with_faults(Scenario(powers=powers), random)
    return _with_traitors(scenario, random)


def _with_faults(scenario: Scenario, random: Random) -> Scenario:
    def maybe(chance: float, worst: float) -> float:
        return random.uniform(0, worst) if random.random() < chance else 0.0

    size = scenario.size
    skewed = random.random() < 0.25
    return replace(
        scenario,
        trouble_ms=random.choice((8_000, 15_000, 25_000)),
        loss=maybe(0.5, 0.3),
        duplicate=maybe(0.4, 0.3),
        slow_message=maybe(0.3, 0.1),
        deaf_kinds=maybe(0.4, 0.2),
        partition=maybe(0.4, 0.3),
        freeze=maybe(0.25, 0.05),
        crash=maybe(0.5, 0.01),
        kill=maybe(0.3, 0.05),
        skews_ms=tuple(random.randrange(SKEW_MS) for _ in range(size)) if skewed else (),
        late_build=maybe(0.3, 0.3),
        yields=maybe(0.2, 0.1),
        hasty=maybe(0.25, 0.3),
        halt_ms=36_000_000 if random.random() < 0.05 else 0,
    )


def _with_traitors(scenario: Scenario, random: Random) -> Scenario:
    """As many as less than a third of the power allows, half of the time."""
    if random.random() < 0.5:
        return scenario
    kinds = ("twins", "forgers", "bad_builders", "silent")
    for who in random.sample(range(scenario.size), scenario.size):
        kind = random.choice(kinds)
        more = replace(scenario, **{kind: getattr(scenario, kind) | {who}})
        if more.tolerates():
            scenario = more
    return scenario
