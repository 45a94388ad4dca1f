"""Proposals and decided blocks: round trips, and every refusal."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec import block_messages as codec
from metis_node.codec.block_messages import BlockProposal, DecidedBlock
from metis_node.codec.consensus import MalformedMessage, encode_message
from metis_node.types.blocks import BlockRef
from metis_node.types.consensus import Certificate, Proposal, SignedBy, Vote, VoteKind
from metis_node.types.primitives import ZERO_ADDRESS, ZERO_HASH, Hash32

PROPOSAL = Proposal(
    height=9,
    round=1,
    valid_round=0,
    block_hash=Hash32(b"\7" * 32),
    sender=ZERO_ADDRESS,
    signature=b"\5" * 65,
)
CERTIFICATE = Certificate(
    kind=VoteKind.PRECOMMIT,
    height=9,
    round=1,
    block_hash=Hash32(b"\7" * 32),
    signatures=(SignedBy(signer=ZERO_ADDRESS, signature=b"\5" * 65),),
)

bodies = st.one_of(st.none(), st.lists(st.binary(max_size=80), max_size=6).map(tuple))
hashes = st.lists(st.binary(min_size=32, max_size=32).map(Hash32), max_size=5)
precommits = st.builds(
    Vote,
    kind=st.just(VoteKind.PRECOMMIT),
    height=st.integers(0, 2**64 - 1),
    round=st.integers(0, 2**32 - 1),
    block_hash=st.just(ZERO_HASH),
    sender=st.just(ZERO_ADDRESS),
    signature=st.binary(min_size=65, max_size=65),
)
block_proposals = st.builds(
    BlockProposal,
    proposal=st.just(PROPOSAL),
    header_rlp=st.binary(max_size=100),
    transactions=bodies,
    hashes=hashes.map(tuple),
    precommits=st.lists(precommits, max_size=5).map(tuple),
)
decided_blocks = st.builds(
    DecidedBlock,
    certificate=st.just(CERTIFICATE),
    header_rlp=st.binary(max_size=100),
    transactions=bodies,
)


@given(block_proposals)
def test_a_proposal_survives_the_wire(value: BlockProposal) -> None:
    assert codec.decode_block_proposal(codec.encode_block_proposal(value)) == value


@given(st.lists(decided_blocks, max_size=4))
def test_decided_blocks_survive_the_wire(blocks: list[DecidedBlock]) -> None:
    assert codec.decode_range(codec.encode_range(blocks)) == blocks
    for block in blocks:
        assert codec.decode_decided(codec.encode_decided(block)) == block


@given(st.integers(0, 2**64 - 1), st.integers(1, codec.MAX_RANGE), hashes)
def test_requests_survive_the_wire(first: int, count: int, wanted: list[Hash32]) -> None:
    request = codec.encode_range_request(first, count)
    assert codec.decode_range_request(request) == (first, count)
    ref = BlockRef(number=first, hash=Hash32(b"\1" * 32))
    assert codec.decode_ref(codec.encode_ref(ref)) == ref
    assert codec.decode_hashes(codec.encode_hashes(wanted)) == wanted
    assert codec.decode_transactions_message(codec.encode_transactions(list(wanted))) == wanted


@given(st.binary(max_size=200))
def test_noise_is_refused_by_every_decoder(data: bytes) -> None:
    for decode in (
        codec.decode_block_proposal,
        codec.decode_decided,
        codec.decode_range,
        codec.decode_range_request,
        codec.decode_ref,
        codec.decode_hashes,
        codec.decode_transactions_message,
    ):
        with suppress(MalformedMessage):
            decode(data)


def test_another_message_is_no_proposal() -> None:
    value = BlockProposal(proposal=PROPOSAL, header_rlp=b"", transactions=None)
    encoded = codec.encode_block_proposal(value)
    vote = Vote(
        kind=VoteKind.PREVOTE,
        height=9,
        round=1,
        block_hash=ZERO_HASH,
        sender=ZERO_ADDRESS,
        signature=bytes(65),
    )
    swapped = encoded.replace(encode_message(PROPOSAL), encode_message(vote))
    with pytest.raises(MalformedMessage):
        codec.decode_block_proposal(swapped)


@pytest.mark.parametrize("count", [0, codec.MAX_RANGE + 1])
def test_too_many_blocks_are_not_asked_for(count: int) -> None:
    with pytest.raises(MalformedMessage, match=f"not {count}"):
        codec.decode_range_request(codec.encode_range_request(1, count))
