"""From bytes of the network to facts for the host: decode, recover who signed (rule C4), route.

Everything that waits is recovered at once, in native code on all cores; the order of one peer's
messages stays. What does not decode, or is signed by nobody, costs its sender and goes no further.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from metis_node._native import recover_signers
from metis_node.codec.block_messages import (
    BlockProposal,
    DecidedBlock,
    decode_block_proposal,
    decode_decided,
)
from metis_node.codec.consensus import (
    decode_evidence,
    decode_message,
    signed_digests,
    with_senders,
)
from metis_node.engine.consensus.workers import apart
from metis_node.engine.inbox import Inbox
from metis_node.errors import Invalid, Temporary
from metis_node.types.consensus import Certificate, Evidence, Message, Proposal, Vote
from metis_node.types.network import Offence, PeerId, Topic
from metis_node.types.primitives import Hash32
from metis_node.types.signing import SigningDomain

if TYPE_CHECKING:
    from metis_node.engine.consensus.ports import Gossip

MAX_WAITING = 8_192  # messages; each is bounded by its topic

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message of the agreement whose senders are known."""

    peer: PeerId
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalArrived:
    peer: PeerId
    value: BlockProposal


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedArrived:
    peer: PeerId
    value: DecidedBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceArrived:
    peer: PeerId
    evidence: Evidence


Arrival = Arrived | ProposalArrived | DecidedArrived | EvidenceArrived
_Digests = list[tuple[Hash32, bytes]]


class Reception:
    """`on_message` is the network's callback; `run` it as a task."""

    def __init__(
        self, *, domain: SigningDomain, gossip: Gossip, deliver: Callable[[Arrival], None]
    ) -> None:
        self._domain = domain
        self._gossip = gossip
        self._deliver = deliver
        self._inbox: Inbox[tuple[PeerId, Topic, bytes]] = Inbox("the agreement", MAX_WAITING)
        self.dropped = 0

    def on_message(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        try:
            self._inbox.put((peer, topic, payload))
        except Temporary:
            self.dropped += 1

    async def run(self) -> None:
        while True:
            await self._turn(await self._inbox.take_all())

    async def _turn(self, messages: Sequence[tuple[PeerId, Topic, bytes]]) -> None:
        decoded = [
            (arrival, self._digests(arrival))
            for peer, topic, payload in messages
            if (arrival := self._decoded(peer, topic, payload)) is not None
        ]
        senders = await recovered([item for _, digests in decoded for item in digests])
        at = 0
        for arrival, digests in decoded:
            self._settle(arrival, senders[at : at + len(digests)])
            at += len(digests)

    def _decoded(self, peer: PeerId, topic: Topic, payload: bytes) -> Arrival | None:
        try:
            match topic:
                case Topic.VOTES:
                    return Arrived(peer=peer, message=decode_message(payload))
                case Topic.PROPOSALS:
                    return ProposalArrived(peer=peer, value=decode_block_proposal(payload))
                case Topic.BLOCKS:
                    return DecidedArrived(peer=peer, value=decode_decided(payload))
                case Topic.EVIDENCE:
                    return EvidenceArrived(peer=peer, evidence=decode_evidence(payload))
                case _:
                    return None
        except Invalid as error:
            self._blame(peer, topic, error, Offence.MALFORMED)
            return None

    def _digests(self, arrival: Arrival) -> _Digests:
        match arrival:
            case Arrived():
                return signed_digests(self._domain, arrival.message)
            case ProposalArrived():
                return signed_digests(self._domain, arrival.value.proposal)
            case DecidedArrived():
                return signed_digests(self._domain, arrival.value.certificate)
            case EvidenceArrived():
                pair = arrival.evidence.first, arrival.evidence.second
                return [item for one in pair for item in signed_digests(self._domain, one)]

    def _settle(self, arrival: Arrival, senders: Sequence[bytes | None]) -> None:
        try:
            self._deliver(_signed(arrival, senders))
        except Invalid as error:
            topic = Topic.VOTES if isinstance(arrival, Arrived) else Topic.PROPOSALS
            self._blame(arrival.peer, topic, error, Offence.FORGED)

    def _blame(self, peer: PeerId, topic: Topic, error: Invalid, offence: Offence) -> None:
        log.debug("a message was refused", peer=peer, topic=topic.value, reason=error.message)
        self._gossip.penalise(peer, offence)


async def recovered(items: Sequence[tuple[Hash32, bytes]]) -> list[bytes | None]:
    """Who signed each; off the event loop where there is something to recover."""
    if not items:
        return []
    return await apart(lambda: recover_signers(items))


def _signed(arrival: Arrival, senders: Sequence[bytes | None]) -> Arrival:
    """Raises MalformedMessage where a signature is nobody's."""
    match arrival:
        case Arrived():
            return replace(arrival, message=with_senders(arrival.message, senders))
        case ProposalArrived():
            proposal = with_senders(arrival.value.proposal, senders)
            assert isinstance(proposal, Proposal)
            return replace(arrival, value=replace(arrival.value, proposal=proposal))
        case DecidedArrived():
            certificate = with_senders(arrival.value.certificate, senders)
            assert isinstance(certificate, Certificate)
            return replace(arrival, value=replace(arrival.value, certificate=certificate))
        case EvidenceArrived():
            first = with_senders(arrival.evidence.first, senders[:1])
            second = with_senders(arrival.evidence.second, senders[1:])
            assert isinstance(first, Vote | Proposal)
            assert isinstance(second, Vote | Proposal)
            return replace(arrival, evidence=Evidence(first=first, second=second))
