"""Four machines and a wire between them that the test holds in its hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from metis_node._native import recover_signers, sign_digest
from metis_node.codec.consensus import (
    decode_message,
    digest_of,
    encode_message,
    signed_digests,
    with_senders,
)
from metis_node.consensus.effects import (
    Broadcast,
    BuildBlock,
    Decide,
    Effect,
    Record,
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
    RoundCertificateReceived,
    TimeoutElapsed,
    Verdict,
    VoteReceived,
    YieldReceived,
)
from metis_node.consensus.machine import ConsensusMachine
from metis_node.types.consensus import (
    Certificate,
    Member,
    Message,
    Proposal,
    RoundCertificate,
    Vote,
    Yield,
)
from metis_node.types.primitives import Address, Hash32
from metis_node.types.rules import Timeouts
from metis_node.types.signing import SigningDomain

DOMAIN = SigningDomain(chain_id=59_902, locking_pool=Address(bytes(20)))
SECRETS = [bytes(31) + bytes((number,)) for number in range(1, 8)]


def address_of(secret: bytes) -> Address:
    probe = bytes(31) + b"\1"
    found = recover_signers([(probe, sign_digest(secret, probe))])[0]
    assert found is not None
    return Address(found)


ADDRESSES = [address_of(secret) for secret in SECRETS]


def signed(message: Vote | Proposal | Yield, secret: bytes) -> Vote | Proposal | Yield:
    return replace(message, signature=sign_digest(secret, digest_of(DOMAIN, message)))


def over_the_wire(message: Message) -> Message:
    """Encoded, decoded, and its senders recovered: what a peer gets."""
    decoded = decode_message(encode_message(message))
    return with_senders(decoded, recover_signers(signed_digests(DOMAIN, decoded)))


@dataclass(slots=True)
class Node:
    """One machine and what it ordered."""

    index: int
    machine: ConsensusMachine
    members: tuple[Member, ...]
    timeouts: list[ScheduleTimeout] = field(default_factory=list)
    decided: list[Decide] = field(default_factory=list)
    seen: list[Effect] = field(default_factory=list)
    journal: list[Input] = field(default_factory=list)
    is_down: bool = False
    invalid: set[Hash32] = field(default_factory=set)
    builds: bool = True

    @property
    def address(self) -> Address:
        return ADDRESSES[self.index]


class Wire:
    """Delivers everything in order, or what `drop` lets through."""

    def __init__(self, count: int = 4) -> None:
        self.members = tuple(Member(signer=address, power=100) for address in ADDRESSES[:count])
        self.nodes = [self.new_node(index) for index in range(count)]
        self.queue: deque[tuple[int, Input]] = deque()
        self.drop: Callable[[int, int, Message], bool] = lambda *_: False

    def new_node(self, index: int, *, is_replaying: bool = False) -> Node:
        machine = ConsensusMachine(
            me=ADDRESSES[index], timeouts=Timeouts(), is_replaying=is_replaying
        )
        return Node(index=index, machine=machine, members=self.members)

    def start(self, height: int = 1, base: int = 0) -> None:
        for node in self.nodes:
            self.queue.append(
                (node.index, HeightStarted(height=height, order=self.members, base=base))
            )
        self.run()

    def run(self) -> None:
        while self.queue:
            index, fact = self.queue.popleft()
            self.feed(self.nodes[index], fact)

    def feed(self, node: Node, fact: Input) -> None:
        if node.is_down:
            return
        facts = deque([fact])
        while facts:
            for effect in node.machine.step(facts.popleft()):
                node.seen.append(effect)
                match effect:
                    case Sign():
                        message = signed(effect.message, SECRETS[node.index])
                        facts.append(MessageSigned(message=message))
                    case Record():
                        node.journal.append(effect.entry)
                    case Broadcast():
                        self._broadcast(node, effect.message)
                    case BuildBlock() if node.builds:
                        self.queue.append((node.index, self.built(node, effect)))
                    case ValidateBlock():
                        self.queue.append((node.index, self._validated(node, effect)))
                    case ScheduleTimeout():
                        node.timeouts.append(effect)
                    case Decide():
                        node.decided.append(effect)

    def built(self, node: Node, effect: BuildBlock) -> BlockBuilt:
        return BlockBuilt(
            height=effect.height, round=effect.round, block_hash=block(node.index, effect.round)
        )

    def _validated(self, node: Node, effect: ValidateBlock) -> BlockValidated:
        block_hash = effect.proposal.block_hash
        verdict = Verdict.INVALID if block_hash in node.invalid else Verdict.VALID
        return BlockValidated(height=effect.proposal.height, block_hash=block_hash, verdict=verdict)

    def _broadcast(self, node: Node, message: Message) -> None:
        for other in self.nodes:
            if other is not node and not self.drop(node.index, other.index, message):
                self.queue.append((other.index, as_input(over_the_wire(message))))

    def elapse(self) -> None:
        """Let the time-outs run out that are armed now, on every node."""
        for node in self.nodes:
            armed, node.timeouts = node.timeouts, []
            for effect in armed:
                self.queue.append(
                    (
                        node.index,
                        TimeoutElapsed(height=effect.height, round=effect.round, step=effect.step),
                    )
                )
        self.run()


def block(builder: int, round_number: int) -> Hash32:
    return Hash32(bytes((0xB0 + builder, round_number % 256)) * 16)


def as_input(message: Message) -> Input:
    match message:
        case Vote():
            return VoteReceived(vote=message)
        case Proposal():
            builder = message.block_hash[0] - 0xB0
            return ProposalReceived(proposal=message, builder=ADDRESSES[builder])
        case Yield():
            return YieldReceived(message=message)
        case Certificate():
            return CertificateReceived(certificate=message)
        case RoundCertificate():
            return RoundCertificateReceived(certificate=message)
