"""What engine and network call the same: topics, requests, peers and what they did wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NewType

from metis_node.types.primitives import Hash32

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkIdentity:
    """What two nodes must have in common to speak with each other."""

    chain_id: int
    genesis_hash: Hash32
    parameters_hash: Hash32  # of the network parameters, which are no part of the genesis block


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerInfo:
    """A peer that is connected and has the same identity."""

    id: PeerId
    address: str  # multiaddress it is, or could be, dialled at; empty: unknown
    outbound: bool  # we dialled
    agent: str  # name and version of its software, as it says
    connected_since: float  # seconds, wall clock
    points: float  # against it; a ban comes at 100
