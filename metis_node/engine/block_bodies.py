"""Stored blocks as batches carry them: read once, past the caches of the RPC."""

from __future__ import annotations

from metis_node._native import TransactionRecord
from metis_node.batching.span_batch import BLOCK_CHECK_BYTES
from metis_node.chain.queries import Queries
from metis_node.codec.extra_data import decode_extra_data, header_time_ms
from metis_node.codec.sequencer_transactions import opening_of, participation_of, system_count
from metis_node.types.batches import BatchBlock
from metis_node.types.rules import ChainRules


def carried_block(queries: Queries, rules: ChainRules, number: int) -> BatchBlock:
    """The part of a stored block that batches carry. Scans: worker thread."""
    sealed = queries.header_by_number(number)
    assert sealed is not None, "only decided blocks are asked for"
    header = sealed.header
    extra = decode_extra_data(header.extra_data)
    values = queries.record_values(number)
    raws = tuple(TransactionRecord.decode(value).raw for value in values)
    sequenced = rules.consensus is not None
    return BatchBlock(
        number=number,
        time_ms=header_time_ms(header),
        origin_number=extra.origin_number,
        beneficiary=header.beneficiary,
        builder_index=extra.builder_index,
        epoch=extra.epoch,
        stake_block=extra.stake_block,
        gas_limit=header.gas_limit,
        check=sealed.hash[:BLOCK_CHECK_BYTES],
        transactions=raws[system_count(raws) :],
        participation=participation_of(raws) if sequenced else None,
        opening=opening_of(raws, number) if sequenced else None,
    )
