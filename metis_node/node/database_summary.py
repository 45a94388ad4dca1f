"""What a database holds, for `metis-node db inspect`: the chain's marks, and each table's size."""

from __future__ import annotations

from typing import Any

from metis_node.chain import block_store
from metis_node.errors import InvalidConfig
from metis_node.execution.genesis import parse_genesis
from metis_node.storage import tables
from metis_node.storage.kv import Reader

TABLES = {
    "accounts": tables.ACCOUNTS,
    "storage slots": tables.SLOTS,
    "code": tables.CODE,
    "account trie": tables.ACCOUNT_TRIE,
    "storage tries": tables.STORAGE_TRIE,
    "reverse diffs": tables.REVERSE_DIFFS,
    "records": tables.RECORDS,
    "transaction index": tables.TRANSACTION_INDEX,
    "log index": tables.LOG_INDEX,
    "headers": tables.HEADERS,
    "block numbers": tables.BLOCK_NUMBERS,
    "local transactions": tables.LOCAL_TRANSACTIONS,
    "batches": tables.BATCHES,
    "blobs": tables.BLOBS,
    "marks": tables.META,
}


def chain_summary(store: Reader) -> dict[str, Any]:
    """Chain id, genesis, heads. InvalidConfig for a database without a chain."""
    canonical = block_store.read_genesis(store)
    if canonical is None:
        raise InvalidConfig("the database holds no chain: run `metis-node init` first")
    rules = parse_genesis(canonical).rules
    head = block_store.require_head(store)
    return {
        "chain_id": rules.chain_id,
        "l1_chain_id": rules.l1_chain_id,
        "block_time_ms": rules.block_time_ms,
        "gas_limit": rules.gas_limit,
        "genesis_hash": "0x" + block_store.require_header(store, 0).hash.hex(),
        "head": head.number,
        "head_hash": "0x" + head.hash.hex(),
        "head_state_root": "0x" + head.header.state_root.hex(),
        "safe": block_store.read_number(store, block_store.META_SAFE),
        "finalized": block_store.read_number(store, block_store.META_FINALIZED),
    }


def table_summary(store: Reader) -> list[dict[str, Any]]:
    """Entries and bytes (keys and values, before compression) of each table. Reads everything."""
    return [
        {"name": name, "prefix": prefix.decode(), **_size(store, prefix)}
        for name, prefix in TABLES.items()
    ]


def _size(store: Reader, prefix: bytes) -> dict[str, int]:
    entries = size = 0
    for key, value in store.iterate(prefix, bytes([prefix[0] + 1])):
        entries += 1
        size += len(key) + len(value)
    return {"entries": entries, "bytes": size}
