"""What travels to Ethereum: batches of L2 blocks, and the frames that carry them.

Encodings are in `batching/`; the normative text is `docs/protocol/batches.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.epochs import EpochOpening
from metis_node.types.primitives import Address, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBlock:
    """The carried part of one L2 block. Everything else of the block is derived."""

    number: int
    time_ms: int  # header seconds * 1000 + milliseconds
    origin_number: int
    beneficiary: Address
    builder_index: int
    epoch: int
    stake_block: int
    gas_limit: int
    check: bytes  # first 4 bytes of the block hash
    transactions: tuple[bytes, ...]  # EIP-2718, without the system transactions
    participation: tuple[int, ...] | None = None  # None: of a chain without validators
    opening: EpochOpening | None = None  # of the epoch that begins with this block


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanBatch:
    """Consecutive L2 blocks, at least one."""

    parent_check: bytes  # first 20 bytes of the hash of the block before the first
    last_hash: Hash32
    blocks: tuple[BatchBlock, ...]

    @property
    def first(self) -> int:
        return self.blocks[0].number

    @property
    def last(self) -> int:
        return self.blocks[-1].number


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A piece of a channel."""

    channel_id: bytes  # 16 bytes
    number: int
    data: bytes
    is_last: bool
