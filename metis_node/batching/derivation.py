"""What the payloads on L1 mean: batches in order, and which of their blocks come next.

Pure. Fetching payloads, executing blocks and storing them belong to the hosts. Invalid input is
never an error here: it becomes a `Skip`, with a reason that hosts count and log. Rules D1 to D9 of
`docs/protocol/batches.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metis_node.batching.channel import ChannelBank, decode_channel
from metis_node.batching.frames import decode_payload
from metis_node.batching.span_batch import BLOCK_CHECK_BYTES, PARENT_CHECK_BYTES
from metis_node.errors import InvalidBatch
from metis_node.types.batches import BatchBlock, Frame, SpanBatch

HashOf = Callable[[int], bytes | None]  # block number -> hash on the derived chain
KnownBatch = Callable[[bytes], SpanBatch | None]  # channel id -> the batch it was made of


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A batch that was completed in L1 block `l1_block`."""

    l1_block: int
    channel_id: bytes
    batch: SpanBatch
    is_own: bool = False  # made here, of blocks that are here


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Input that counts for nothing. `code` is stable and short."""

    l1_block: int
    code: str  # payload frame timeout channel batch
    reason: str


class BatchReader:
    """Payloads of L1 blocks in, batches out, in L1 order."""

    def __init__(self, *, chain_id: int, known: KnownBatch | None = None) -> None:
        """`known` spares decoding a channel again: its id is the hash of all its data."""
        self._chain_id = chain_id
        self._known = known
        self._bank = ChannelBank()

    def read(self, l1_block: int, payloads: Sequence[bytes]) -> list[Found | Skip]:
        """All that the inbox payloads of one L1 block yield. Blocks come in rising order."""
        results: list[Found | Skip] = [
            Skip(l1_block=l1_block, code="timeout", reason=f"channel {name.hex()} timed out")
            for name in self._bank.advance(l1_block)
        ]
        for payload in payloads:
            try:
                frames = decode_payload(payload)
            except InvalidBatch as error:
                results.append(Skip(l1_block=l1_block, code="payload", reason=error.message))
                continue
            for frame in frames:
                result = self._read_frame(l1_block, frame)
                if result is not None:
                    results.append(result)
        return results

    def resume_at(self, next_l1_block: int) -> int:
        """The L1 block that a fresh reader must start from to see all that this one has seen."""
        oldest = self._bank.oldest_l1_block
        return next_l1_block if oldest is None else min(oldest, next_l1_block)

    def _read_frame(self, l1_block: int, frame: Frame) -> Found | Skip | None:
        try:
            data = self._bank.add(frame, l1_block)
        except InvalidBatch as error:
            return Skip(l1_block=l1_block, code="frame", reason=error.message)
        if data is None:
            return None
        own = self._known(frame.channel_id) if self._known is not None else None
        try:
            batch = own or decode_channel(data, chain_id=self._chain_id)
        except InvalidBatch as error:
            return Skip(l1_block=l1_block, code="batch", reason=error.message)
        return Found(
            l1_block=l1_block, channel_id=frame.channel_id, batch=batch, is_own=own is not None
        )


def next_blocks(batch: SpanBatch, *, head: int, hash_of: HashOf) -> tuple[BatchBlock, ...]:
    """The blocks of `batch` above the derived head, oldest first. Raises InvalidBatch (D5, D6)."""
    if batch.first > head + 1:
        raise InvalidBatch(
            f"the batch begins at {batch.first}, the derived chain ends at {head}: a gap"
        )
    if batch.last <= head:
        raise InvalidBatch(f"the batch ends at {batch.last}, the derived chain at {head}: known")
    parent = hash_of(batch.first - 1)
    if parent is None or parent[:PARENT_CHECK_BYTES] != batch.parent_check:
        raise InvalidBatch(f"the batch builds on another block {batch.first - 1}")
    for block in batch.blocks[: head + 1 - batch.first]:
        known = hash_of(block.number)
        if known is None or known[:BLOCK_CHECK_BYTES] != block.check:
            raise InvalidBatch(f"the batch has another block {block.number}")
    return batch.blocks[head + 1 - batch.first :]


def check_hash(batch: SpanBatch, block: BatchBlock, block_hash: bytes) -> None:
    """Refuse a derived block that is not the one the batch was made from (D8)."""
    if block_hash[:BLOCK_CHECK_BYTES] != block.check:
        raise InvalidBatch(
            f"block {block.number} derives to 0x{block_hash.hex()}, the batch says "
            f"0x{block.check.hex()}..."
        )
    if block.number == batch.last and block_hash != batch.last_hash:
        raise InvalidBatch(
            f"block {block.number} derives to 0x{block_hash.hex()}, the batch says "
            f"0x{batch.last_hash.hex()}"
        )


def check_origin_order(parent_origin: int, block: BatchBlock, *, l1_block: int) -> None:
    """An origin never goes back and stands below the L1 block that completes the batch (D7)."""
    if block.origin_number < parent_origin:
        raise InvalidBatch(
            f"block {block.number} has origin {block.origin_number}, its parent {parent_origin}"
        )
    if block.origin_number >= l1_block:
        raise InvalidBatch(
            f"block {block.number} has origin {block.origin_number}, not below L1 block {l1_block}"
        )
