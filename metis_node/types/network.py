"""What engine and network call the same: topics, requests, peers and what they did wrong."""

from __future__ import annotations

from enum import Enum
from typing import NewType

PeerId = NewType("PeerId", str)


class Topic(Enum):
    """Sorts of messages, the most urgent first: none can stall one before it."""

    VOTES = "votes"
    PROPOSALS = "proposals"
    BLOCKS = "blocks"  # decided, with their certificate
    EVIDENCE = "evidence"
    ANNOUNCEMENTS = "announcements"
    TRANSACTIONS = "transactions"


class RequestKind(Enum):
    """What one peer asks another for."""

    STATUS = "status"
    BLOCKS = "blocks"  # by range, with certificates
    CERTIFICATES = "certificates"
    PROPOSAL = "proposal"  # body of a block by height and hash
    TRANSACTIONS = "transactions"  # by hash


class Offence(Enum):
    """What a peer did, from the least to the worst."""

    USELESS = "useless"  # late, repeated, not for us
    FAILED = "failed"  # no answer, or a wrong one
    MALFORMED = "malformed"  # bytes that do not decode
    FORGED = "forged"  # a wrong signature, certificate or block: no honest node sends it
