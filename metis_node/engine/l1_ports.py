"""What the hosts of this room need of an L1, as Protocols. `l1/` implements them, `node/` wires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from metis_node.staking.facts import Fact
from metis_node.staking.registry import Seat
from metis_node.staking.validators import Sequencer
from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header


class L1Source(Protocol):
    """Reading. Every call raises Temporary where the L1 does not answer."""

    async def header(self, block: int | str) -> L1Header | None:
        """By number or tag (latest, safe, finalized); None where there is none (yet)."""
        ...

    async def payloads(self, header: L1Header) -> list[bytes]:
        """The payloads that the inbox got in this very block, in order; empty bytes for what does
        not decode. Temporary where the block is not canonical any more or a blob is missing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsOfBlock:
    """What the staking contracts announced in one L1 block, in log order."""

    block: BlockRef
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractState:
    """All sequencers by id, and all parameters, as the contracts' storage has them."""

    sequencers: tuple[Sequencer, ...]
    parameters: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastState:
    """What the contracts' checkpoints say of an earlier L1 block."""

    seats: Mapping[int, Seat]
    parameters: Mapping[str, int]


class StakingLogs(Protocol):
    """The events of the staking contracts. Every call raises Temporary where the L1 does not
    answer, or not with what can be true."""

    async def of_block(self, block: BlockRef) -> FactsOfBlock:
        """Of exactly this block."""
        ...

    async def between(self, first: int, last: int) -> list[FactsOfBlock]:
        """Of the blocks of a range that have any, in order."""
        ...

    async def total_power(self, number: int, at: BlockRef) -> int | None:
        """What the pool itself says of an L1 block, asked at a later one. None where it cannot."""
        ...

    async def past(
        self, number: int, *, ids: Sequence[int], keys: Sequence[str], at: BlockRef
    ) -> PastState | None:
        """Seats and parameters after L1 block `number`, asked at a later one. None where they
        cannot tell, as of a block before the contracts."""
        ...

    async def state(self, at: BlockRef) -> ContractState | None:
        """What the contracts themselves say of everything after `at`. None where they cannot."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingPlan:
    """How a channel goes to L1: payloads of at most `capacity` bytes, so many per transaction."""

    with_blobs: bool
    capacity: int
    payloads_per_transaction: int


class Posting(Protocol):
    """One L1 transaction on its way."""

    async def landed(self) -> int:
        """The L1 block that holds it, once confirmed. Temporary where it will never be there."""
        ...

    def withdraw(self) -> None:
        """It is not wanted any more."""
        ...


class BatchPublisher(Protocol):
    """Writing."""

    async def settled(self) -> int:
        """Return once nothing that an earlier run sent is pending, with the L1 head's number."""
        ...

    async def plan(self, size: int) -> PostingPlan:
        """The cheapest way at the moment for a channel of `size` bytes."""
        ...

    async def post(self, payloads: Sequence[bytes], plan: PostingPlan) -> Posting:
        """Queue one L1 transaction with these payloads. Transactions go out in order of calls."""
        ...
