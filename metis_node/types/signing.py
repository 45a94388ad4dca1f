"""The domain that binds a signature of a sequencer to one chain and one pool of stake."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.primitives import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningDomain:
    """EIP-712 domain of everything that sequencers sign; its name is always `MetisSequencer`."""

    chain_id: int  # of L2
    locking_pool: Address  # proxy on L1
    version: int = 1  # one more for every restart of the chain
