"""What the node knows of Ethereum."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.primitives import Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Origin:
    """The L1 block that an L2 block names as its origin (consensus.md, "L1 origin")."""

    number: int
    hash: Hash32
    timestamp: int  # seconds
    base_fee_per_gas: int  # wei
    blob_base_fee: int  # wei
    prev_randao: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Header:
    """What the node uses of an L1 block."""

    number: int
    hash: Hash32
    parent_hash: Hash32
    timestamp: int  # seconds
    base_fee_per_gas: int  # wei
    excess_blob_gas: int
    prev_randao: Hash32
