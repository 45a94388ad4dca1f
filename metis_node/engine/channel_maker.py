"""Channels from stored blocks: read, encode, and read back what was made before it is posted.

Everything here runs in a worker thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.batching.channel import Channel, decode_channel, encode_channel
from metis_node.batching.effects import EncodeChannel
from metis_node.batching.span_batch import PARENT_CHECK_BYTES
from metis_node.chain.queries import Queries
from metis_node.engine.block_bodies import carried_block
from metis_node.errors import Fatal
from metis_node.types.batches import BatchBlock, SpanBatch
from metis_node.types.rules import ChainRules


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeChannel:
    channel: Channel
    batch: SpanBatch
    raw_size: int  # bytes of the transactions
    transactions: int


def make_channel(queries: Queries, rules: ChainRules, order: EncodeChannel) -> MadeChannel:
    """One channel of as many of the ordered blocks as the order's budget takes, at least one.

    Raises Fatal where it does not decode to what it was made of: such a batch must not be posted.
    """
    blocks, size = _take_blocks(queries, rules, order)
    batch = span_batch(queries, blocks)
    channel = encode_channel(batch, chain_id=rules.chain_id)
    if decode_channel(channel.data, chain_id=rules.chain_id) != batch:
        raise Fatal(
            f"the batch of blocks {batch.first} to {batch.last} does not decode to what it was "
            "made of: this is a fault of the node, please report it"
        )
    count = sum(len(block.transactions) for block in blocks)
    return MadeChannel(channel=channel, batch=batch, raw_size=size, transactions=count)


def span_batch(queries: Queries, blocks: list[BatchBlock]) -> SpanBatch:
    """The batch of consecutive stored blocks."""
    parent = queries.header_by_number(blocks[0].number - 1)
    last = queries.header_by_number(blocks[-1].number)
    assert parent is not None
    assert last is not None
    return SpanBatch(
        parent_check=parent.hash[:PARENT_CHECK_BYTES],
        last_hash=last.hash,
        blocks=tuple(blocks),
    )


def _take_blocks(
    queries: Queries, rules: ChainRules, order: EncodeChannel
) -> tuple[list[BatchBlock], int]:
    blocks: list[BatchBlock] = []
    size = 0
    for number in range(order.first, order.last + 1):
        block = carried_block(queries, rules, number)
        weight = sum(map(len, block.transactions))
        if blocks and size + weight > order.max_raw_bytes:
            break
        blocks.append(block)
        size += weight
    return blocks, size
