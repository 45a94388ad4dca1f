"""The host of the agreement: one task that owns the consensus machine, feeds it from one inbox and
performs its effects in order.

What leaves the process leaves after the journal is on disk. What the machine decides becomes the
head in one atomic write, and the next height begins. Blocks that come with a certificate go past
the machine: more than 2/3 of the power need no more agreement.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from metis_node.chain.blockchain import Blockchain
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.codec.block_messages import (
    BlockProposal,
    DecidedBlock,
)
from metis_node.codec.consensus import signed_digests, with_senders
from metis_node.codec.extra_data import decode_extra_data, header_time_ms
from metis_node.codec.sequencer_transactions import participation_of
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
    Verdict,
    VoteReceived,
    YieldReceived,
    YieldRequested,
)
from metis_node.consensus.machine import ConsensusMachine
from metis_node.consensus.timeouts import Step
from metis_node.engine.block_builder import BlockBuilder, Sequencing
from metis_node.engine.consensus.block_checks import (
    checked_decided,
    checked_proposal,
    members_of,
)
from metis_node.engine.consensus.builder_pace import BuilderPace
from metis_node.engine.consensus.candidates import Candidate, Candidates
from metis_node.engine.consensus.evidence_book import EvidenceBook
from metis_node.engine.consensus.journal import ConsensusJournal, Entry, JournalledBlock
from metis_node.engine.consensus.neighbours import Neighbours
from metis_node.engine.consensus.own_key import OwnKey
from metis_node.engine.consensus.participation import PrecommitBook
from metis_node.engine.consensus.presence import Presence
from metis_node.engine.consensus.reception import (
    Arrival,
    Arrived,
    DecidedArrived,
    EvidenceArrived,
    ProposalArrived,
    recovered,
)
from metis_node.engine.consensus.speech import Speech
from metis_node.engine.consensus.story import Story
from metis_node.engine.consensus.timers import Timers
from metis_node.engine.consensus.turns import next_turn
from metis_node.engine.inbox import Inbox
from metis_node.errors import Fatal, Invalid, InvalidBlock, Temporary
from metis_node.staking.epochs import LATE_HEIGHTS
from metis_node.types.blocks import SealedHeader
from metis_node.types.consensus import (
    Certificate,
    Evidence,
    Message,
    Proposal,
    RoundCertificate,
    Signed,
    Vote,
    Yield,
)
from metis_node.types.network import Offence, PeerId
from metis_node.types.primitives import Address, Hash32
from metis_node.types.signing import SigningDomain

if TYPE_CHECKING:
    from metis_node.engine.consensus.origin_watch import OriginWatch
    from metis_node.engine.consensus.ports import Gossip
    from metis_node.engine.consensus.signer import GuardedSigner
    from metis_node.engine.ports import Clock, EpochSource
    from metis_node.staking.epochs import EpochWindow

MAX_INBOX = 16_384
STALL_INTERVAL_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _DecidedOrder:
    """A decided block, and who waits to hear whether it became the head."""

    peer: PeerId
    block: DecidedBlock
    answer: asyncio.Future[bool] | None


@dataclass(frozen=True, slots=True)
class _Built:
    height: int
    round: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class _Validated:
    height: int
    block_hash: Hash32
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _EpochLooked:
    """The epoch of the next height may be known now."""


_Item = Input | Arrival | _DecidedOrder | _Built | _Validated | _EpochLooked


class ConsensusHost:
    """Run it as a task of the node. One per chain with validators."""

    def __init__(
        self,
        *,
        chain: Blockchain,
        epochs: EpochSource,
        machine: ConsensusMachine,
        candidates: Candidates,
        precommits: PrecommitBook,
        builder: BlockBuilder,
        origins: OriginWatch,
        journal: ConsensusJournal | None,
        signer: GuardedSigner | None,
        domain: SigningDomain,
        gossip: Gossip,
        clock: Clock,
        story: Story,
        neighbours: Neighbours,
        listen_ms: int,
    ) -> None:
        """`signer` None: watch, and take what others decide. `listen_ms`: how long a node with a
        key listens whether that key signs elsewhere, before it signs itself."""
        self._chain = chain
        self._epochs = epochs
        self._machine = machine
        self._candidates = candidates
        self._precommits = precommits
        self._builder = builder
        self._origins = origins
        self._journal = journal
        self._key = OwnKey(signer, story)
        self._domain = domain
        self._gossip = gossip
        self._clock = clock
        self._story = story
        self._listen_ms = listen_ms
        self._inbox: Inbox[_Item] = Inbox("the agreement", MAX_INBOX)
        self._timers = Timers(self._post)
        self._pace = BuilderPace()
        self._presence = Presence(gossip)
        self._speech = Speech(gossip, candidates)
        self._evidence = EvidenceBook(gossip=gossip, speech=self._speech, story=story)
        self._neighbours = neighbours
        story.is_gone = self._presence.is_gone
        self._work: set[asyncio.Task[None]] = set()
        self._build: asyncio.Task[None] | None = None
        self._window: EpochWindow | None = None
        self._has_begun = False
        self._paced = 0  # height whose builder's pace was observed
        self._progress = 0  # what the height had come to when it was last looked at

    # --- what others may ask -------------------------------------------------------------------

    @property
    def me(self) -> Address | None:
        return self._key.address

    @property
    def stopped_signing(self) -> str:
        """Why it does not sign any more; empty where it does, or has no key."""
        return self._key.stopped

    @property
    def evidence(self) -> Sequence[Evidence]:
        """The newest contradictions that are known here."""
        return self._evidence.entries

    @property
    def gas_target(self) -> int:
        """How much gas a block of this node is offered."""
        return self._builder.gas_target.gas

    @property
    def window(self) -> EpochWindow | None:
        """The epoch of the height that is being agreed on; None while it is not known."""
        return self._window

    @property
    def position(self) -> tuple[int, int]:
        """Height and round that are agreed on; (0, -1) before the first."""
        return self._machine.height, self._machine.round

    def active_sequencer(self) -> Address | None:
        """Whose turn round 0 of the next height is."""
        turn = next_turn(self._chain, self._epochs)
        return None if turn is None else turn.validator.signer

    @property
    def is_active(self) -> bool:
        """Whether this node holds the pen."""
        return self.me is not None and self.active_sequencer() == self.me

    def deliver(self, arrival: Arrival) -> None:
        """From the reception."""
        self._post(arrival)

    async def take_decided(self, peer: PeerId, block: DecidedBlock) -> bool:
        """Make a decided block the head, if it follows. Raises Invalid where it proves nothing."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._post(_DecidedOrder(peer, block, answer))
        return await answer

    def yield_turn(self) -> None:
        """Let this node's present or next turn pass."""
        self._post(YieldRequested())

    # --- the task ------------------------------------------------------------------------------

    async def run(self) -> None:
        stall = asyncio.ensure_future(self._tick())
        try:
            await self._listen()
            await self._load_precommits()
            await self._begin_height()
            while True:
                for item in await self._inbox.take_all():
                    await self._handle(item)
        finally:
            stall.cancel()
            self._end_work()

    async def _listen(self) -> None:
        """Rule C18: a key that signs elsewhere shows itself before this node signs."""
        if self.me is None or self._is_alone():
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + self._listen_ms / 1000
        kept: list[_Item] = []
        while (left := until - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    item = await self._inbox.take()
            except TimeoutError:
                break
            if isinstance(item, Arrived):
                self._key.look_at(item.message)
            kept.append(item)
        for item in kept:
            self._post(item)

    def _is_alone(self) -> bool:
        """A set of one has nobody to listen to."""
        window = self._epochs.window_of(self._chain.head.number + 1)
        return window is not None and len(window.current.order) == 1

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(STALL_INTERVAL_S)
            height = self._machine.height
            due = earliest_time_ms(self._chain.head.header, self._chain.rules)
            if height == self._progress and self._clock.now_ms() > due:
                self._post(Stalled(height=height))
            self._progress = height

    def _post(self, item: _Item) -> None:
        try:
            self._inbox.put(item)
        except Temporary:
            self._story.message_dropped()
            if isinstance(item, _DecidedOrder) and item.answer is not None:
                item.answer.set_result(False)

    async def _handle(self, item: _Item) -> None:
        match item:
            case Arrived():
                await self._on_arrived(item)
            case ProposalArrived():
                await self._on_proposal_arrived(item)
            case DecidedArrived():
                await self._on_decided_order(_DecidedOrder(item.peer, item.value, None))
            case EvidenceArrived():
                self._evidence.heard(item, self._window)
            case _DecidedOrder():
                await self._on_decided_order(item)
            case _Built():
                await self._on_built(item)
            case _Validated():
                await self._on_validated(item)
            case _EpochLooked():
                if self._window is None:
                    await self._begin_height()
            case _:
                if self._machine.height:
                    await self._feed(item)

    # --- heights -------------------------------------------------------------------------------

    async def _begin_height(self) -> None:
        """On the head. Rule C1: the set of a height follows from the block below it and from L1."""
        self._end_work()
        height = self._chain.head.number + 1
        self._window = window = self._epochs.window_of(height)
        if window is None:
            self._story.waiting_for_epoch(height)
            self._spawn(self._look_again())
            return
        self._candidates.begin(window)
        entries = self._journalled(height)
        base = self._base(window)
        started = HeightStarted(
            height=height,
            order=members_of(window),
            base=base,
            is_slow_builder=self._pace.is_slow(
                window.current.order[base].signer, window.current.number
            ),
        )
        self._story.height_started(height, window)
        await self._feed(started)
        if entries is not None:
            await self._replay(entries)
        for early in self._neighbours.take_early():
            self._post(early)

    def _journalled(self, height: int) -> list[Entry] | None:
        """What the last process recorded, before the first height; None at every other one."""
        if self._journal is None:
            return None
        entries = None if self._has_begun else self._journal.entries(height)
        self._has_begun = True
        self._journal.begin(height)
        return entries

    async def _load_precommits(self) -> None:
        """Those that the certificates of the last blocks hold."""
        head = self._chain.head.number
        for number in range(max(1, head + 1 - LATE_HEIGHTS), head + 1):
            window = self._epochs.window_of(number)
            block = (
                self._neighbours.decided_block(number)
                if self._neighbours.decided_block is not None
                else None
            )
            if window is None or block is None or block.transactions is None:
                continue
            digests = signed_digests(self._domain, block.certificate)
            certificate = with_senders(block.certificate, await recovered(digests))
            assert isinstance(certificate, Certificate)
            recorded = participation_of(block.transactions[:3])
            self._precommits.on_decided(certificate, window.current.order, recorded)

    async def _replay(self, entries: Sequence[Entry]) -> None:
        """Rule C23."""
        for entry in entries:
            if isinstance(entry, JournalledBlock):
                sealed, builder = self._candidates.open(entry.header_rlp)
                self._candidates.add(sealed, builder, body=entry.transactions)
            else:
                await self._feed(entry)
        if entries:
            log.info("journal replayed", height=self._machine.height, entries=len(entries))
        await self._feed(ReplayEnded())

    async def _look_again(self) -> None:
        await self._origins.changed()
        self._post(_EpochLooked())

    def _base(self, window: EpochWindow) -> int:
        """Rule E6."""
        head = self._chain.head
        index = decode_extra_data(head.header.extra_data).builder_index
        return window.current.base(head.number + 1, index)

    def _end_work(self) -> None:
        self._timers.cancel()
        self._build = None
        for task in self._work:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._on_work_done)
        return task

    def _on_work_done(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("work for the agreement failed", exc_info=task.exception())

    # --- the machine and its effects -----------------------------------------------------------

    async def _feed(self, fact: Input) -> None:
        """One input and everything it leads to; what is to be sent leaves at the end, when the
        journal is on disk."""
        facts = deque([fact])
        outgoing: list[Message] = []
        decided: Decide | None = None
        while facts:
            following = facts.popleft()
            self._story.fed(following)
            for effect in self._machine.step(following):
                match effect:
                    case Sign():
                        facts.append(await self._signed(effect.message))
                    case Record():
                        self._record(effect)
                    case Broadcast():
                        outgoing.append(effect.message)
                    case Decide():
                        decided = effect
                    case _:
                        self._perform(effect)
        if outgoing or decided is not None:
            await self._flush()
            for message in outgoing:
                self._speech.broadcast(message, is_late=self._machine.round > 0)
        if decided is not None:
            await self._on_decided(decided)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case EnterRound():
                self._story.round_entered(effect, is_mine=effect.proposer == self.me)
            case ScheduleTimeout():
                self._timers.arm(
                    effect,
                    begin=self._begin_of(effect),
                    is_hopeless=self._proposer_gone_in(effect),
                )
            case BuildBlock():
                self._build = self._spawn(self._build_block(effect))
            case CancelBuild():
                if self._build is not None:
                    self._build.cancel()
            case ValidateBlock():
                self._spawn(self._validate(effect.proposal))
            case ReportEvidence():
                self._evidence.found(effect.evidence)
            case RefuseMessage():
                self._story.message_refused(effect)
            case Abstain():
                self._story.abstained(effect)
            case Halt():
                raise _differs(self._machine.height, effect.block_hash, effect.reason)
            case _:
                raise AssertionError(f"nobody performs {effect!r}")

    async def _signed(self, message: Signed) -> MessageSigned | SigningRefused:
        # What led to the message is on disk before the guard is raised for it: a journal that
        # forgot it may lead elsewhere after a crash, where the guard then refuses to follow.
        if self.me is not None:
            await self._flush()
        return await self._key.sign(message)

    def _record(self, effect: Record) -> None:
        if self._journal is not None:
            self._journal.record(effect.entry)

    async def _flush(self) -> None:
        if self._journal is not None:
            with self._story.journal_flush():
                await self._journal.flush()

    def _begin_of(self, effect: ScheduleTimeout) -> Awaitable[None] | None:
        """Rule C12: round 0's propose time-out begins when the block can be there."""
        if effect.step is not Step.PROPOSE or effect.round > 0:
            return None
        return self._block_possible()

    def _proposer_gone_in(self, effect: ScheduleTimeout) -> Callable[[], bool] | None:
        """Rule C26: a proposer whose process is gone is not waited for."""
        if effect.step is not Step.PROPOSE:
            return None
        proposer = self._machine.members.proposer(effect.round)
        return lambda: self._presence.is_gone(proposer)

    async def _block_possible(self) -> None:
        head = self._chain.head
        await self._clock.wait_until_ms(earliest_time_ms(head.header, self._chain.rules))
        await self._origins.available(head)

    # --- building and validating ---------------------------------------------------------------

    async def _build_block(self, effect: BuildBlock) -> None:
        """Rule C15."""
        window, parent = self._window, self._chain.head
        assert window is not None
        assert self.me is not None
        place = next(
            index for index, one in enumerate(window.current.order) if one.signer == self.me
        )
        await self._clock.wait_until_ms(earliest_time_ms(parent.header, self._chain.rules))
        participation, proofs = self._precommits.record(effect.height)
        record = window.record(effect.height, place=place, participation=participation)
        built = await self._builder.build(parent, Sequencing(record=record, window=window))
        if built is None:
            return
        candidate = self._candidates.add_built(built.verified, self.me, built.body, proofs)
        self._post(_Built(effect.height, effect.round, candidate))

    async def _on_built(self, item: _Built) -> None:
        if item.height != self._machine.height:
            return
        self._journal_block(item.candidate)
        await self._feed(
            BlockBuilt(
                height=item.height,
                round=item.round,
                block_hash=item.candidate.sealed.hash,
            )
        )

    async def _validate(self, proposal: Proposal) -> None:
        verdict = await self._candidates.validate(proposal.block_hash)
        if verdict is None:
            found = self._candidates.get(proposal.block_hash)
            self._story.block_unknown(proposal, found.reason if found is not None else "")
            return
        self._post(_Validated(proposal.height, proposal.block_hash, verdict))

    async def _on_validated(self, item: _Validated) -> None:
        if item.height != self._machine.height:
            return
        found = self._candidates.get(item.block_hash)
        if found is not None and item.verdict is Verdict.VALID:
            self._journal_block(found)
        await self._feed(
            BlockValidated(height=item.height, block_hash=item.block_hash, verdict=item.verdict)
        )

    def _journal_block(self, candidate: Candidate) -> None:
        if self._journal is not None:
            self._journal.record(
                JournalledBlock(header_rlp=candidate.sealed.rlp, transactions=candidate.raw_body)
            )

    # --- arrivals ------------------------------------------------------------------------------

    async def _on_arrived(self, item: Arrived) -> None:
        message = item.message
        self._key.look_at(message)
        if isinstance(message, Vote):
            self._presence.saw(message.sender, item.peer)
        if message.height > self._chain.head.number + 1:
            self._neighbours.stands_at(item.peer, message.height)
        elif message.height <= self._chain.head.number:
            self._on_old(item.peer, message)
            return
        if self._machine.height and self._window is not None:
            await self._feed(_fact_of(message))

    def _on_old(self, peer: PeerId, message: Message) -> None:
        """A vote for a decided block counts for participation; who stays behind gets that block."""
        if isinstance(message, Vote) and self._precommits.add(message):
            return
        self._neighbours.help(peer, message.height)

    async def _on_proposal_arrived(self, item: ProposalArrived) -> None:
        value = item.value
        proposal = value.proposal
        self._key.look_at(proposal)
        if proposal.height != self._machine.height or self._window is None:
            self._neighbours.keep_early(item, self._chain.head.number)
            return
        try:
            sealed, builder = checked_proposal(self._candidates, value)
        except InvalidBlock as error:
            log.warning("a proposal was refused", peer=item.peer, reason=error.message)
            self._gossip.penalise(item.peer, Offence.FORGED)
            return
        await self._learn_precommits(value.precommits)
        if proposal.sender == self._machine.members.proposer(proposal.round):
            self._keep(item.peer, value, sealed, builder)
            self._observe_pace(proposal)
        await self._feed(ProposalReceived(proposal=proposal, builder=builder))

    def _keep(
        self, peer: PeerId, value: BlockProposal, sealed: SealedHeader, builder: Address
    ) -> None:
        """Big blocks come by the hashes of their transactions, and with what is in no pool."""
        carried = value.transactions or ()
        self._candidates.add(
            sealed,
            builder,
            body=None if value.hashes else carried,
            system=carried,
            hashes=value.hashes,
            proofs=value.precommits,
            sender=peer,
            proposer=value.proposal.sender,
        )

    async def _learn_precommits(self, attached: Sequence[Vote]) -> None:
        votes = self._precommits.completed(attached)
        senders = await recovered([signed_digests(self._domain, vote)[0] for vote in votes])
        for vote, sender in zip(votes, senders, strict=True):
            if sender is not None:
                known = with_senders(vote, [sender])
                assert isinstance(known, Vote)
                self._precommits.add(known)

    def _observe_pace(self, proposal: Proposal) -> None:
        """The first copy of a fresh block tells how late its builder was."""
        if proposal.round == 0 and self._paced != proposal.height:
            self._paced = proposal.height
            self._pace.observe(proposal.sender, self._lateness_share())

    def _lateness_share(self) -> float:
        """How late the block is, in propose time-outs."""
        due = earliest_time_ms(self._chain.head.header, self._chain.rules)
        consensus = self._chain.rules.consensus
        assert consensus is not None
        return (self._clock.now_ms() - due) / consensus.timeouts.propose_ms

    # --- decided blocks ------------------------------------------------------------------------

    async def _on_decided(self, effect: Decide) -> None:
        """The machine's own decision."""
        certificate, window = effect.certificate, self._window
        assert window is not None
        found = self._candidates.get(certificate.block_hash)
        assert found is not None, "a block is decided after it was found valid"
        imported = await self._candidates.commit(certificate, window)
        self._story.decided(certificate, effect.round, imported, size=found.size)
        if found.builder == self.me:
            self._speech.announce(certificate, found)
            if effect.round == 0:
                header = found.sealed.header
                took_ms = self._clock.now_ms() - header_time_ms(header)
                self._builder.gas_target.observe(header.gas_used, took_ms)
        await self._after_commit(certificate, window, found.raw_body)

    async def _on_decided_order(self, order: _DecidedOrder) -> None:
        try:
            taken = await self._take(order.peer, order.block)
        except Invalid as error:
            self._settle(order, error)
        except Temporary:
            self._settle(order, False)
        else:
            self._settle(order, taken)

    def _settle(self, order: _DecidedOrder, result: bool | Invalid) -> None:
        if order.answer is None:
            if isinstance(result, Invalid):
                log.warning("a decided block was refused", peer=order.peer, reason=result.message)
                self._gossip.penalise(order.peer, Offence.FORGED)
        elif order.answer.done():
            pass
        elif isinstance(result, Invalid):
            order.answer.set_exception(result)
        else:
            order.answer.set_result(result)

    async def _take(self, peer: PeerId, block: DecidedBlock) -> bool:
        """Rule C25. Raises Invalid."""
        height, window = block.certificate.height, self._window
        if height != self._chain.head.number + 1 or window is None:
            if height > self._chain.head.number + 1:
                self._neighbours.stands_at(peer, height + 1)
            return False
        if self._machine.is_decided and self._machine.height == height:
            return False
        sealed = checked_decided(block, window)
        found = self._candidates.add(
            sealed, self._candidates.open(block.header_rlp)[1], body=block.transactions
        )
        if found is None or (found.body is None and found.verified is None):
            self._neighbours.stands_at(peer, height + 1)  # fetched by range
            return False
        try:
            imported = await self._candidates.commit(block.certificate, window)
        except InvalidBlock as error:
            raise _differs(height, sealed.hash, error.message) from error
        self._story.taken(block.certificate, imported, size=found.size)
        await self._after_commit(block.certificate, window, found.raw_body)
        return True

    async def _after_commit(
        self,
        certificate: Certificate,
        window: EpochWindow,
        body: Sequence[bytes],
    ) -> None:
        self._precommits.on_decided(
            certificate, window.current.order, participation_of(list(body[:3]))
        )
        await self._begin_height()


def _differs(height: int, block_hash: Hash32, reason: str) -> Fatal:
    """Rule C24."""
    return Fatal(
        f"more than 2/3 of the power decided block {height} (0x{block_hash.hex()}), which is "
        f"invalid here ({reason}): this node's state or software differs from the others'. Run "
        "`metis-node db verify`, compare the version, and sync again into an empty directory"
    )


def _fact_of(message: Message) -> Input:
    match message:
        case Vote():
            return VoteReceived(vote=message)
        case Yield():
            return YieldReceived(message=message)
        case Certificate():
            return CertificateReceived(certificate=message)
        case RoundCertificate():
            return RoundCertificateReceived(certificate=message)
        case Proposal():
            raise AssertionError("a proposal comes with its block")
