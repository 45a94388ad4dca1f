"""The consensus machine: Tendermint's agreement, height after height, around the native driver.

One input in, a list of effects out. The driver decides what to vote (arXiv:1807.04938); here is
what it leaves to its host: whose turn a round is, which messages may reach it and within what
bounds, what is recorded before it is fed, what is said again while a height stands, certificates,
evidence, hand-over, and the replay of a journal. Rules C1 to C26 of `docs/protocol/consensus.md`.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from metis_node._native import BftDriver
from metis_node.consensus.certificates import (
    InvalidCertificate,
    check_certificate,
    check_round_certificate,
)
from metis_node.consensus.effects import (
    Abstain,
    Broadcast,
    BuildBlock,
    CancelBuild,
    Decide,
    Effect,
    EnterRound,
    Halt,
    Record,
    Recorded,
    RefuseMessage,
    ReportEvidence,
    ScheduleTimeout,
    Sign,
    ValidateBlock,
)
from metis_node.consensus.inputs import (
    BlockBuilt,
    BlockValidated,
    CertificateReceived,
    HeightStarted,
    Input,
    MessageSigned,
    ProposalReceived,
    ReplayEnded,
    RoundCertificateReceived,
    SigningRefused,
    Stalled,
    TimeoutElapsed,
    Verdict,
    VoteReceived,
    YieldReceived,
    YieldRequested,
)
from metis_node.consensus.members import Members
from metis_node.consensus.proofs import polka_of, round_certificate_of, signed_by
from metis_node.consensus.replay import Held
from metis_node.consensus.tally import Tally
from metis_node.consensus.timeouts import Step, duration_ms
from metis_node.consensus.waiting_room import CERTIFICATES, Waiting, WaitingRoom
from metis_node.types.consensus import (
    NO_ROUND,
    Certificate,
    Evidence,
    Message,
    Proposal,
    Signed,
    Vote,
    VoteKind,
    Yield,
)
from metis_node.types.primitives import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from metis_node.types.rules import Timeouts

MAX_ROUNDS_AHEAD = 64  # C8: single messages; beyond, only a certificate of the round leads there
MAX_PROPOSALS_PER_ROUND = 2  # the second is evidence, and may be the one that others vote for
SLOW_BUILDER_SHARE = 4  # a slow builder's round 0 has this part of the propose time-out

Outputs = list[Any]


class DriverFactory(Protocol):
    """Makes the driver of one height. Replaced in tests of the checkers alone."""

    def __call__(
        self, height: int, validators: list[tuple[bytes, int]], me: bytes
    ) -> BftDriver: ...


class ConsensusMachine:
    """See the module. `step` is the only way in."""

    def __init__(
        self,
        *,
        me: Address | None,
        timeouts: Timeouts,
        is_replaying: bool = False,
        new_driver: DriverFactory = BftDriver,
    ) -> None:
        """`me` None: watch, and sign nothing. `is_replaying`: the first height's journal is fed
        next, up to ReplayEnded."""
        self._me = me
        self._timeouts = timeouts
        self._new_driver = new_driver
        self._replaying = is_replaying
        self._effects: list[Effect] = []
        self._held = Held()
        self._inputs: deque[Input] = deque()
        self._waiting = WaitingRoom()
        self._yield_next = False
        self.height = 0

    # --- the way in ----------------------------------------------------------------------------

    def step(self, fact: Input) -> list[Effect]:
        """What follows from `fact`. A `Sign` in it is answered before anything else comes in."""
        self._inputs.append(fact)
        while self._inputs:
            self._on(self._inputs.popleft())
        effects, self._effects = self._effects, []
        return effects

    @property
    def round(self) -> int:
        """-1 before the first height."""
        return self._driver.round if self.height else NO_ROUND

    @property
    def is_decided(self) -> bool:
        return self._decided

    @property
    def members(self) -> Members:
        return self._members

    @property
    def locked(self) -> tuple[int, bytes] | None:
        """Round and hash of the block this node is locked on."""
        return self._driver.locked

    def _on(self, fact: Input) -> None:
        match fact:
            case HeightStarted():
                self._on_height_started(fact)
            case ReplayEnded():
                self._on_replay_ended()
            case YieldRequested():
                self._on_yield_requested()
            case SigningRefused():
                self._on_signing_refused(fact)
            case MessageSigned():
                self._on_message_signed(fact)
            case (
                VoteReceived()
                | ProposalReceived()
                | YieldReceived()
                | CertificateReceived()
                | RoundCertificateReceived()
            ):
                self._on_message(fact)
            case _ if fact.height != self.height or self._decided:
                pass  # an answer or a timer of a height that is over
            case BlockValidated():
                self._on_block_validated(fact)
            case BlockBuilt():
                self._on_block_built(fact)
            case TimeoutElapsed():
                self._on_timeout_elapsed(fact)
            case Stalled():
                self._repeat()

    # --- heights and rounds --------------------------------------------------------------------

    def _on_height_started(self, fact: HeightStarted) -> None:
        assert fact.height > self.height, "heights only grow"
        self.height = fact.height
        self._members = Members(fact.order, fact.base)
        self._is_slow_builder = fact.is_slow_builder
        self._decided = False
        self._tally = Tally(self._members)
        self._proposals: dict[int, list[Proposal]] = {}
        self._verdicts: dict[Hash32, Verdict] = {}
        self._asked: set[Hash32] = set()  # blocks under validation
        self._built: Hash32 | None = None
        self._own: dict[tuple[int, type[Signed], int], Signed] = {}
        self._yields: set[int] = set()  # rounds whose proposer lets them pass
        self._polkas: dict[tuple[int, Hash32], Certificate] = {}
        self._driver = self._new_driver(
            fact.height,
            [(member.signer, member.power) for member in self._members],
            self._me or ZERO_ADDRESS,
        )
        if self._yield_next and self._members.proposer(0) == self._me:
            self._yield_round(0)
        self._yield_next = False  # of a turn that went by another way
        self._enter(0)
        self._inputs.extend(self._waiting.take(fact.height))

    def _enter(self, round_number: int) -> None:
        """C5: the driver stands at a round and waits to be told whose turn it is."""
        proposer = self._members.proposer(round_number)
        self._emit(EnterRound(height=self.height, round=round_number, proposer=proposer))
        if round_number > 0:
            self._say_how_entered(round_number)
        self._perform(self._driver.new_round(round_number, proposer))

    def _say_how_entered(self, round_number: int) -> None:
        certificate = round_certificate_of(self._driver, self.height)
        if certificate is not None and certificate.enter_round == round_number:
            self._emit(Broadcast(message=certificate))

    def _perform(self, outputs: Outputs) -> None:
        """Everything the driver asks for, in its order, nested answers first."""
        for output in outputs:
            match output:
                case ("new_round", number):
                    self._enter(number)
                case ("get_value", number):
                    self._on_value_wanted(number)
                case ("propose", number, value, polka_round):
                    self._sign_proposal(number, Hash32(value), polka_round)
                case ("vote", kind, number, value):
                    self._sign_vote(VoteKind(kind), number, value)
                case ("timeout", step, number):
                    self._on_timeout_wanted(Step(step), number)
                case ("decide", current, committed, value):
                    self._on_decided(current, committed, Hash32(value))
                case _:
                    raise AssertionError(f"the driver asks for {output!r}")

    def _on_timeout_wanted(self, step: Step, round_number: int) -> None:
        elapsed = TimeoutElapsed(height=self.height, round=round_number, step=step)
        if step is Step.PROPOSE and round_number in self._yields:
            self._inputs.append(elapsed)
            return
        delay = duration_ms(self._timeouts, step, round_number)
        if step is Step.PROPOSE and round_number == 0 and self._is_slow_builder:
            delay //= SLOW_BUILDER_SHARE
        self._emit(
            ScheduleTimeout(height=self.height, round=round_number, step=step, delay_ms=delay)
        )

    def _on_timeout_elapsed(self, fact: TimeoutElapsed) -> None:
        if fact.round != self._driver.round:
            return
        self._record(fact)
        self._perform(self._driver.timeout(fact.step, fact.round))

    def _on_decided(self, current: int, committed: int, block_hash: Hash32) -> None:
        signatures = self._driver.precommits(committed, block_hash)
        certificate = Certificate(
            kind=VoteKind.PRECOMMIT,
            height=self.height,
            round=committed,
            block_hash=block_hash,
            signatures=signed_by(signatures),
        )
        check_certificate(certificate, self._members)  # our own promise: never say less than 2/3
        self._decided = True
        self._emit(Decide(certificate=certificate, round=current))

    # --- proposals -----------------------------------------------------------------------------

    def _on_value_wanted(self, round_number: int) -> None:
        if round_number in self._yields:
            return
        if self._built is not None:
            self._perform(self._driver.propose(round_number, self._built))
            return
        self._emit(BuildBlock(height=self.height, round=round_number))

    def _on_block_built(self, fact: BlockBuilt) -> None:
        if self._built is not None or fact.round in self._yields:
            return
        self._record(fact)
        self._built = fact.block_hash
        self._verdicts[fact.block_hash] = Verdict.VALID
        if fact.round == self._driver.round:
            self._perform(self._driver.propose(fact.round, fact.block_hash))

    def _on_proposal(self, fact: ProposalReceived) -> None:
        """C6: from whose turn it is, and a fresh block is its own."""
        proposal = fact.proposal
        if proposal.sender != self._members.proposer(proposal.round):
            self._refuse(proposal, "its sender is not the proposer of the round", offence=True)
            return
        if proposal.round > self._driver.round + MAX_ROUNDS_AHEAD:
            self._refuse(proposal, "its round is far ahead", offence=False)
            return
        if proposal.valid_round == NO_ROUND and fact.builder != proposal.sender:
            self._refuse(proposal, "a fresh block has its proposer as builder", offence=True)
            return
        if self._admit_proposal(proposal):
            self._record(fact)
            self._consider(proposal)

    def _admit_proposal(self, proposal: Proposal) -> bool:
        """C9: two of a round at most; two for different blocks are evidence."""
        known = self._proposals.setdefault(proposal.round, [])
        if any(_same_proposal(proposal, other) for other in known):
            return False
        for other in known:
            if other.block_hash != proposal.block_hash:
                self._emit(ReportEvidence(evidence=Evidence(first=other, second=proposal)))
        if len(known) >= MAX_PROPOSALS_PER_ROUND:
            return False
        known.append(proposal)
        return True

    def _consider(self, proposal: Proposal) -> None:
        """To the driver if the block is known; else the block is validated first."""
        verdict = self._verdicts.get(proposal.block_hash)
        if verdict is not None:
            self._feed_proposal(proposal, verdict)
        elif proposal.block_hash not in self._asked:
            self._asked.add(proposal.block_hash)
            self._emit(ValidateBlock(proposal=proposal))

    def _on_block_validated(self, fact: BlockValidated) -> None:
        if fact.block_hash in self._verdicts:
            return
        self._record(fact)
        self._verdicts[fact.block_hash] = fact.verdict
        for number in sorted(self._proposals):
            for proposal in self._proposals[number]:
                if proposal.block_hash == fact.block_hash and not self._decided:
                    self._feed_proposal(proposal, fact.verdict)
        self._check_majority(fact.block_hash)

    def _feed_proposal(self, proposal: Proposal, verdict: Verdict) -> None:
        self._perform(
            self._driver.proposal(
                proposal.round,
                proposal.block_hash,
                proposal.valid_round,
                proposal.sender,
                proposal.signature,
                verdict is Verdict.VALID,
            )
        )

    # --- messages ------------------------------------------------------------------------------

    def _on_message(self, fact: Waiting) -> None:
        message = _message_of(fact)
        if message.height > self.height:
            self._wait(fact, message)
        elif message.height < self.height or self._decided:
            pass
        elif isinstance(fact, VoteReceived):
            self._on_vote(fact.vote)
        elif isinstance(fact, ProposalReceived):
            self._on_proposal(fact)
        elif isinstance(fact, YieldReceived):
            self._on_yield(fact.message)
        elif isinstance(fact, CertificateReceived):
            self._on_certificate(fact)
        else:
            self._on_round_certificate(fact)

    def _wait(self, fact: Waiting, message: Message) -> None:
        sender = message.sender if isinstance(message, Vote | Proposal | Yield) else CERTIFICATES
        if not self._waiting.keep(message.height, sender, fact, current=self.height):
            self._refuse(message, "no room for messages of later heights", offence=False)

    def _on_vote(self, vote: Vote) -> None:
        if vote.sender not in self._members:
            self._refuse(vote, "its sender is no validator of this height", offence=False)
            return
        if vote.round > self._driver.round + MAX_ROUNDS_AHEAD:
            self._refuse(vote, "its round is far ahead", offence=False)
            return
        first = self._tally.seen(vote)
        if first is not None:
            self._on_repeated(first, vote)
            return
        self._record(VoteReceived(vote=vote))
        self._count(vote)

    def _count(self, vote: Vote) -> None:
        """Tell the driver of a vote, own or another's."""
        self._tally.add(vote)
        value = None if vote.is_nil else vote.block_hash
        self._perform(self._driver.vote(vote.kind, vote.round, value, vote.sender, vote.signature))
        self._end_hopeless_round(vote)
        self._check_majority(vote.block_hash)

    def _on_repeated(self, first: Vote, vote: Vote) -> None:
        if first.block_hash == vote.block_hash or self._tally.is_accused(vote):
            return
        self._tally.accuse(vote)
        self._emit(ReportEvidence(evidence=Evidence(first=first, second=vote)))

    def _end_hopeless_round(self, vote: Vote) -> None:
        """C13: once more than 2/3 precommitted nil there is nothing to wait for."""
        if not vote.is_nil or vote.kind is not VoteKind.PRECOMMIT or self._decided:
            return
        if vote.round == self._driver.round and self._tally.has_quorum(vote):
            self._inputs.append(
                TimeoutElapsed(height=self.height, round=vote.round, step=Step.PRECOMMIT)
            )

    def _check_majority(self, block_hash: Hash32) -> None:
        """C24: what more than 2/3 of the power committed cannot be invalid; this node is wrong."""
        if self._verdicts.get(block_hash) is not Verdict.INVALID or self._decided:
            return
        if self._tally.is_committed(block_hash):
            self._decided = True
            reason = "more than 2/3 of the power decided a block that is invalid here"
            self._emit(Halt(reason=reason, block_hash=block_hash))

    def _on_certificate(self, fact: CertificateReceived) -> None:
        """C16: a polka goes to the driver whole: an equivocator's first vote must not hide it."""
        polka = fact.certificate
        key = (polka.round, polka.block_hash)
        if polka.kind is not VoteKind.PREVOTE or key in self._polkas:
            return
        try:
            check_certificate(polka, self._members)
        except InvalidCertificate as error:
            self._refuse(polka, error.message, offence=True)
            return
        self._record(fact)
        self._polkas[key] = polka
        signatures = [(entry.signer, entry.signature) for entry in polka.signatures]
        self._perform(self._driver.polka_certificate(polka.round, polka.block_hash, signatures))

    def _on_round_certificate(self, fact: RoundCertificateReceived) -> None:
        """C17: leads to a round however far ahead."""
        certificate = fact.certificate
        if certificate.enter_round <= self._driver.round:
            return
        try:
            check_round_certificate(certificate, self._members)
        except InvalidCertificate as error:
            self._refuse(certificate, error.message, offence=True)
            return
        self._record(fact)
        for vote in certificate.votes:
            first = self._tally.seen(vote)
            if first is None:
                self._tally.add(vote)
            else:
                self._on_repeated(first, vote)
        votes = [
            (int(vote.kind), None if vote.is_nil else vote.block_hash, vote.sender, vote.signature)
            for vote in certificate.votes
        ]
        self._perform(self._driver.round_votes(certificate.votes[0].round, votes))

    # --- what this node signs ------------------------------------------------------------------

    def _sign_vote(self, kind: VoteKind, round_number: int, value: bytes | None) -> None:
        if self._me is None or self._me not in self._members:
            return
        vote = Vote(
            kind=kind,
            height=self.height,
            round=round_number,
            block_hash=ZERO_HASH if value is None else Hash32(value),
            sender=self._me,
        )
        self._sign(vote)

    def _sign_proposal(self, round_number: int, block_hash: Hash32, polka_round: int) -> None:
        assert self._me is not None
        proposal = Proposal(
            height=self.height,
            round=round_number,
            valid_round=polka_round,
            block_hash=block_hash,
            sender=self._me,
        )
        self._sign(proposal)

    def _sign(self, message: Signed) -> None:
        if self._me is not None:
            self._emit(Sign(message=message))

    def _on_message_signed(self, fact: MessageSigned) -> None:
        message = fact.message
        self._held.answer(message)
        if message.height != self.height or self._decided:
            return
        self._record(fact)
        self._own[_slot(message)] = message
        self._emit(Broadcast(message=message))
        match message:
            case Vote():
                if self._tally.seen(message) is None:
                    self._count(message)
            case Proposal():
                self._propose(message)
            case Yield():
                self._on_yield(message)

    def _propose(self, proposal: Proposal) -> None:
        if not self._admit_proposal(proposal):
            return
        if proposal.valid_round != NO_ROUND:
            self._say_polka(proposal.valid_round, proposal.block_hash)
        self._feed_proposal(proposal, Verdict.VALID)

    def _on_signing_refused(self, fact: SigningRefused) -> None:
        message = fact.message
        self._held.answer(message)
        if isinstance(message, Yield):
            return
        if isinstance(message, Proposal):
            # A crash came between handing the turn over and recording that: the turn passes.
            self._yields.add(message.round)
            self._inputs.append(
                TimeoutElapsed(height=message.height, round=message.round, step=Step.PROPOSE)
            )
            return
        self._emit(Abstain(message=message, reason=fact.reason))

    # --- hand-over -----------------------------------------------------------------------------

    def _on_yield_requested(self) -> None:
        """C19: the present turn if nothing was proposed in it, else the next one that comes."""
        if self._can_yield():
            self._yield_round(self._driver.round)
        else:
            self._yield_next = True

    def _can_yield(self) -> bool:
        if not self.height or self._decided:
            return False
        number = self._driver.round
        mine = self._members.proposer(number) == self._me
        return mine and number not in self._proposals and self._driver.step == "propose"

    def _yield_round(self, round_number: int) -> None:
        assert self._me is not None
        self._yield_next = False
        self._yields.add(round_number)
        self._emit(CancelBuild(height=self.height))
        self._sign(Yield(height=self.height, round=round_number, sender=self._me))

    def _on_yield(self, message: Yield) -> None:
        if message.sender != self._members.proposer(message.round):
            self._refuse(message, "only the proposer of a round can let it pass", offence=True)
            return
        if message.round > self._driver.round + MAX_ROUNDS_AHEAD:
            return
        self._yields.add(message.round)
        if message.round == self._driver.round and self._driver.step == "propose":
            self._inputs.append(
                TimeoutElapsed(height=self.height, round=message.round, step=Step.PROPOSE)
            )

    # --- saying it again -----------------------------------------------------------------------

    def _repeat(self) -> None:
        """C21: own messages of the present, locked and valid rounds, and what proves them."""
        if self._me is None:
            return
        rounds = {self._driver.round}
        for held in (self._driver.locked, self._driver.valid):
            if held is not None:
                rounds.add(held[0])
        for slot in sorted(self._own, key=_slot_order):
            if slot[0] in rounds:
                self._emit(Broadcast(message=self._own[slot]))
        if self._driver.valid is not None:
            number, value = self._driver.valid
            self._say_polka(number, Hash32(value))
        self._say_how_entered(self._driver.round)

    def _say_polka(self, round_number: int, block_hash: Hash32) -> None:
        polka = self._polkas.get((round_number, block_hash)) or polka_of(
            self._driver,
            self._members,
            height=self.height,
            round_number=round_number,
            block_hash=block_hash,
        )
        if polka is not None:
            self._emit(Broadcast(message=polka))

    # --- replay --------------------------------------------------------------------------------

    def _on_replay_ended(self) -> None:
        """C23: perform what the journal does not answer, and say the last own messages again."""
        self._replaying = False
        held, self._held = self._held, Held()
        self._effects.extend(
            held.left(round_number=self._driver.round, verdicts=self._verdicts, built=self._built)
        )
        if not self._decided:
            self._repeat()

    def _emit(self, effect: Effect) -> None:
        if self._replaying:
            self._held.keep(effect)
        else:
            self._effects.append(effect)

    def _record(self, entry: Recorded) -> None:
        self._emit(Record(entry=entry))

    def _refuse(self, message: Message, reason: str, *, offence: bool) -> None:
        self._emit(RefuseMessage(message=message, reason=reason, is_offence=offence))


def _message_of(fact: Waiting) -> Message:
    match fact:
        case VoteReceived():
            return fact.vote
        case ProposalReceived():
            return fact.proposal
        case YieldReceived():
            return fact.message
        case CertificateReceived() | RoundCertificateReceived():
            return fact.certificate


def _same_proposal(first: Proposal, second: Proposal) -> bool:
    return (first.block_hash, first.valid_round) == (second.block_hash, second.valid_round)


def _slot(message: Signed) -> tuple[int, type[Signed], int]:
    """Where an own message is kept: one of each sort and round."""
    kind = int(message.kind) if isinstance(message, Vote) else 0
    return message.round, type(message), kind


def _slot_order(slot: tuple[int, type[Signed], int]) -> tuple[int, str, int]:
    return slot[0], slot[1].__name__, slot[2]
