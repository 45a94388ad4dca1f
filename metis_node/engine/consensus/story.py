"""What people see of the agreement: the log of a rotation in a few lines, counters for metrics, and
how each of the last blocks came about (`tale.py`). It decides nothing."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from metis_node.chain.blockchain import Imported
from metis_node.codec.extra_data import decode_extra_data
from metis_node.consensus.effects import Abstain, EnterRound, RefuseMessage
from metis_node.consensus.inputs import (
    BlockValidated,
    Input,
    MessageSigned,
    ProposalReceived,
    TimeoutElapsed,
    Verdict,
    YieldReceived,
)
from metis_node.consensus.timeouts import Step
from metis_node.engine.consensus import tale as words
from metis_node.engine.consensus.durations import Durations
from metis_node.engine.consensus.tale import MAX_ROUNDS, RoundTale, Tale
from metis_node.staking.epochs import EpochWindow
from metis_node.types.consensus import Certificate, Evidence, Message, Proposal, Yield
from metis_node.types.primitives import Address

MAX_TALES = 4_096  # heights whose story is kept
VOTES_KEPT = 128  # blocks whose certificates are counted by validator
FSYNC_EDGES_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
DECIDE_EDGES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
HAND_OVER_EDGES_S = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0, 30.0)

log = structlog.get_logger(__name__)


class Story:
    """Event loop only."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.flushes = Durations(FSYNC_EDGES_S)
        self.decisions = Durations(DECIDE_EDGES_S)  # from the proposal to its certificate, here
        self.hand_overs = Durations(HAND_OVER_EDGES_S)  # heights that another built than was due
        self.last_round = 0
        self.last_block_bytes = 0
        self.tales: OrderedDict[int, Tale] = OrderedDict()
        self.voters: deque[frozenset[int]] = deque(maxlen=VOTES_KEPT)  # ids in certificates
        self._tale = Tale(height=0, epoch=0)
        self._epoch_waited = -1
        self.is_gone: Callable[[Address], bool] = lambda _signer: False  # the host knows
        self._abstained = ""
        self._holder: int | None = None  # who held the pen when it was last told

    def tale(self, height: int) -> Tale | None:
        return self.tales.get(height)

    def height_started(self, height: int, window: EpochWindow) -> None:
        epoch = window.current
        self._tale = Tale(height=height, epoch=epoch.number, order=epoch.order, began_ms=_now_ms())
        self.tales[height] = self._tale
        while len(self.tales) > MAX_TALES:
            self.tales.popitem(last=False)
        if height == epoch.start:
            elected = epoch.order[0]
            log.info(
                "epoch begins",
                epoch=epoch.number,
                first=epoch.start,
                last=epoch.end,
                sequencer=elected.sequencer_id,
                signer="0x" + elected.signer.hex(),
                validators=len(epoch.order),
            )

    def waiting_for_epoch(self, height: int) -> None:
        if self._epoch_waited != height:
            self._epoch_waited = height
            log.warning("the chain waits: the next epoch is not decided by L1 yet", height=height)

    # --- a height under way --------------------------------------------------------------------

    def fed(self, fact: Input) -> None:
        """The machine is about to be told this."""
        match fact:
            case ProposalReceived():
                self._tale_proposed(fact.proposal)
            case MessageSigned():
                self._signed(fact.message)
            case YieldReceived():
                self._yielded(fact.message)
            case BlockValidated() if fact.verdict is Verdict.INVALID:
                self.counts["blocks_invalid"] += 1
                self._blame_last(fact.height, words.INVALID)
            case TimeoutElapsed():
                self._timed_out(fact)
            case _:
                pass

    def round_entered(self, effect: EnterRound, *, is_mine: bool) -> None:
        tale, since = self._tale, _now_ms() - self._tale.began_ms
        before = tale.last
        if len(tale.rounds) < MAX_ROUNDS:
            tale.rounds.append(RoundTale(effect.round, effect.proposer, since))
        self.last_round = effect.round
        if effect.round == 0:
            self._tell_holder(effect.proposer, is_mine=is_mine)
            return
        self.counts["rounds_failed"] += 1
        if before is not None:
            tale.blame(before.number, words.OTHERS_MOVED)
        planned = before is not None and before.ended == words.YIELDED
        log.log(
            logging.INFO if planned else logging.WARNING,
            "handed over: the turn goes to the next in order"
            if planned
            else "round failed: the turn goes to the next in order",
            height=effect.height,
            round=effect.round,
            from_sequencer=tale.sequencer(before.proposer) if before is not None else None,
            to_sequencer=tale.sequencer(effect.proposer),
            is_mine=is_mine,
            reason=before.ended if before is not None else words.OTHERS_MOVED,
            after_ms=since,
        )

    def _tale_proposed(self, proposal: Proposal) -> None:
        if proposal.height == self._tale.height:
            self._tale.proposed(proposal.round, _now_ms() - self._tale.began_ms)

    def _signed(self, message: Message) -> None:
        if isinstance(message, Proposal):
            self._tale_proposed(message)
        elif isinstance(message, Yield):
            self._yielded(message)

    def _yielded(self, message: Yield) -> None:
        tale = self._tale
        turn = [one for one in tale.rounds if one.number == message.round]
        if message.height != tale.height or not turn or turn[0].proposer != message.sender:
            return
        if tale.blame(message.round, words.YIELDED):
            self.counts["yields"] += 1
            log.info(
                "a sequencer lets its turn pass",
                height=message.height,
                round=message.round,
                sequencer=tale.sequencer(message.sender),
            )

    def _timed_out(self, fact: TimeoutElapsed) -> None:
        """Time-outs of rounds that are over are no news."""
        told = self._tale.last
        if fact.height != self._tale.height or told is None or told.number != fact.round:
            return
        self.counts[f"timeouts_{fact.step.name.lower()}"] += 1
        if fact.step is Step.PROPOSE:
            self._no_block(told)
        else:
            early = fact.step is Step.PREVOTE
            self._tale.blame(fact.round, words.NO_PREVOTES if early else words.NO_PRECOMMITS)

    def _no_block(self, told: RoundTale) -> None:
        tale, reason = self._tale, words.NO_BLOCK
        if told.proposed_ms is not None:
            reason = words.UNJUDGED
        elif self.is_gone(told.proposer):
            reason = words.GONE
        if tale.blame(told.number, reason):
            log.warning(
                "no vote in this round",
                height=tale.height,
                round=told.number,
                sequencer=tale.sequencer(told.proposer),
                reason=reason,
                after_ms=_now_ms() - tale.began_ms,
            )

    def _blame_last(self, height: int, reason: str) -> None:
        told = self._tale.last
        if height == self._tale.height and told is not None:
            self._tale.blame(told.number, reason)

    def _tell_holder(self, proposer: Address, *, is_mine: bool) -> None:
        tale = self._tale
        holder, before = tale.sequencer(proposer), self._holder
        self._holder = holder
        if before is not None and before != holder:
            log.info(
                "the turn is another sequencer's",
                height=tale.height,
                epoch=tale.epoch,
                sequencer=holder,
                before=before,
                is_mine=is_mine,
            )

    # --- a height that is over -----------------------------------------------------------------

    def decided(
        self, certificate: Certificate, round_number: int, imported: Imported, *, size: int
    ) -> None:
        """`size`: of the block, bytes."""
        self._end(certificate, imported, size)
        self.counts["heights_decided"] += 1
        self._observe_decision(certificate)
        log.debug("block decided", height=certificate.height, round=round_number)

    def taken(self, certificate: Certificate, imported: Imported, *, size: int) -> None:
        self._tale.by_certificate = True
        self._end(certificate, imported, size)
        self.counts["heights_taken"] += 1
        log.debug("block taken by its certificate", height=imported.number)

    def _end(self, certificate: Certificate, imported: Imported, size: int) -> None:
        tale = self._tale
        tale.decided_round = certificate.round
        tale.signers = len(certificate.signatures)
        tale.took_ms = _now_ms() - tale.began_ms
        for told in tale.rounds:
            if told.number == certificate.round:
                told.ended = ""
        self.last_block_bytes = size
        ids = [tale.sequencer(entry.signer) for entry in certificate.signatures]
        self.voters.append(frozenset(one for one in ids if one is not None))
        self._tell_builder(imported)

    def _tell_builder(self, imported: Imported) -> None:
        """Another built than whose turn the height was: that one keeps the pen."""
        tale = self._tale
        place = decode_extra_data(imported.sealed.header.extra_data).builder_index
        if not tale.rounds or place >= len(tale.order):
            return
        builder = tale.order[place]
        if builder.signer == tale.rounds[0].proposer:
            return
        self.counts["reselections"] += 1
        self.hand_overs.observe(tale.took_ms / 1000)
        log.log(
            logging.INFO if tale.rounds[0].ended == words.YIELDED else logging.WARNING,
            "a backup built the block: it keeps the turn until the epoch ends",
            height=tale.height,
            round=tale.decided_round,
            builder=builder.sequencer_id,
            instead_of=tale.sequencer(tale.rounds[0].proposer),
            signers=tale.signers,
            took_ms=tale.took_ms,
        )

    def _observe_decision(self, certificate: Certificate) -> None:
        tale = self._tale
        for told in tale.rounds:
            if told.number == certificate.round and told.proposed_ms is not None:
                self.decisions.observe((tale.took_ms - told.proposed_ms) / 1000)

    # --- what is out of order ------------------------------------------------------------------

    def block_unknown(self, proposal: Proposal, reason: str) -> None:
        self.counts["blocks_unknown"] += 1
        self._tale.remark(f"round {proposal.round}: no vote here, {reason or 'not known why'}")
        log.warning(
            "no vote for a block that cannot be judged here", height=proposal.height, reason=reason
        )

    def message_refused(self, effect: RefuseMessage) -> None:
        self.counts["messages_refused"] += 1
        log.debug("a message was refused", reason=effect.reason)

    def message_dropped(self) -> None:
        self.counts["messages_dropped"] += 1

    def evidence_seen(self, evidence: Evidence) -> None:
        self.counts["evidence"] += 1
        log.error(
            "a validator contradicted itself",
            sequencer=self._tale.sequencer(evidence.sender),
            signer="0x" + evidence.sender.hex(),
            height=evidence.first.height,
            round=evidence.first.round,
        )

    def abstained(self, effect: Abstain) -> None:
        """Once for a reason: a node that waits for its floor abstains again and again."""
        self.counts["abstained"] += 1
        self._tale.remark(f"not signed here: {effect.reason}")
        if effect.reason != self._abstained:
            self._abstained = effect.reason
            log.warning(
                "a message was not signed", height=effect.message.height, reason=effect.reason
            )

    def signing_stopped(self, reason: str) -> None:
        self.counts["signing_stopped"] += 1
        self._tale.remark(f"this node stopped signing: {reason}")
        log.error("this node does not sign any more", reason=reason)

    @contextmanager
    def journal_flush(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.flushes.observe(time.monotonic() - started)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
