"""What validators sign and send to agree on a block. Encodings are in `codec/consensus.py`.

The sender of a signed message is never carried: it is who the signature recovers to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from metis_node.types.primitives import ZERO_HASH, Address, Hash32

NO_ROUND = -1  # valid round of a proposal that rests on no polka


class VoteKind(IntEnum):
    """The two votes of a round (arXiv:1807.04938)."""

    PREVOTE = 1
    PRECOMMIT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A validator of one height, as the agreement sees it."""

    signer: Address
    power: int  # gwei of stake, above zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A vote for a block, or for none (the zero hash: nil)."""

    kind: VoteKind
    height: int
    round: int
    block_hash: Hash32
    sender: Address
    signature: bytes = b""  # 65 bytes; empty before it is signed

    @property
    def is_nil(self) -> bool:
        return self.block_hash == ZERO_HASH


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Whose turn it is puts a block to the vote; `valid_round` names the polka it rests on."""

    height: int
    round: int
    valid_round: int
    block_hash: Hash32
    sender: Address
    signature: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """Whose turn it is lets it pass."""

    height: int
    round: int
    sender: Address
    signature: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """One signature of a certificate, and who it recovers to."""

    signer: Address
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """More than 2/3 of the power voted alike: `PRECOMMIT` commits the block (a commit certificate),
    `PREVOTE` is a polka."""

    kind: VoteKind
    height: int
    round: int
    block_hash: Hash32
    signatures: tuple[SignedBy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCertificate:
    """The votes that let a validator enter `enter_round`: more than 1/3 of the power is there
    already, or more than 2/3 precommitted in the round before."""

    height: int
    enter_round: int
    votes: tuple[Vote, ...]


Signed = Vote | Proposal | Yield
Message = Vote | Proposal | Yield | Certificate | RoundCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two signed messages of one sender, kind, height and round, for different blocks."""

    first: Vote | Proposal
    second: Vote | Proposal

    @property
    def sender(self) -> Address:
        return self.first.sender
