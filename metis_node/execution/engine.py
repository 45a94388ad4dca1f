"""The door to the native execution engine, opened with a chain's rules over a store.

Nothing else constructs `_native.Engine`. What the engine promises is in `_native.pyi`.
"""

from __future__ import annotations

from typing import Any

import orjson

from metis_node._native import Engine
from metis_node.storage.kv import Reader
from metis_node.types.rules import ChainRules

__all__ = ["DEFAULT_CACHE_BYTES", "HISTORY_BLOCKS", "Engine", "engine_rules", "new_engine"]

DEFAULT_CACHE_BYTES = 64 << 20
HISTORY_BLOCKS = 256  # blocks behind the head whose state can be read


def new_engine(
    rules: ChainRules,
    store: Reader,
    *,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    history_blocks: int = HISTORY_BLOCKS,
) -> Engine:
    """An engine that reads from `store`; `open` or `genesis` it next."""
    return Engine(
        orjson.dumps(engine_rules(rules)),
        store.get_many,
        cache_bytes=cache_bytes,
        history_blocks=history_blocks,
    )


def engine_rules(rules: ChainRules) -> dict[str, Any]:
    """The part of the rules that execution depends on, in the engine's own words."""
    return {
        "chain_id": rules.chain_id,
        "forks": [{"timestamp": fork.timestamp, "name": fork.name} for fork in rules.forks],
        "system_transactions": rules.system_transactions,
        "system_must_succeed": rules.consensus is not None,
        "blobs": rules.blobs,
        "max_block_bytes": rules.max_block_bytes,
        "base_fee_max_change_denominator": rules.base_fee_max_change_denominator,
        "elasticity_multiplier": rules.elasticity_multiplier,
    }
