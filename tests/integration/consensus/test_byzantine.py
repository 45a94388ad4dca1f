"""Sequencers that cheat: doubles of a real node among honest ones. The chain goes on, all keep one
chain, and who can be convicted is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from metis_node._native import sign_digest
from metis_node.chain.blockchain import Verified
from metis_node.codec.block_messages import decode_block_proposal, encode_block_proposal
from metis_node.codec.consensus import (
    decode_message,
    digest_of,
    encode_evidence,
    encode_message,
)
from metis_node.codec.headers import encode_header, open_sealed
from metis_node.engine.block_builder import BlockBuilder, BuiltBlock
from metis_node.types.blocks import SealedHeader
from metis_node.types.consensus import Evidence, Vote, VoteKind
from metis_node.types.network import Offence, PeerId, Topic
from metis_node.types.primitives import Address, Hash32
from metis_node.types.signing import SigningDomain
from tests import sequenced
from tests.integration.consensus.village import NO_POOL, Village, Villager, same_chain, village

LIAR = "node-1"


def honest(made: Village) -> list[Villager]:
    return [one for one in made.villagers.values() if one.name != LIAR]


async def go_on(made: Village, blocks: int = 6) -> None:
    """The honest ones make so many blocks, and have one chain."""
    height = max(one.head for one in honest(made))
    await made.until(lambda: all(one.head >= height + blocks for one in honest(made)), 40)
    assert same_chain(honest(made))


async def test_who_votes_for_two_blocks_is_convicted(tmp_path: Path) -> None:
    secret = (sequenced.FIRST_KEY + 1).to_bytes(32, "big")
    async with village(tmp_path, 4) as made:
        domain = SigningDomain(chain_id=made.genesis.rules.chain_id, locking_pool=NO_POOL)

        def two_faced(sender: PeerId, to: PeerId, topic: Topic, payload: bytes) -> bool:
            """To every other node another vote, each validly signed."""
            if sender != LIAR or topic is not Topic.VOTES:
                return True
            message = decode_message(payload)
            if not isinstance(message, Vote):
                return True
            other = replace(message, block_hash=Hash32(to.encode().ljust(32, b"\1")))
            other = replace(other, signature=sign_digest(secret, digest_of(domain, other)))
            made.villagers[to].reception.on_message(sender, topic, encode_message(other))
            return True

        made.filter = two_faced
        await go_on(made)
        liar = sequenced.signer(1)
        await made.until(lambda: all(one.host.evidence for one in honest(made)))
        for one in honest(made):
            assert all(isinstance(found, Evidence) for found in one.host.evidence)
            assert {found.sender for found in one.host.evidence} == {liar}


async def test_who_proposes_two_blocks_is_convicted(tmp_path: Path) -> None:
    """Both are valid. One node gets the one, one the other, one gets both."""
    secret = (sequenced.FIRST_KEY + 1).to_bytes(32, "big")
    async with village(tmp_path, 4) as made:
        domain = SigningDomain(chain_id=made.genesis.rules.chain_id, locking_pool=NO_POOL)
        twice: set[int] = set()

        def second_of(payload: bytes) -> bytes:
            """The same block, but another earns its fees, of which an empty block has none."""
            value = decode_block_proposal(payload)
            header = open_sealed(value.header_rlp).header
            other = open_sealed(encode_header(replace(header, beneficiary=Address(b"\5" * 20))))
            proposal = replace(value.proposal, block_hash=other.hash)
            signature = sign_digest(secret, digest_of(domain, proposal))
            twice.add(proposal.height)
            return encode_block_proposal(
                replace(
                    value,
                    proposal=replace(proposal, signature=signature),
                    header_rlp=other.rlp,
                )
            )

        def two_faced(sender: PeerId, to: PeerId, topic: Topic, payload: bytes) -> bool:
            if sender != LIAR or topic is not Topic.PROPOSALS or to == "node-2":
                return True
            made.villagers[to].reception.on_message(sender, topic, second_of(payload))
            return to == "node-4"

        made.filter = two_faced
        await made.until(lambda: bool(twice), 60)  # it was its turn
        await go_on(made)
        liar = sequenced.signer(1)
        both = made.villagers[PeerId("node-4")]
        await made.until(lambda: bool(both.host.evidence))
        assert {found.sender for found in both.host.evidence} == {liar}
        await made.until(lambda: all(one.host.evidence for one in honest(made)))
        offences = {offence for one in honest(made) for _, offence in one.offences}
        assert Offence.FORGED not in offences  # both are signed, and both are blocks


class LyingBuilder(BlockBuilder):
    """Its blocks claim a state that nobody has."""

    async def build(self, parent: SealedHeader, sequencing: Any = None) -> BuiltBlock | None:
        built = await super().build(parent, sequencing)
        if built is None:
            return None
        header = replace(built.verified.sealed.header, state_root=Hash32(b"\7" * 32))
        lie = open_sealed(encode_header(header))
        return replace(built, verified=Verified(sealed=lie, prepared=built.verified.prepared))


async def test_a_wrong_state_root_gets_no_vote_and_costs_the_turn(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(1)
        liar = made.villagers[PeerId(LIAR)]
        builder = liar.host._builder
        builder.__class__ = LyingBuilder
        for _ in range(8):  # until it was its turn: everybody else gives theirs away
            active = [one for one in honest(made) if one.host.is_active]
            for one in active:
                one.host.yield_turn()
            await go_on(made, 2)
            if any(one.story.counts["blocks_invalid"] for one in honest(made)):
                break
        assert any(one.story.counts["blocks_invalid"] for one in honest(made))
        await go_on(made, 3)


async def test_a_silent_sequencer_is_passed_over(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        made.filter = lambda sender, *_: sender != LIAR
        await go_on(made, 8)
        made.filter = lambda *_: True
        await made.height(max(one.head for one in honest(made)) + 2, 30)
        assert same_chain(list(made.villagers.values()))


async def test_bytes_that_are_no_messages_cost_their_sender(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(1)
        for topic in (Topic.VOTES, Topic.PROPOSALS, Topic.BLOCKS, Topic.EVIDENCE):
            for noise in (b"", b"\1", b"\xff" * 300, bytes(130)):
                made.carry(PeerId(LIAR), PeerId("node-2"), topic, noise)
        target = made.villagers[PeerId("node-2")]
        await made.until(lambda: len(target.offences) >= 12)
        assert {peer for peer, _ in target.offences} == {LIAR}
        await go_on(made, 3)


async def test_evidence_against_a_stranger_costs_its_sender(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        domain = SigningDomain(chain_id=made.genesis.rules.chain_id, locking_pool=NO_POOL)
        votes = [
            Vote(
                kind=VoteKind.PREVOTE,
                height=1,
                round=0,
                block_hash=Hash32(bytes((number,)) * 32),
                sender=sequenced.signer(99),
            )
            for number in (1, 2)
        ]
        key = (sequenced.FIRST_KEY + 99).to_bytes(32, "big")
        first, second = (
            replace(vote, signature=sign_digest(key, digest_of(domain, vote))) for vote in votes
        )
        evidence = encode_evidence(Evidence(first=first, second=second))
        made.carry(PeerId(LIAR), PeerId("node-2"), Topic.EVIDENCE, evidence)
        target = made.villagers[PeerId("node-2")]
        await made.until(lambda: (PeerId(LIAR), Offence.FORGED) in target.offences)
        assert not target.host.evidence
