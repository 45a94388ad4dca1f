"""Where a sequencer can be reached and what it runs, as it says itself under its signer key."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.network import PeerId
from metis_node.types.primitives import ZERO_ADDRESS, Address, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """The newest of a signer holds. The signer is never carried: the signature recovers to it."""

    peer: PeerId
    addresses: tuple[str, ...]  # multiaddresses without /p2p/, the best first
    version: str  # of its software
    settings_hash: Hash32  # of what shapes its blocks and batches
    time_ms: int  # wall clock, Unix
    signer: Address = ZERO_ADDRESS
    signature: bytes = b""  # 65 bytes; empty before it is signed
