"""Messages of the agreement <-> bytes: canonical, bounded, and total.

Fixed layouts, big-endian, the first byte tells the kind. Decoding yields messages without senders:
`signed_digests` tells what to recover, `with_senders` puts the answers in.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from metis_node.codec.signing import proposal_digest, vote_digest, yield_digest
from metis_node.errors import Invalid
from metis_node.types.consensus import (
    Certificate,
    Evidence,
    Message,
    Proposal,
    RoundCertificate,
    Signed,
    SignedBy,
    Vote,
    VoteKind,
    Yield,
)
from metis_node.types.primitives import ZERO_ADDRESS, Address, Hash32
from metis_node.types.signing import SigningDomain

MAX_SIGNATURES = (
    256  # of a certificate: twice the seats that SequencerSet has, for round certificates
)
MAX_ROUND = 2**31 - 1
SIGNATURE_BYTES = 65

_VOTE, _PROPOSAL, _YIELD, _CERTIFICATE, _ROUND = 1, 2, 3, 4, 5
_VOTE_LAYOUT = struct.Struct(">BBQI32s65s")
_PROPOSAL_LAYOUT = struct.Struct(">BQIi32s65s")
_YIELD_LAYOUT = struct.Struct(">BQI65s")
_CERTIFICATE_HEAD = struct.Struct(">BBQI32sH")
_ROUND_HEAD = struct.Struct(">BQIH")
_ROUND_VOTE = struct.Struct(">BI32s65s")
MAX_MESSAGE_BYTES = _CERTIFICATE_HEAD.size + MAX_SIGNATURES * _ROUND_VOTE.size


class MalformedMessage(Invalid):
    """Bytes that are no message of the agreement."""


def encode_message(message: Message) -> bytes:
    """The message without its senders."""
    match message:
        case Vote():
            return _VOTE_LAYOUT.pack(
                _VOTE,
                message.kind,
                message.height,
                message.round,
                message.block_hash,
                message.signature,
            )
        case Proposal():
            return _PROPOSAL_LAYOUT.pack(
                _PROPOSAL,
                message.height,
                message.round,
                message.valid_round,
                message.block_hash,
                message.signature,
            )
        case Yield():
            return _YIELD_LAYOUT.pack(_YIELD, message.height, message.round, message.signature)
        case Certificate():
            return _encode_certificate(message)
        case RoundCertificate():
            return _encode_round(message)


def decode_message(data: bytes) -> Message:
    """The message; its senders are the zero address until they are recovered.

    Raises MalformedMessage.
    """
    if not data:
        raise MalformedMessage("the message is empty")
    decoder = _DECODERS.get(data[0])
    if decoder is None:
        raise MalformedMessage(f"no message has kind {data[0]}")
    try:
        return decoder(data)
    except struct.error:
        raise MalformedMessage(
            f"a message of kind {data[0]} does not have {len(data)} bytes"
        ) from None


def encode_evidence(evidence: Evidence) -> bytes:
    """Both messages, one after the other: they have one length."""
    return encode_message(evidence.first) + encode_message(evidence.second)


def decode_evidence(data: bytes) -> Evidence:
    """Raises MalformedMessage unless it is two signed messages of one kind that contradict."""
    half = len(data) // 2
    first, second = decode_message(data[:half]), decode_message(data[half:])
    if isinstance(first, Vote) and isinstance(second, Vote):
        alike = (first.kind, first.height, first.round) == (
            second.kind,
            second.height,
            second.round,
        )
    elif isinstance(first, Proposal) and isinstance(second, Proposal):
        alike = (first.height, first.round) == (second.height, second.round)
    else:
        raise MalformedMessage("evidence is two votes or two proposals")
    if not alike or first.block_hash == second.block_hash:
        raise MalformedMessage("the two messages of the evidence do not contradict each other")
    return Evidence(first=first, second=second)


def signed_digests(domain: SigningDomain, message: Message) -> list[tuple[Hash32, bytes]]:
    """(digest, signature) of every signature in the message, in order."""
    match message:
        case Certificate():
            digest = vote_digest(
                domain,
                kind=message.kind,
                height=message.height,
                round=message.round,
                block_hash=message.block_hash,
            )
            return [(digest, entry.signature) for entry in message.signatures]
        case RoundCertificate():
            return [(digest_of(domain, vote), vote.signature) for vote in message.votes]
        case _:
            return [(digest_of(domain, message), message.signature)]


def digest_of(domain: SigningDomain, message: Signed) -> Hash32:
    """What its sender signs."""
    match message:
        case Vote():
            return vote_digest(
                domain,
                kind=message.kind,
                height=message.height,
                round=message.round,
                block_hash=message.block_hash,
            )
        case Proposal():
            return proposal_digest(
                domain,
                height=message.height,
                round=message.round,
                valid_round=message.valid_round,
                block_hash=message.block_hash,
            )
        case Yield():
            return yield_digest(domain, height=message.height, round=message.round)


def with_senders(message: Message, senders: Sequence[bytes | None]) -> Message:
    """The message with who signed it, from the answers to `signed_digests`.

    Raises MalformedMessage where a signature recovers to nobody: such a message is refused whole.
    """
    if any(sender is None for sender in senders):
        raise MalformedMessage("a signature of the message recovers to nobody")
    known: Iterator[Address] = iter([Address(sender) for sender in senders if sender is not None])
    match message:
        case Certificate():
            signed = [
                SignedBy(signer=sender, signature=entry.signature)
                for entry, sender in zip(message.signatures, known, strict=True)
            ]
            return replace(message, signatures=tuple(signed))
        case RoundCertificate():
            votes = [
                replace(vote, sender=sender)
                for vote, sender in zip(message.votes, known, strict=True)
            ]
            return replace(message, votes=tuple(votes))
        case _:
            return replace(message, sender=next(known))


def _encode_certificate(message: Certificate) -> bytes:
    head = _CERTIFICATE_HEAD.pack(
        _CERTIFICATE,
        message.kind,
        message.height,
        message.round,
        message.block_hash,
        len(message.signatures),
    )
    return head + b"".join([entry.signature for entry in message.signatures])


def _encode_round(message: RoundCertificate) -> bytes:
    head = _ROUND_HEAD.pack(_ROUND, message.height, message.enter_round, len(message.votes))
    votes = [
        _ROUND_VOTE.pack(vote.kind, vote.round, vote.block_hash, vote.signature)
        for vote in message.votes
    ]
    return head + b"".join(votes)


def _decode_vote(data: bytes) -> Vote:
    _, kind, height, round_number, block_hash, signature = _VOTE_LAYOUT.unpack(data)
    return Vote(
        kind=_kind(kind),
        height=height,
        round=_round(round_number),
        block_hash=Hash32(block_hash),
        sender=ZERO_ADDRESS,
        signature=signature,
    )


def _decode_proposal(data: bytes) -> Proposal:
    _, height, round_number, valid_round, block_hash, signature = _PROPOSAL_LAYOUT.unpack(data)
    if not -1 <= valid_round < _round(round_number):
        raise MalformedMessage(
            f"a proposal of round {round_number} cannot rest on round {valid_round}"
        )
    return Proposal(
        height=height,
        round=round_number,
        valid_round=valid_round,
        block_hash=Hash32(block_hash),
        sender=ZERO_ADDRESS,
        signature=signature,
    )


def _decode_yield(data: bytes) -> Yield:
    _, height, round_number, signature = _YIELD_LAYOUT.unpack(data)
    return Yield(
        height=height, round=_round(round_number), sender=ZERO_ADDRESS, signature=signature
    )


def _decode_certificate(data: bytes) -> Certificate:
    _, kind, height, round_number, block_hash, count = _CERTIFICATE_HEAD.unpack_from(data)
    body = _counted(data, _CERTIFICATE_HEAD.size, count, SIGNATURE_BYTES)
    return Certificate(
        kind=_kind(kind),
        height=height,
        round=_round(round_number),
        block_hash=Hash32(block_hash),
        signatures=tuple(SignedBy(signer=ZERO_ADDRESS, signature=entry) for entry in body),
    )


def _decode_round(data: bytes) -> RoundCertificate:
    _, height, enter_round, count = _ROUND_HEAD.unpack_from(data)
    votes: list[Vote] = []
    for entry in _counted(data, _ROUND_HEAD.size, count, _ROUND_VOTE.size):
        kind, round_number, block_hash, signature = _ROUND_VOTE.unpack(entry)
        votes.append(
            Vote(
                kind=_kind(kind),
                height=height,
                round=_round(round_number),
                block_hash=Hash32(block_hash),
                sender=ZERO_ADDRESS,
                signature=signature,
            )
        )
    return RoundCertificate(height=height, enter_round=_round(enter_round), votes=tuple(votes))


def _counted(data: bytes, start: int, count: int, size: int) -> list[bytes]:
    if not 0 < count <= MAX_SIGNATURES:
        raise MalformedMessage(f"a certificate has 1 to {MAX_SIGNATURES} signatures, not {count}")
    if len(data) != start + count * size:
        raise MalformedMessage(f"{count} signatures do not fill the certificate")
    return [data[at : at + size] for at in range(start, len(data), size)]


def _kind(value: int) -> VoteKind:
    try:
        return VoteKind(value)
    except ValueError:
        raise MalformedMessage(f"no vote has kind {value}") from None


def _round(value: int) -> int:
    if value > MAX_ROUND:
        raise MalformedMessage(f"round {value} is above {MAX_ROUND}")
    return value


_DECODERS: dict[int, Callable[[bytes], Message]] = {
    _VOTE: _decode_vote,
    _PROPOSAL: _decode_proposal,
    _YIELD: _decode_yield,
    _CERTIFICATE: _decode_certificate,
    _ROUND: _decode_round,
}
