"""Tendermint as its paper has it (arXiv:1807.04938, algorithm 1), slow and plain: a log of what
came in, and rules that are tried until none applies. "L22" is line 22 there.

Host rules beside the paper: the first vote of a validator counts, two proposals of a round are
kept and more where a quorum wants them, certificates stand for a quorum, and a round is entered
when its proposer is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.unit.bft.scenario import PRECOMMIT, PREVOTE, Outputs

Place = tuple[int, bytes]


@dataclass(slots=True)
class Proposed:
    value: bytes
    pol: int
    valid: bool


class Paper:
    """One validator's view of one height. Values are hashes, validators their places."""

    def __init__(self, powers: Sequence[int], me: int) -> None:
        self.powers = powers
        self.me = me
        self.round = -1
        self.step = "unstarted"
        self.locked: Place | None = None
        self.valid: Place | None = None
        self.decided: Place | None = None
        self._proposals: dict[int, list[Proposed]] = defaultdict(list)
        self._votes: dict[tuple[int, int], dict[int, bytes | None]] = defaultdict(dict)
        self._polkas: set[Place] = set()
        self._commits: set[Place] = set()
        self._timers: set[tuple[int, int]] = set()
        self._outputs: Outputs = []

    # --- inputs --------------------------------------------------------------------------------

    def begin(self, round: int, proposer: int) -> Outputs:
        """L11."""
        self.round, self.step = round, "propose"
        if proposer != self.me:
            self._timer(0)
        elif self.valid is not None:
            self._outputs.append(("propose", round, self.valid[1], self.valid[0]))
        else:
            self._timer(0)
            self._outputs.append(("get_value", round))
        return self._settled()

    def proposal(self, round: int, value: bytes, pol: int, *, valid: bool) -> Outputs:
        kept = self._proposals[round]
        for one in kept:
            if (one.value, one.pol) == (value, pol):
                one.valid = one.valid or valid
                return self._settled()
        wanted = self.has_polka(round, value) or self._is_committed(round, value)
        if len(kept) < 2 or (wanted and len(kept) < 4):
            kept.append(Proposed(value, pol, valid))
        return self._settled()

    def vote(self, kind: int, round: int, who: int, value: bytes | None) -> Outputs:
        self._votes[kind, round].setdefault(who, value)
        return self._settled()

    def polka(self, round: int, value: bytes) -> Outputs:
        self._polkas.add((round, value))
        return self._settled()

    def commit(self, round: int, whose: Sequence[int], value: bytes) -> Outputs:
        self._commits.add((round, value))
        if round > self.round and not self._to_decide():
            for who in whose:
                self._votes[PRECOMMIT, round].setdefault(who, value)
        return self._settled()

    def timeout(self, kind: int, round: int) -> Outputs:
        if round != self.round or self.step == "commit":
            return []
        if kind == 0 and self.step == "propose":  # L57
            self._prevote(None)
        elif kind == 1 and self.step == "prevote":  # L61
            self._precommit(None)
        elif kind == 2:  # L65
            self._leave_for(round + 1)
        return self._settled()

    # --- rules ---------------------------------------------------------------------------------

    def _settled(self) -> Outputs:
        while self._apply_one():
            pass
        outputs, self._outputs = self._outputs, []
        return outputs

    def _apply_one(self) -> bool:
        if self.step in ("unstarted", "commit"):
            return False
        rules = (self._decide, self._skip, self._propose_step, self._prevote_step, self._later)
        return any(rule() for rule in rules)

    def _decide(self) -> bool:
        """L49."""
        found = self._to_decide()
        if not found:
            return False
        self.decided, self.step = found, "commit"
        self._outputs.append(("decide", self.round, *found))
        return True

    def _to_decide(self) -> Place | None:
        for round, proposals in self._proposals.items():
            for one in proposals:
                place = (round, one.value)
                if one.valid and self._is_committed(*place):
                    return place
        return None

    def _skip(self) -> bool:
        """L55: whoever voted in a later round, by either vote, counts once."""
        rounds = {round for _, round in self._votes if round > self.round}
        for round in sorted(rounds):
            there = {*self._votes[PREVOTE, round], *self._votes[PRECOMMIT, round]}
            if 3 * sum(self.powers[who] for who in there) > sum(self.powers):
                self._leave_for(round)
                return True
        return False

    def _leave_for(self, round: int) -> None:
        self.round, self.step = round, "unstarted"
        self._outputs.append(("new_round", round))

    def _propose_step(self) -> bool:
        if self.step != "propose":
            return False
        for one in self._proposals[self.round]:
            if one.pol == -1:  # L22
                free = self.locked is None or self.locked[1] == one.value
                self._prevote(one.value if one.valid and free else None)
                return True
            if one.pol < self.round and self.has_polka(one.pol, one.value):  # L28
                free = (
                    self.locked is None or self.locked[0] <= one.pol or self.locked[1] == one.value
                )
                self._prevote(one.value if one.valid and free else None)
                return True
        return False

    def _prevote_step(self) -> bool:
        if self.step != "prevote":
            return False
        for one in self._proposals[self.round]:
            if one.valid and self.has_polka(self.round, one.value):  # L36
                self.locked = self.valid = (self.round, one.value)
                self._precommit(one.value)
                return True
        if self._is_quorum(PREVOTE, self.round, None):  # L44
            self._precommit(None)
            return True
        return self._is_any(PREVOTE) and self._timer(1)  # L34

    def _later(self) -> bool:
        if self.step == "precommit":
            for one in self._proposals[self.round]:  # L36, L42
                place = (self.round, one.value)
                first = self.valid is None or self.valid[0] < self.round
                if first and one.valid and self.has_polka(*place):
                    self.valid = place
                    return True
        certified = any(round == self.round for round, _ in self._commits)
        return (certified or self._is_any(PRECOMMIT)) and self._timer(2)  # L47

    def _prevote(self, value: bytes | None) -> None:
        self.step = "prevote"
        self._outputs.append(("vote", PREVOTE, self.round, value))

    def _precommit(self, value: bytes | None) -> None:
        self.step = "precommit"
        self._outputs.append(("vote", PRECOMMIT, self.round, value))

    def _timer(self, kind: int) -> bool:
        """Once per round and kind."""
        if (kind, self.round) in self._timers:
            return False
        self._timers.add((kind, self.round))
        self._outputs.append(("timeout", kind, self.round))
        return True

    def has_polka(self, round: int, value: bytes) -> bool:
        return (round, value) in self._polkas or self._is_quorum(PREVOTE, round, value)

    def _is_committed(self, round: int, value: bytes) -> bool:
        """The votes of a later round open it first (L55), and decide there."""
        voted = round <= self.round and self._is_quorum(PRECOMMIT, round, value)
        return voted or (round, value) in self._commits

    def _is_quorum(self, kind: int, round: int, value: bytes | None) -> bool:
        votes = self._votes.get((kind, round), {})
        power = sum(self.powers[who] for who, said in votes.items() if said == value)
        return 3 * power > 2 * sum(self.powers)

    def _is_any(self, kind: int) -> bool:
        votes = self._votes.get((kind, self.round), {})
        return 3 * sum(self.powers[who] for who in votes) > 2 * sum(self.powers)
