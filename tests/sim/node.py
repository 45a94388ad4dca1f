"""A validator: what survives a crash, and the process that runs now.

The process does what `engine/consensus/host.py` does, in step with the simulation: it feeds the
real machine, performs its effects in order, and lets nothing out before the journal is on disk.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metis_node.codec.consensus import encode_message
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
from metis_node.consensus.guard import Guard, SigningRefusedError
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
from metis_node.consensus.machine import ConsensusMachine
from metis_node.consensus.timeouts import Step
from metis_node.engine.consensus.journal import JournalledBlock
from metis_node.engine.consensus.signer import GuardedSigner
from metis_node.types.consensus import (
    Certificate,
    Message,
    Proposal,
    RoundCertificate,
    Signed,
    Vote,
    VoteKind,
    Yield,
)
from metis_node.types.primitives import Address, Hash32
from tests.sim.blocks import GENESIS, SimBlock, decode_block, is_valid, root_after
from tests.sim.disk import Crash, Faults, MemoryFile, SimGuardFile, SimJournal
from tests.sim.network import Envelope
from tests.sim.scenario import BLOCK_TIME_MS

if TYPE_CHECKING:
    from tests.sim.checkers import Place
    from tests.sim.world import World

BLOCKS_PER_REQUEST = 20
BUILD_MS = (5, 40)
VALIDATE_MS = (2, 20)
LATE_MS = (600, 4_000)
RESTART_MS = (200, 3_000)
TICK_MS = 1_000


@dataclass(frozen=True, slots=True)
class Decided:
    """A block of the chain and what made it final."""

    block: SimBlock
    certificate: Certificate | None


class Node:
    """What is on disk: chain, journal, guard. Names end in a letter where a key has two nodes."""

    def __init__(self, world: World, name: str, place: int) -> None:
        self.world = world
        self.name = name
        self.place = place
        self.key = world.keys[place]
        self.chain = [Decided(GENESIS, None)]
        self.journal = MemoryFile("journal")
        self.guard = MemoryFile("guard")
        self.frozen_until = 0
        self.process: Process | None = None
        first = Guard(
            signer=self.key.address,
            chain_id=world.domain.chain_id,
            version=world.domain.version,
        )
        SimGuardFile(self.guard, None).store(first)

    @property
    def head(self) -> SimBlock:
        return self.chain[-1].block

    @property
    def is_honest(self) -> bool:
        return self.place not in self.world.scenario.byzantine

    @property
    def skew_ms(self) -> int:
        skews = self.world.scenario.skews_ms
        return skews[self.place] if skews else 0

    def start(self) -> None:
        process = self.world.process_class(self)
        self.process = process
        process.attempt(process.begin)

    def crash(self, reason: str) -> None:
        """The process is gone; it comes back after a while."""
        if self.process is None:
            return
        self.process.close()
        self.process = None
        self.world.say(self.name, f"crashes {reason}")
        self.world.counts["crashes"] += 1
        self.world.later(self.world.random.randrange(*RESTART_MS), self._restart)

    def _restart(self) -> None:
        if self.process is None:
            self.world.say(self.name, f"starts at height {self.head.number + 1}")
            self.start()

    def close(self) -> None:
        if self.process is not None:
            self.process.close()
        self.journal.close()
        self.guard.close()


class Process:
    """One run of a node's software."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.world = node.world
        self.ended = False
        faults = Faults(self.world.random, self.world.crash_chance)
        self.journal = SimJournal(node.journal, faults)
        self._guard_file = SimGuardFile(node.guard, faults)
        self.signer = GuardedSigner(
            secret=node.key.secret,
            signer=node.key.address,
            domain=self.world.domain,
            file=self._guard_file,
        )
        self.machine = self.new_machine()
        self.blocks: dict[Hash32, SimBlock] = {}
        self.round = -1
        self.heard: dict[Place, Hash32] = {}
        self.accused: set[Address] = set()
        self._progress = -1
        self._builds = 0

    def new_machine(self) -> ConsensusMachine:
        return self.world.machine_class(
            me=self.node.key.address, timeouts=self.world.timeouts, is_replaying=True
        )

    def close(self) -> None:
        self.ended = True
        self.journal.close()
        self._guard_file.close()

    # --- heights -------------------------------------------------------------------------------

    def begin(self) -> None:
        height = self.node.head.number + 1
        entries = self.journal.entries(height)
        self._start_height(height)
        for entry in entries:
            if isinstance(entry, JournalledBlock):
                block = decode_block(entry.header_rlp)
                self.blocks[block.hash] = block
            else:
                self.feed(entry)
        self.feed(ReplayEnded())
        self.later(TICK_MS, self._tick)

    def _start_height(self, height: int) -> None:
        self.journal.begin(height)
        self.blocks.clear()
        self.heard.clear()
        self.accused.clear()
        self.feed(self.height_started(height))

    def height_started(self, height: int) -> HeightStarted:
        order, base = self.world.turns(height, self.node.head)
        return HeightStarted(height=height, order=order, base=base)

    def _tick(self) -> None:
        self.later(TICK_MS, self._tick)
        height = self.machine.height
        if height == self._progress and self.local_ms() > self._due_ms():
            self.feed(Stalled(height=height))
        self._progress = height
        self.send(Envelope("status", self.node.head.number.to_bytes(8, "big")))

    def local_ms(self) -> int:
        return self.world.now + self.node.skew_ms

    def _due_ms(self) -> int:
        return self.node.head.time_ms + BLOCK_TIME_MS

    # --- the machine and its effects -----------------------------------------------------------

    def feed(self, fact: Input) -> None:
        """One input and everything it leads to; what is to be sent leaves at the end."""
        facts: deque[Input] = deque([fact])
        outgoing: list[Message] = []
        decided: Decide | None = None
        while facts:
            for effect in self.machine.step(facts.popleft()):
                match effect:
                    case Sign():
                        facts.append(self.signed(effect.message))
                    case Record():
                        self.journal.record(effect.entry)
                    case Broadcast():
                        outgoing.append(effect.message)
                    case Decide():
                        decided = effect
                    case _:
                        self._perform(effect)
        if outgoing or decided is not None:
            self.flush()
            for message in outgoing:
                self.broadcast(message)
        if decided is not None:
            self._commit(self.blocks[decided.certificate.block_hash], decided.certificate)
            self.world.checkers.decided(self.node, decided)

    def flush(self) -> None:
        self.journal.flush_now()

    def signed(self, message: Signed) -> MessageSigned | SigningRefused:
        """What led to the message is on disk before the guard is raised: a journal that forgot it
        might lead elsewhere, and the guard would then refuse."""
        self.flush()
        try:
            signature = self.signer.sign(message)
        except SigningRefusedError as error:
            return SigningRefused(message=message, reason=error.message)
        return MessageSigned(message=replace(message, signature=signature))

    def _perform(self, effect: Effect) -> None:
        match effect:
            case EnterRound():
                self.round = effect.round
                if effect.round:
                    self.say(f"enters round {effect.round} of height {effect.height}")
            case ScheduleTimeout():
                self._arm(effect)
            case BuildBlock():
                self._builds += 1
                self._build(effect, self._builds)
            case CancelBuild():
                self._builds += 1
            case ValidateBlock():
                delay = self.world.random.randrange(*VALIDATE_MS)
                self.later(delay, lambda: self._validate(effect.proposal))
            case ReportEvidence():
                self.say(f"has evidence against {self.world.name_of(effect.evidence.sender)}")
                self.accused.add(effect.evidence.sender)
                self.world.checkers.evidence(self.node, effect.evidence)
            case RefuseMessage():
                self.world.counts["messages refused"] += 1
            case Abstain():
                self.say(f"abstains: {effect.reason}")
                self.world.checkers.stopped(self.node, effect.reason)
            case Halt():
                self.world.checkers.halted(self.node, effect.reason)
            case _:
                raise AssertionError(f"nobody performs {effect!r}")

    def _arm(self, effect: ScheduleTimeout) -> None:
        wait = 0
        if effect.step is Step.PROPOSE and effect.round == 0:
            wait = max(0, self._due_ms() - self.local_ms())
        delay = wait + effect.delay_ms
        if effect.step is Step.PROPOSE and self.world.strikes(self.world.scenario.hasty):
            self.world.counts["hasty time-outs"] += 1
            delay = wait + self.world.random.randrange(effect.delay_ms)
        elapsed = TimeoutElapsed(height=effect.height, round=effect.round, step=effect.step)
        self.later(delay, lambda: self._elapsed(elapsed))

    def _elapsed(self, elapsed: TimeoutElapsed) -> None:
        if elapsed.height == self.machine.height and not self.machine.is_decided:
            self.feed(elapsed)

    # --- blocks --------------------------------------------------------------------------------

    def _build(self, effect: BuildBlock, ticket: int) -> None:
        random = self.world.random
        delay = max(0, self._due_ms() - self.local_ms()) + random.randrange(*BUILD_MS)
        if self.world.strikes(self.world.scenario.late_build):
            self.world.counts["late builds"] += 1
            delay += random.randrange(*LATE_MS)
        self.later(delay, lambda: self._built(effect, ticket))

    def _built(self, effect: BuildBlock, ticket: int) -> None:
        if ticket != self._builds or effect.height != self.machine.height:
            return
        parent, salt = self.node.head, self.world.random.getrandbits(32)
        root = root_after(parent, self.node.key.address, salt)
        if self.node.place in self.world.scenario.bad_builders:
            self.world.counts["invalid blocks"] += 1
            root = Hash32(bytes(32))
        block = SimBlock(
            number=effect.height,
            parent=parent.hash,
            builder=self.node.key.address,
            time_ms=max(self._due_ms(), self.local_ms()),
            root=root,
            salt=salt,
        )
        self._keep(block)
        self.feed(BlockBuilt(height=effect.height, round=effect.round, block_hash=block.hash))

    def _keep(self, block: SimBlock) -> None:
        self.blocks[block.hash] = block
        self.journal.record(JournalledBlock(header_rlp=block.encoded, transactions=()))

    def _validate(self, proposal: Proposal) -> None:
        if proposal.height != self.machine.height:
            return
        block = self.blocks.get(proposal.block_hash)
        if block is None or block.parent != self.node.head.hash:
            return
        ahead = block.time_ms - self.local_ms()
        if ahead > 0:
            self.later(ahead, lambda: self._validate(proposal))
            return
        verdict = self.judge(block)
        if verdict is Verdict.VALID:
            self._keep(block)
        self.feed(BlockValidated(height=proposal.height, block_hash=block.hash, verdict=verdict))

    def judge(self, block: SimBlock) -> Verdict:
        return Verdict.VALID if is_valid(block, self.node.head) else Verdict.INVALID

    def _commit(self, block: SimBlock, certificate: Certificate) -> None:
        """The one atomic write: before or after it, never within."""
        faults = Faults(self.world.random, self.world.crash_chance)
        if faults.strikes():
            raise Crash("before a block became its head")
        self.node.chain.append(Decided(block, certificate))
        self.say(
            f"takes block {block.number} {block.hash.hex()[:6]} of "
            f"{self.world.name_of(block.builder)}, round {certificate.round}"
        )
        self.world.checkers.committed(self.node, self.node.chain[-1])
        self.send(_decided_envelope(self.node.chain[-1]))
        if faults.strikes():
            raise Crash("after a block became its head")
        self._start_height(block.number + 1)

    # --- messages ------------------------------------------------------------------------------

    def broadcast(self, message: Message) -> None:
        block = b""
        if isinstance(message, Proposal):
            if message.block_hash not in self.blocks:
                return
            block = self.blocks[message.block_hash].encoded
        self.world.checkers.sent(self.node, self, message)
        self.send(Envelope(_kind_of(message), encode_message(message), block))

    def send(self, envelope: Envelope) -> None:
        for name in self.world.nodes:
            if name != self.node.name:
                self.world.transmit(self.node.name, name, envelope)

    def receive(self, source: str, envelope: Envelope) -> None:
        match envelope.kind:
            case "status":
                self._on_status(source, int.from_bytes(envelope.payload, "big"))
            case "request":
                self._on_request(source, int.from_bytes(envelope.payload, "big"))
            case "decided":
                self._on_decided(source, envelope)
            case _:
                self._on_message(envelope)

    def _on_message(self, envelope: Envelope) -> None:
        message = self.world.codec.read(envelope.payload)
        match message:
            case Vote():
                contradicts = self.world.checkers.heard(self, message)
                self.feed(VoteReceived(vote=message))
                if contradicts:
                    self.world.checkers.accused(self, message)
            case Yield():
                self.feed(YieldReceived(message=message))
            case RoundCertificate():
                self.feed(RoundCertificateReceived(certificate=message))
            case Certificate(kind=VoteKind.PREVOTE):
                self.feed(CertificateReceived(certificate=message))
            case Proposal():
                self._on_proposal(message, envelope.block)
            case _:
                self.world.counts["messages unread"] += 1

    def _on_proposal(self, proposal: Proposal, encoded: bytes) -> None:
        block = decode_block(encoded)
        if block.hash != proposal.block_hash or block.number != proposal.height:
            self.world.counts["messages unread"] += 1
            return
        if proposal.height == self.machine.height:
            self.blocks.setdefault(block.hash, block)
        elif proposal.height > self.machine.height:
            return  # it is repeated, and its block with it, once this height is over
        self.feed(ProposalReceived(proposal=proposal, builder=block.builder))

    def _on_status(self, source: str, head: int) -> None:
        if head > self.node.head.number:
            first = (self.node.head.number + 1).to_bytes(8, "big")
            self.world.transmit(self.node.name, source, Envelope("request", first))

    def _on_request(self, source: str, first: int) -> None:
        for decided in self.node.chain[max(first, 1) : max(first, 1) + BLOCKS_PER_REQUEST]:
            self.world.transmit(self.node.name, source, _decided_envelope(decided))

    def _on_decided(self, source: str, envelope: Envelope) -> None:
        block = decode_block(envelope.block)
        if block.number > self.node.head.number + 1:
            self._on_status(source, block.number)
        if block.number != self.node.head.number + 1:
            return
        certificate = self.world.codec.read(envelope.payload)
        assert isinstance(certificate, Certificate)
        order, base = self.world.turns(block.number, self.node.head)
        self.world.check_certificate(certificate, order, base)
        if certificate.block_hash != block.hash or certificate.height != block.number:
            self.world.counts["messages unread"] += 1
            return
        self._commit(block, certificate)

    # --- the process ---------------------------------------------------------------------------

    def yield_turn(self) -> None:
        self.world.counts["yields asked"] += 1
        self.feed(YieldRequested())

    def attempt(self, action: object) -> None:
        """Run a part of the process, which may die of it."""
        try:
            action()  # type: ignore[operator]
        except Crash as crash:
            self.node.crash(str(crash))

    def later(self, delay: int, action: object) -> None:
        self.world.later(delay, action, process=self)  # type: ignore[arg-type]

    def say(self, words: str) -> None:
        self.world.say(self.node.name, words)


def _decided_envelope(decided: Decided) -> Envelope:
    assert decided.certificate is not None
    return Envelope("decided", encode_message(decided.certificate), decided.block.encoded)


def _kind_of(message: Message) -> str:
    match message:
        case Vote():
            return "prevote" if message.kind is VoteKind.PREVOTE else "precommit"
        case Proposal():
            return "proposal"
        case Yield():
            return "yield"
        case Certificate():
            return "polka"
        case RoundCertificate():
            return "round"
