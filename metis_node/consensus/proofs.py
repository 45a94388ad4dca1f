"""Certificates out of what the driver of a height holds, to be said to those who lack the votes."""

from __future__ import annotations

from collections.abc import Iterable

from metis_node._native import BftDriver
from metis_node.consensus.certificates import InvalidCertificate, check_certificate
from metis_node.consensus.members import Members
from metis_node.types.consensus import Certificate, RoundCertificate, SignedBy, Vote, VoteKind
from metis_node.types.primitives import ZERO_HASH, Address, Hash32


def polka_of(
    driver: BftDriver, members: Members, *, height: int, round_number: int, block_hash: Hash32
) -> Certificate | None:
    """The prevotes for a block in a round; None where they are no more than 2/3 of the power."""
    certificate = Certificate(
        kind=VoteKind.PREVOTE,
        height=height,
        round=round_number,
        block_hash=block_hash,
        signatures=signed_by(driver.prevotes(round_number, block_hash)),
    )
    try:
        check_certificate(certificate, members)
    except InvalidCertificate:
        return None
    return certificate


def round_certificate_of(driver: BftDriver, height: int) -> RoundCertificate | None:
    """The votes by which the driver entered its round; None where it needed none."""
    found = driver.round_certificate()
    if found is None:
        return None
    enter_round, voted_round, _, votes = found
    return RoundCertificate(
        height=height,
        enter_round=enter_round,
        votes=tuple(
            Vote(
                kind=VoteKind(kind),
                height=height,
                round=voted_round,
                block_hash=ZERO_HASH if value is None else Hash32(value),
                sender=Address(sender),
                signature=signature,
            )
            for kind, value, sender, signature in votes
        ),
    )


def signed_by(signatures: Iterable[tuple[bytes, bytes]]) -> tuple[SignedBy, ...]:
    """In the order of addresses: two nodes that hold the same signatures say the same."""
    return tuple(
        SignedBy(signer=Address(signer), signature=signature)
        for signer, signature in sorted(signatures)
    )
