"""What the consensus machine is told: facts, in the past tense. Senders were recovered before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from metis_node.consensus.timeouts import Step
from metis_node.types.consensus import (
    Certificate,
    Member,
    Proposal,
    RoundCertificate,
    Signed,
    Vote,
    Yield,
)
from metis_node.types.primitives import Address, Hash32


class Verdict(Enum):
    """What is known of a block. Nothing is remembered as invalid but for what its hash covers."""

    VALID = "valid"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightStarted:
    """The block below is final. `order` is the epoch's; round r is the turn of order[base + r]."""

    height: int
    order: tuple[Member, ...]
    base: int
    is_slow_builder: bool = False  # whose turn round 0 is builds late: it gets a quarter


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteReceived:
    vote: Vote


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalReceived:
    """`builder` is who the block's header names."""

    proposal: Proposal
    builder: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldReceived:
    message: Yield


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateReceived:
    """A polka; commit certificates come with their block, past the machine."""

    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCertificateReceived:
    certificate: RoundCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockValidated:
    """Answers `ValidateBlock`."""

    height: int
    block_hash: Hash32
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockBuilt:
    """Answers `BuildBlock`: a block that passed its own import."""

    height: int
    round: int
    block_hash: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSigned:
    """Answers `Sign`."""

    message: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRefused:
    """Answers `Sign`: the guard, or a missing key."""

    message: Signed
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutElapsed:
    height: int
    round: int
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """A second went by in which the height did not move."""

    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldRequested:
    """The operator lets the next turn of this node pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEnded:
    """The journal is read: what was held back is performed now."""


Input = (
    HeightStarted
    | VoteReceived
    | ProposalReceived
    | YieldReceived
    | CertificateReceived
    | RoundCertificateReceived
    | BlockValidated
    | BlockBuilt
    | MessageSigned
    | SigningRefused
    | TimeoutElapsed
    | Stalled
    | YieldRequested
    | ReplayEnded
)
