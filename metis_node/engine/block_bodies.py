"""Transactions of stored blocks for batches: read once, past the caches of the RPC."""

from __future__ import annotations

from metis_node._native import TransactionRecord
from metis_node.chain.queries import Queries


def carried_transactions(queries: Queries, number: int) -> tuple[bytes, ...]:
    """EIP-2718 encodings of a block without its system transaction. Scans: worker thread."""
    values = queries.record_values(number)[1:]
    return tuple(TransactionRecord.decode(value).raw for value in values)
