"""What the consensus machine orders: imperatives, performed in order by `engine/consensus/host.py`.

`Record` entries are on disk before anything that follows them in the list leaves the process.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.consensus.inputs import (
    BlockBuilt,
    BlockValidated,
    CertificateReceived,
    MessageSigned,
    ProposalReceived,
    RoundCertificateReceived,
    TimeoutElapsed,
    VoteReceived,
)
from metis_node.consensus.timeouts import Step
from metis_node.types.consensus import Certificate, Evidence, Message, Proposal, Signed
from metis_node.types.primitives import Address, Hash32

Recorded = (
    VoteReceived
    | ProposalReceived
    | CertificateReceived
    | RoundCertificateReceived
    | BlockValidated
    | BlockBuilt
    | MessageSigned
    | TimeoutElapsed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Append to the journal: it went into the driver."""

    entry: Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Answered at once by MessageSigned or SigningRefused, before any other input."""

    message: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """To all validators. A proposal goes with its block."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildBlock:
    """Build when the block is due. Answered by BlockBuilt; a late answer does no harm."""

    height: int
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBuild:
    """The turn is given away."""

    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateBlock:
    """Check the block of a proposal against the parent's state. Answered by BlockValidated, or
    never while it cannot be known."""

    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTimeout:
    """Answered by TimeoutElapsed. The host lets round 0's propose time-out begin when the block is
    due and can have an origin, the others at once."""

    height: int
    round: int
    step: Step
    delay_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterRound:
    """For the story that metrics and logs tell."""

    height: int
    round: int
    proposer: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """The block of the certificate is final: make it the head."""

    certificate: Certificate
    round: int  # in which this node was when it learnt of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEvidence:
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseMessage:
    """The message is worth nothing; its sender may be blamed by `is_offence`."""

    message: Message
    reason: str
    is_offence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstain:
    """The guard, or the lack of a key, keeps this node from saying this; the next one may pass."""

    message: Signed
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """More than 2/3 of the power decided what this node holds invalid, or the driver broke."""

    reason: str
    block_hash: Hash32


Effect = (
    Record
    | Sign
    | Broadcast
    | BuildBlock
    | CancelBuild
    | ValidateBlock
    | ScheduleTimeout
    | EnterRound
    | Decide
    | ReportEvidence
    | RefuseMessage
    | Abstain
    | Halt
)
