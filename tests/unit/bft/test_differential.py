"""The driver beside the paper's algorithm, under random inputs: equal states and equal answers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.unit.bft.paper import Paper
from tests.unit.bft.scenario import PRECOMMIT, PREVOTE, Height, Outputs, V, W, X

HEIGHTS = 400  # per chunk
INPUTS = 60
VALUES = (V, W, X)
Pair = tuple[Outputs, Outputs]


class Both:
    """One random height, told to the driver and to the paper."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.powers = tuple(random.choice((1, 1, 2, 3)) for _ in range(random.choice((1, 3, 4, 5))))
        self.me = random.randrange(len(self.powers))
        self.driver = Height(self.powers, self.me)
        self.paper = Paper(self.powers, self.me)
        self.proposers = [random.randrange(len(self.powers)) for _ in range(400)]
        self.validity = {value: random.random() < 0.8 for value in VALUES}
        self.own: list[tuple[int, int, bytes | None]] = []
        self.certified: set[int] = set()
        self.started: set[tuple[object, ...]] = set()
        self.story: list[str] = []

    def run(self) -> None:
        self.tell(
            "begin 0",
            (self.driver.begin(0, self.proposers[0]), self.paper.begin(0, self.proposers[0])),
        )
        actions: list[Callable[[], None]] = [self.vote, self.vote, self.vote, self.vote]
        actions += [self.proposal, self.proposal, self.timeout, self.own_vote, self.own_vote]
        actions += [self.certificate]
        for _ in range(INPUTS):
            self.random.choice(actions)()

    def tell(self, words: str, answers: Pair) -> None:
        driver, paper = answers
        self.story.append(f"{words}: {driver}")
        self.timers(driver, paper)
        assert acts(driver) == acts(paper), self.told(paper)
        self.compare()
        for output in driver:
            match output:
                case ("vote", int(kind), int(round), value):
                    assert value is None or isinstance(value, bytes)
                    self.own.append((kind, round, value))
                case ("new_round", int(round)):
                    self.begin(round)

    def begin(self, round: int) -> None:
        proposer = self.proposers[round]
        answers = (self.driver.begin(round, proposer), self.paper.begin(round, proposer))
        self.tell(f"begin {round} of {proposer}", answers)

    def timers(self, driver: Outputs, paper: Outputs) -> None:
        """None of the paper's may be missing. The driver may start one for a step that it leaves in
        the same breath. Whether a polka certificate without its votes starts the prevote timer
        depends on when it comes; the votes, which are repeated, start it anyhow."""
        self.started.update(output for output in driver if output[0] == "timeout")
        for timer in paper:
            if timer[0] == "timeout" and (timer[1] != 1 or timer[2] not in self.certified):
                assert timer in self.started, self.told(paper)

    def compare(self) -> None:
        driver, paper = self.driver.driver, self.paper
        theirs = (driver.round, driver.step, driver.locked, driver.valid, driver.decided)
        ours = (paper.round, paper.step, paper.locked, paper.valid, paper.decided)
        assert theirs == ours, self.told(ours)

    def told(self, paper: object) -> str:
        facts = f"powers {self.powers}, me {self.me}, validity {self.validity}"
        return "\n".join([facts, *self.story, f"paper: {paper}"])

    def near(self) -> int:
        return max(0, self.paper.round + self.random.choice((-2, -1, 0, 0, 0, 0, 0, 1, 2)))

    def vote(self) -> None:
        kind, round = self.random.choice((PREVOTE, PRECOMMIT)), self.near()
        who = self.random.randrange(len(self.powers))
        value = self.random.choice((V, V, V, W, None))
        if who == self.me:
            return
        if value == W and (kind == PRECOMMIT or round in self.certified):
            value = V  # no round has two polkas, and no height two commits
        answers = (
            self.driver.vote(kind, round, who, value),
            self.paper.vote(kind, round, who, value),
        )
        self.tell(f"vote {kind} {round} of {who} {value!r:.4}", answers)

    def own_vote(self) -> None:
        """What the driver asked for comes back, sooner or later."""
        if not self.own:
            return
        kind, round, value = self.own.pop(0)
        answers = (
            self.driver.vote(kind, round, self.me, value),
            self.paper.vote(kind, round, self.me, value),
        )
        self.tell(f"own vote {kind} {round} {value!r:.4}", answers)

    def proposal(self) -> None:
        round = self.near()
        value = self.random.choice((V, V, W, X))
        pol = self.random.choice((-1, self.random.randrange(-1, round) if round else -1))
        valid = self.validity[value]
        answers = (
            self.driver.proposal(round, self.proposers[round], value, pol=pol, valid=valid),
            self.paper.proposal(round, value, pol, valid=valid),
        )
        self.tell(f"proposal {round} {value!r:.4} pol {pol} {valid}", answers)

    def timeout(self) -> None:
        kind, round = self.random.randrange(3), self.near()
        if self.random.random() < 0.6:
            return
        answers = (self.driver.timeout(kind, round), self.paper.timeout(kind, round))
        self.tell(f"timeout {kind} {round}", answers)

    def certificate(self) -> None:
        """Of a quorum, at random."""
        if self.random.random() < 0.7:
            return
        round, value = self.near(), V
        whose = [who for who in range(len(self.powers)) if who != self.me]
        is_quorum = 3 * sum(self.powers[who] for who in whose) > 2 * sum(self.powers)
        if not is_quorum or self.paper.has_polka(round, W):
            return
        if self.random.random() < 0.7:
            self.certified.add(round)
            answers = (self.driver.polka(round, whose, value), self.paper.polka(round, value))
            self.tell(f"polka {round} {value!r:.4}", answers)
        else:
            answers = (
                self.driver.commit(round, whose, V),
                self.paper.commit(round, whose, V),
            )
            self.tell(f"commit {round}", answers)


def acts(outputs: Outputs) -> Outputs:
    """All but timers; of a decision and a vote in one breath, the decision."""
    decisions = [output for output in outputs if output[0] == "decide"]
    return decisions or [output for output in outputs if output[0] != "timeout"]


@pytest.mark.parametrize("chunk", range(5))
def test_driver_and_paper_agree(chunk: int) -> None:
    for seed in range(chunk * HEIGHTS, (chunk + 1) * HEIGHTS):
        Both(seed).run()
