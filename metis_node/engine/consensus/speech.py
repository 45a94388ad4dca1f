"""What this node says to others: messages of the agreement, proposals with their blocks, decided
blocks."""

from __future__ import annotations

from metis_node._native import keccak256_many
from metis_node.codec.block_messages import (
    INLINE_BYTES,
    BlockProposal,
    DecidedBlock,
    encode_block_proposal,
    encode_decided,
)
from metis_node.codec.consensus import encode_evidence, encode_message
from metis_node.codec.sequencer_transactions import system_count
from metis_node.engine.consensus.candidates import Candidate, Candidates
from metis_node.engine.consensus.ports import Gossip
from metis_node.types.consensus import Certificate, Evidence, Message, Proposal
from metis_node.types.network import Topic
from metis_node.types.primitives import Hash32

SYSTEM_TRANSACTIONS = 4  # at most so many open a block, and one more


class Speech:
    """Event loop only."""

    def __init__(self, gossip: Gossip, candidates: Candidates) -> None:
        self._gossip = gossip
        self._candidates = candidates

    def broadcast(self, message: Message, *, is_late: bool) -> None:
        """To every peer on its own stream; by gossip too once a height does not move."""
        topic, payload = self._encoded(message)
        for peer in self._gossip.peers():
            self._gossip.send(peer, topic, payload)
        if is_late:
            self._gossip.publish(topic, payload)

    def announce(self, certificate: Certificate, block: Candidate) -> None:
        """A decided block, to those who do not vote. Who lacks the body of a big one fetches it."""
        body = block.raw_body
        decided = DecidedBlock(
            certificate=certificate,
            header_rlp=block.sealed.rlp,
            transactions=body if _is_small(body) else None,
        )
        self._gossip.publish(Topic.BLOCKS, encode_decided(decided))

    def tell_evidence(self, evidence: Evidence) -> None:
        self._gossip.publish(Topic.EVIDENCE, encode_evidence(evidence))

    def _encoded(self, message: Message) -> tuple[Topic, bytes]:
        if not isinstance(message, Proposal):
            return Topic.VOTES, encode_message(message)
        block = self._candidates.get(message.block_hash)
        assert block is not None, "what is proposed is known"
        body = block.raw_body
        carried = len(body) if _is_small(body) else system_count(body[:SYSTEM_TRANSACTIONS])
        value = BlockProposal(
            proposal=message,
            header_rlp=block.sealed.rlp,
            transactions=body[:carried],
            hashes=tuple(Hash32(one) for one in keccak256_many(list(body[carried:]))),
            precommits=block.proofs,
        )
        return Topic.PROPOSALS, encode_block_proposal(value)


def _is_small(body: tuple[bytes, ...]) -> bool:
    return sum(len(raw) for raw in body) <= INLINE_BYTES
