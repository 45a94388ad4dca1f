"""What people see of the agreement: the log of a rotation in a few lines, counters for metrics, and
how each of the last blocks came about."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from metis_node.chain.blockchain import Imported
from metis_node.consensus.effects import EnterRound, RefuseMessage
from metis_node.staking.epochs import EpochWindow
from metis_node.types.consensus import Certificate, Evidence, Proposal
from metis_node.types.primitives import Address

MAX_TALES = 4_096  # heights whose story is kept

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tale:
    """How one height came about, as this node saw it."""

    height: int
    epoch: int
    rounds: list[tuple[int, Address, int]] = field(default_factory=list)  # round, proposer, ms
    decided_round: int = -1
    signers: int = 0
    began_ms: int = 0
    took_ms: int = 0  # from the begin of the height here
    by_certificate: bool = False  # taken from a peer, not agreed on here
    remarks: list[str] = field(default_factory=list)


class Story:
    """Event loop only."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.flush_seconds = 0.0
        self.longest_flush_seconds = 0.0
        self.last_round = 0
        self.tales: OrderedDict[int, Tale] = OrderedDict()
        self._tale = Tale(height=0, epoch=0)
        self._epoch_waited = -1

    def tale(self, height: int) -> Tale | None:
        return self.tales.get(height)

    def height_started(self, height: int, window: EpochWindow) -> None:
        epoch = window.current
        self._tale = Tale(height=height, epoch=epoch.number, began_ms=_now_ms())
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

    def round_entered(self, effect: EnterRound, *, is_mine: bool) -> None:
        since = _now_ms() - self._tale.began_ms
        self._tale.rounds.append((effect.round, effect.proposer, since))
        self.last_round = effect.round
        if effect.round == 0:
            return
        self.counts["rounds_failed"] += 1
        log.warning(
            "round failed: the turn goes to the next in order",
            height=effect.height,
            round=effect.round,
            proposer="0x" + effect.proposer.hex(),
            is_mine=is_mine,
            after_ms=since,
        )

    def decided(self, certificate: Certificate, round_number: int, imported: Imported) -> None:
        tale = self._tale
        tale.decided_round = certificate.round
        tale.signers = len(certificate.signatures)
        tale.took_ms = _now_ms() - tale.began_ms
        self.counts["heights_decided"] += 1
        if certificate.round > 0:
            self.counts["reselections"] += 1
            log.warning(
                "a backup built the block: it keeps the turn until the epoch ends",
                height=certificate.height,
                round=certificate.round,
                builder="0x" + imported.sealed.header.beneficiary.hex(),
                took_ms=tale.took_ms,
            )
        log.debug("block decided", height=certificate.height, round=round_number)

    def taken(self, certificate: Certificate, imported: Imported) -> None:
        self._tale.by_certificate = True
        self._tale.decided_round = certificate.round
        self._tale.signers = len(certificate.signatures)
        self.counts["heights_taken"] += 1
        log.debug("block taken by its certificate", height=imported.number)

    def block_unknown(self, proposal: Proposal, reason: str) -> None:
        self.counts["blocks_unknown"] += 1
        self._tale.remarks.append(reason)
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
            signer="0x" + evidence.sender.hex(),
            height=evidence.first.height,
            round=evidence.first.round,
        )

    def signing_stopped(self, reason: str) -> None:
        self.counts["signing_stopped"] += 1
        log.error("this node does not sign any more", reason=reason)

    @contextmanager
    def journal_flush(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - started
            self.counts["journal_flushes"] += 1
            self.flush_seconds += took
            self.longest_flush_seconds = max(self.longest_flush_seconds, took)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
