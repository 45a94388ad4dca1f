"""Rules of one chain: what all its nodes must agree on. They come from the genesis file alone."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.epochs import Validator
from metis_node.types.primitives import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """An Ethereum hard fork and the block timestamp (seconds) from which it holds."""

    timestamp: int
    name: str  # "cancun", "prague", "osaka"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a round's steps wait, milliseconds; `*_step_ms` more for every round after 0."""

    propose_ms: int = 1_000
    propose_step_ms: int = 500
    vote_ms: int = 500  # prevote and precommit
    vote_step_ms: int = 250
    cap_ms: int = 30_000  # none grows past it


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticSet:
    """Validators that the genesis file names, for ever the same. They have no stake on L1."""

    validators: tuple[Validator, ...]
    epoch_length: int  # blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class StakedSet:
    """Validators are who has power in these contracts on L1."""

    locking_pool: Address
    network_parameters: Address
    first_block: int  # L1 block from which on the contracts have events


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusRules:
    """Rules of a chain whose blocks validators agree on."""

    source: StaticSet | StakedSet
    timeouts: Timeouts = Timeouts()

    @property
    def locking_pool(self) -> Address | None:
        """The contract that signatures are made for; None: a static set, which has none."""
        return self.source.locking_pool if isinstance(self.source, StakedSet) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRules:
    """Chain-wide constants. Times in milliseconds where the name says so, sizes in bytes."""

    chain_id: int
    forks: tuple[Fork, ...]
    gas_limit: int
    base_fee_max_change_denominator: int = 8  # EIP-1559
    elasticity_multiplier: int = 2  # EIP-1559
    min_base_fee_per_gas: int = 0  # floor under the EIP-1559 rule, wei
    block_time_ms: int = 1_000
    max_block_bytes: int = 1 << 20
    origin_max_lag_s: int = 10_800
    system_transactions: bool = True  # the L1 attributes transaction tops each block
    blobs: bool = False  # EIP-4844 transactions (the embedded L1)
    batch_inbox: Address | None = None  # L1 address that batches are sent to
    batch_submitter: Address | None = None  # L1 account whose batches count
    l1_chain_id: int = 0
    seed_interval: int = 256  # L1 blocks between two that may give an epoch its randomness
    l1_start: int = 0  # L1 block after which the first batch may stand, and origin of block 0
    consensus: ConsensusRules | None = None  # None: one sequencer, and no record of it in blocks
