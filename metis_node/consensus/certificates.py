"""Whether a certificate proves what it says. Signatures were recovered before; here is who they are
of, and whether that is enough power."""

from __future__ import annotations

from collections.abc import Iterable

from metis_node.consensus.members import Members
from metis_node.errors import Invalid
from metis_node.types.consensus import Certificate, RoundCertificate, VoteKind
from metis_node.types.primitives import ZERO_HASH, Address


class InvalidCertificate(Invalid):
    """It does not prove what it says."""


def check_certificate(certificate: Certificate, members: Members) -> None:
    """More than 2/3 of the power, each member once, nobody else. Raises InvalidCertificate."""
    if certificate.block_hash == ZERO_HASH:
        raise InvalidCertificate("a certificate names a block, this one names none")
    power = _power_of((entry.signer for entry in certificate.signatures), members)
    if not members.is_quorum(power):
        raise InvalidCertificate(
            f"{power} of {members.total_power} is no more than 2/3 of the power"
        )


def check_round_certificate(certificate: RoundCertificate, members: Members) -> None:
    """More than 1/3 of the power voted in `enter_round`, or more than 2/3 precommitted in the round
    before it. Raises InvalidCertificate."""
    rounds = {vote.round for vote in certificate.votes}
    if len(rounds) != 1:
        raise InvalidCertificate("the votes of a round certificate are of several rounds")
    voted = rounds.pop()
    power = _power_of((vote.sender for vote in certificate.votes), members)
    if voted == certificate.enter_round and members.is_honest(power):
        return
    if any(vote.kind is not VoteKind.PRECOMMIT for vote in certificate.votes):
        raise InvalidCertificate("a round ends by precommits alone")
    if voted != certificate.enter_round - 1 or not members.is_quorum(power):
        raise InvalidCertificate(
            f"{power} of {members.total_power} in round {voted} does not end that round"
        )


def _power_of(signers: Iterable[Address], members: Members) -> int:
    seen: set[Address] = set()
    power = 0
    for signer in signers:
        if signer in seen:
            raise InvalidCertificate(f"0x{signer.hex()} signs twice")
        if signer not in members:
            raise InvalidCertificate(f"0x{signer.hex()} is no validator of this height")
        seen.add(signer)
        power += members.power(signer)
    return power
