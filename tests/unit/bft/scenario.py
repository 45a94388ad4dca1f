"""One height told from one validator's view: who says what, and what comes out.

Signatures are place-holders, different for each message: the driver carries them unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from metis_node._native import BftDriver

PREVOTE, PRECOMMIT = 1, 2
PROPOSE_TIMER, PREVOTE_TIMER, PRECOMMIT_TIMER = 0, 1, 2
FRESH = -1

V = b"v" * 32
W = b"w" * 32
X = b"x" * 32

Outputs = list[tuple[object, ...]]


def address(who: int) -> bytes:
    """Of the validator at place `who`."""
    return bytes([who + 1]) * 20


def signature(*message: object) -> bytes:
    """65 bytes that belong to this message."""
    return sha256(repr(message).encode()).digest() * 2 + b"\x1b"


class Height:
    """A driver and the height's other validators, each named by its place."""

    def __init__(self, powers: Sequence[int], me: int) -> None:
        self.powers = powers
        self.me = me
        members = [(address(who), power) for who, power in enumerate(powers)]
        self.driver = BftDriver(1, members, address(me))

    def begin(self, round: int, proposer: int) -> Outputs:
        return list(self.driver.new_round(round, address(proposer)))

    def propose(self, round: int, value: bytes) -> Outputs:
        return list(self.driver.propose(round, value))

    def proposal(
        self,
        round: int,
        proposer: int,
        value: bytes,
        *,
        pol: int = FRESH,
        valid: bool = True,
        copy: int = 0,
    ) -> Outputs:
        signed = signature("proposal", round, value, pol, copy)
        return list(self.driver.proposal(round, value, pol, address(proposer), signed, valid))

    def vote(self, kind: int, round: int, who: int, value: bytes | None) -> Outputs:
        signed = signature(kind, round, who, value)
        return list(self.driver.vote(kind, round, value, address(who), signed))

    def prevote(self, round: int, who: int, value: bytes | None) -> Outputs:
        return self.vote(PREVOTE, round, who, value)

    def precommit(self, round: int, who: int, value: bytes | None) -> Outputs:
        return self.vote(PRECOMMIT, round, who, value)

    def prevotes(self, round: int, whose: Iterable[int], value: bytes | None) -> Outputs:
        return [output for who in whose for output in self.prevote(round, who, value)]

    def precommits(self, round: int, whose: Iterable[int], value: bytes | None) -> Outputs:
        return [output for who in whose for output in self.precommit(round, who, value)]

    def timeout(self, kind: int, round: int) -> Outputs:
        return list(self.driver.timeout(kind, round))

    def signatures(
        self, kind: int, round: int, whose: Iterable[int], value: bytes | None
    ) -> list[tuple[bytes, bytes]]:
        return [(address(who), signature(kind, round, who, value)) for who in whose]

    def polka(self, round: int, whose: Iterable[int], value: bytes) -> Outputs:
        """A polka certificate."""
        signed = self.signatures(PREVOTE, round, whose, value)
        return list(self.driver.polka_certificate(round, value, signed))

    def commit(self, round: int, whose: Iterable[int], value: bytes) -> Outputs:
        """A commit certificate."""
        signed = self.signatures(PRECOMMIT, round, whose, value)
        return list(self.driver.commit_certificate(round, value, signed))

    def skip_to(self, round: int, proposer: int, whose: Iterable[int]) -> Outputs:
        """Enter a round because more than 1/3 of the power is there already."""
        outputs = self.prevotes(round, whose, None)
        assert outputs == [("new_round", round)], outputs
        return self.begin(round, proposer)


def prevote(round: int, value: bytes | None) -> tuple[object, ...]:
    return ("vote", PREVOTE, round, value)


def precommit(round: int, value: bytes | None) -> tuple[object, ...]:
    return ("vote", PRECOMMIT, round, value)


def timer(kind: int, round: int) -> tuple[object, ...]:
    return ("timeout", kind, round)


def decide(current: int, commit: int, value: bytes) -> tuple[object, ...]:
    return ("decide", current, commit, value)
