"""Planted bugs: each breaks one rule of the machine or its host, and one checker must notice.

A checker that never fires proves nothing; `test_mutants.py` runs each of these until it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from metis_node.consensus.effects import Decide, Recorded, ReportEvidence
from metis_node.consensus.inputs import (
    HeightStarted,
    Input,
    MessageSigned,
    SigningRefused,
    Stalled,
    TimeoutElapsed,
    Verdict,
)
from metis_node.consensus.machine import ConsensusMachine
from metis_node.types.consensus import Evidence, Signed, Vote
from tests.sim.blocks import SimBlock
from tests.sim.node import Process
from tests.sim.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """`invariant` is that of the checker which must fire, in at most `seeds` runs of `scenario`."""

    name: str
    invariant: str
    scenario: Scenario
    machine: type[ConsensusMachine] = ConsensusMachine
    process: type[Process] = Process
    seeds: int = 40


CRASHES = Scenario(trouble_ms=20_000, crash=0.02, loss=0.05)
LOSSES = Scenario(trouble_ms=20_000, loss=0.3, deaf_kinds=0.3)
HIDDEN_LOCKS = Scenario(trouble_ms=40_000, loss=0.2, deaf_kinds=0.6, partition=0.3)
FOUR = Scenario()


class ForgetsItsLock(ConsensusMachine):
    """A driver that knows nothing of the rounds before, in each new round."""

    def _enter(self, round_number: int) -> None:
        if round_number and self._driver.locked is not None:
            self._forget(round_number)
        super()._enter(round_number)

    def _forget(self, round_number: int) -> None:
        driver: Any = self._new_driver(
            self.height,
            [(member.signer, member.power) for member in self._members],
            self._me or b"",
        )
        driver.new_round(0, self._members.proposer(0))
        everyone = [(1, None, member.signer, bytes(65)) for member in self._members]
        driver.round_votes(round_number, everyone)
        self._driver = driver


class Forgetful(Process):
    """Neither guard nor journal: amnesia at every start."""

    def __init__(self, node: Any) -> None:
        node.journal.truncate()
        super().__init__(node)

    def signed(self, message: Signed) -> MessageSigned | SigningRefused:
        signature = self.world.sign(self.node.place, message)
        return MessageSigned(message=replace(message, signature=signature))


class SendsBeforeItsJournal(Process):
    def flush(self) -> None:
        pass


class SignsBeforeItsJournal(Process):
    """The guard is raised for a message whose causes a crash still can take away."""

    def signed(self, message: Signed) -> MessageSigned | SigningRefused:
        flush, self.flush = self.flush, lambda: None  # type: ignore[method-assign]
        try:
            return super().signed(message)
        finally:
            self.flush = flush  # type: ignore[method-assign]


class BelievesEveryBlock(Process):
    def judge(self, block: SimBlock) -> Verdict:
        super().judge(block)
        return Verdict.VALID


class BelievesNoBlock(Process):
    def judge(self, block: SimBlock) -> Verdict:
        return Verdict.INVALID if self.node.name == "0" else super().judge(block)


class DropsSignatures(ConsensusMachine):
    """Keeps a certificate of exactly 2/3, or less."""

    def _emit(self, effect: Any) -> None:
        if isinstance(effect, Decide):
            whole = effect.certificate
            half = whole.signatures[: len(self._members) // 2]
            effect = replace(effect, certificate=replace(whole, signatures=half))
        super()._emit(effect)


class LosesItsHead(Process):
    """What it committed was not on disk."""

    def __init__(self, node: Any) -> None:
        if len(node.chain) > 1:
            node.chain.pop()
        super().__init__(node)


class TurnsByCertificate(Process):
    """Takes the next turn from a certificate's round, which is no fact of the chain."""

    def height_started(self, height: int) -> HeightStarted:
        started = super().height_started(height)
        certificate = self.node.chain[-1].certificate
        if certificate is None:
            return started
        base = (started.base + certificate.round + 1) % len(started.order)
        return replace(started, base=base)


class NeverRepeats(Process):
    def feed(self, fact: Input) -> None:
        if not isinstance(fact, Stalled):
            super().feed(fact)


class RecordsNoTimeouts(ConsensusMachine):
    def _record(self, entry: Recorded) -> None:
        if not isinstance(entry, TimeoutElapsed):
            super()._record(entry)


class OverlooksEquivocation(ConsensusMachine):
    def _on_repeated(self, first: Vote, vote: Vote) -> None:
        pass


class AccusesRepetition(ConsensusMachine):
    def _on_repeated(self, first: Vote, vote: Vote) -> None:
        self._emit(ReportEvidence(evidence=Evidence(first=first, second=vote)))


MUTANTS: Sequence[Mutant] = (
    Mutant(
        name="forgets its lock",
        invariant="agreement",
        scenario=HIDDEN_LOCKS,
        machine=ForgetsItsLock,
        seeds=400,
    ),
    Mutant(
        name="neither guard nor journal",
        invariant="no double signature",
        scenario=CRASHES,
        process=Forgetful,
    ),
    Mutant(
        name="sends before its journal is on disk",
        invariant="journal first",
        scenario=FOUR,
        process=SendsBeforeItsJournal,
    ),
    Mutant(
        name="signs before its journal is on disk",
        invariant="signing goes on",
        scenario=replace(CRASHES, crash=0.03),
        process=SignsBeforeItsJournal,
        seeds=100,
    ),
    Mutant(
        name="believes every block",
        invariant="validity",
        scenario=replace(FOUR, bad_builders=frozenset({0})),
        process=BelievesEveryBlock,
    ),
    Mutant(
        name="believes no block",
        invariant="no halt",
        scenario=FOUR,
        process=BelievesNoBlock,
    ),
    Mutant(
        name="drops signatures of a certificate",
        invariant="certificates",
        scenario=FOUR,
        machine=DropsSignatures,
    ),
    Mutant(
        name="loses its head",
        invariant="heads grow",
        scenario=replace(FOUR, kill=0.1),
        process=LosesItsHead,
    ),
    Mutant(
        name="takes turns from certificates",
        invariant="turns",
        scenario=FOUR,
        process=TurnsByCertificate,
    ),
    Mutant(
        name="never repeats itself",
        invariant="liveness",
        scenario=LOSSES,
        process=NeverRepeats,
    ),
    Mutant(
        name="records no time-outs",
        invariant="replay",
        scenario=LOSSES,
        machine=RecordsNoTimeouts,
    ),
    Mutant(
        name="overlooks equivocation",
        invariant="accountability",
        scenario=replace(FOUR, forgers=frozenset({0})),
        machine=OverlooksEquivocation,
    ),
    Mutant(
        name="takes repetition for equivocation",
        invariant="evidence",
        scenario=replace(FOUR, duplicate=0.3),
        machine=AccusesRepetition,
    ),
)
