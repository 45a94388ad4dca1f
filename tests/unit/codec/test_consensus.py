"""Messages of the agreement: round trips, and every refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.consensus import (
    MAX_MESSAGE_BYTES,
    MalformedMessage,
    decode_evidence,
    decode_message,
    encode_evidence,
    encode_message,
    signed_digests,
    with_senders,
)
from metis_node.types.consensus import (
    Certificate,
    Evidence,
    Message,
    Proposal,
    RoundCertificate,
    SignedBy,
    Vote,
    VoteKind,
    Yield,
)
from metis_node.types.primitives import ZERO_ADDRESS, Address, Hash32
from metis_node.types.signing import SigningDomain

DOMAIN = SigningDomain(chain_id=59_902, locking_pool=Address(bytes(19) + b"\1"))

heights = st.integers(0, 2**64 - 1)
rounds = st.integers(0, 2**31 - 1)
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
signatures = st.binary(min_size=65, max_size=65)
kinds = st.sampled_from(VoteKind)

votes = st.builds(
    Vote,
    kind=kinds,
    height=heights,
    round=rounds,
    block_hash=hashes,
    sender=st.just(ZERO_ADDRESS),
    signature=signatures,
)
proposals = st.builds(
    lambda height, round, drop, block_hash, signature: Proposal(
        height=height,
        round=round,
        valid_round=max(-1, round - drop),
        block_hash=block_hash,
        sender=ZERO_ADDRESS,
        signature=signature,
    ),
    heights,
    rounds,
    st.integers(1, 2**31),
    hashes,
    signatures,
)
yields = st.builds(
    Yield, height=heights, round=rounds, sender=st.just(ZERO_ADDRESS), signature=signatures
)
certificates = st.builds(
    Certificate,
    kind=kinds,
    height=heights,
    round=rounds,
    block_hash=hashes,
    signatures=st.lists(
        st.builds(SignedBy, signer=st.just(ZERO_ADDRESS), signature=signatures),
        min_size=1,
        max_size=8,
    ).map(tuple),
)


@st.composite
def round_certificates(draw: st.DrawFn) -> RoundCertificate:
    height = draw(heights)
    entries = draw(st.lists(votes, min_size=1, max_size=8))
    return RoundCertificate(
        height=height,
        enter_round=draw(rounds),
        votes=tuple(
            Vote(
                kind=vote.kind,
                height=height,
                round=vote.round,
                block_hash=vote.block_hash,
                sender=ZERO_ADDRESS,
                signature=vote.signature,
            )
            for vote in entries
        ),
    )


messages = st.one_of(votes, proposals, yields, certificates, round_certificates())


@given(messages)
def test_every_message_survives_the_wire(message: Message) -> None:
    encoded = encode_message(message)
    assert len(encoded) <= MAX_MESSAGE_BYTES
    assert decode_message(encoded) == message


@given(st.binary(max_size=300))
def test_noise_is_refused_or_canonical(data: bytes) -> None:
    try:
        message = decode_message(data)
    except MalformedMessage:
        return
    assert encode_message(message) == data


@given(messages, st.data())
def test_a_cut_or_longer_message_is_refused(message: Message, data: st.DataObject) -> None:
    encoded = encode_message(message)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    for wrong in (encoded[:cut], encoded + b"\0"):
        with pytest.raises(MalformedMessage):
            decode_message(wrong)


@given(messages)
def test_senders_go_where_the_signatures_are(message: Message) -> None:
    digests = signed_digests(DOMAIN, message)
    senders = [bytes([index + 1]) * 20 for index in range(len(digests))]
    known = with_senders(message, senders)
    assert encode_message(known) == encode_message(message)
    if isinstance(known, Certificate):
        assert [entry.signer for entry in known.signatures] == senders
    elif isinstance(known, RoundCertificate):
        assert [vote.sender for vote in known.votes] == senders
    else:
        assert known.sender == senders[0]


def test_one_signature_of_nobody_spoils_a_certificate() -> None:
    certificate = Certificate(
        kind=VoteKind.PRECOMMIT,
        height=1,
        round=0,
        block_hash=Hash32(bytes(31) + b"\1"),
        signatures=(SignedBy(signer=ZERO_ADDRESS, signature=bytes(65)),) * 2,
    )
    with pytest.raises(MalformedMessage, match="recovers to nobody"):
        with_senders(certificate, [b"\1" * 20, None])


def _vote(block: int, **fields: int) -> Vote:
    return Vote(
        kind=VoteKind(fields.get("kind", 1)),
        height=fields.get("height", 7),
        round=fields.get("round", 2),
        block_hash=Hash32(block.to_bytes(32, "big")),
        sender=ZERO_ADDRESS,
        signature=bytes(65),
    )


def _proposal(block: int) -> Proposal:
    return Proposal(
        height=7,
        round=2,
        valid_round=-1,
        block_hash=Hash32(block.to_bytes(32, "big")),
        sender=ZERO_ADDRESS,
        signature=bytes(65),
    )


@pytest.mark.parametrize("pair", [(_vote(1), _vote(0)), (_proposal(1), _proposal(2))])
def test_evidence_survives_the_wire(pair: tuple[Vote | Proposal, Vote | Proposal]) -> None:
    evidence = Evidence(first=pair[0], second=pair[1])
    assert decode_evidence(encode_evidence(evidence)) == evidence


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (_vote(1), _vote(1)),
        (_vote(1), _vote(2, kind=2)),
        (_vote(1), _vote(2, round=3)),
        (_vote(1), _vote(2, height=8)),
        (_proposal(1), _proposal(1)),
    ],
)
def test_messages_that_agree_are_no_evidence(
    first: Vote | Proposal, second: Vote | Proposal
) -> None:
    with pytest.raises(MalformedMessage, match="contradict"):
        decode_evidence(encode_message(first) + encode_message(second))
