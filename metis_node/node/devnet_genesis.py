"""Genesis documents of a local devnet: the layer 2 and the embedded L1 under it.

They are plain JSON values in the format of `execution/genesis.py`, which parses them like others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from metis_node.l1.deployment.create2 import FACTORY, FACTORY_CODE
from metis_node.types.l1 import L1Origin

L2_CHAIN_ID = 901
L1_CHAIN_ID = 900
FUNDED_ACCOUNTS = 10
BATCHER_ACCOUNT = 9  # of the funded ones: it posts the batches, so leave its L1 nonce alone
DEPLOYER_ACCOUNT = 8  # it deploys the contracts, and has the METIS that nobody else has
OWNER_ACCOUNT = 0  # the `owner` key of a new devnet: ready to lock stake
FUNDS_WEI = 10_000 * 10**18
GAS_LIMIT = 60_000_000
BLOCK_TIME_MS = 1_000
L1_BLOCK_TIME_MS = 2_000
MAX_BLOCK_BYTES = 1 << 20
SEED_INTERVAL = 4  # L1 blocks: epochs change their order within minutes
BATCH_INBOX = "0xff00000000000000000000000000000000000901"
FORKS = ("prague", "osaka")


def layer2_genesis(
    *,
    timestamp: int,
    funded: Iterable[str],
    batch_submitter: str,
    l1_chain_id: int,
    l1_origin: L1Origin | None,
    rules: Mapping[str, int] | None = None,
    fork: str = "prague",
) -> dict[str, Any]:
    """Genesis of the layer 2. Without an origin it starts from block 0 of its L1.

    `rules`: chain_id, gas_limit, block_time_ms, max_block_bytes other than the defaults.
    """
    document: dict[str, Any] = {
        "rules": {
            "chain_id": L2_CHAIN_ID,
            "forks": _forks(fork),
            "gas_limit": GAS_LIMIT,
            "block_time_ms": BLOCK_TIME_MS,
            "max_block_bytes": MAX_BLOCK_BYTES,
            "min_base_fee_per_gas": 0,
            "seed_interval": SEED_INTERVAL,
            "batch_inbox": BATCH_INBOX,
            "batch_submitter": batch_submitter,
            "l1_chain_id": l1_chain_id,
            "l1_start": l1_origin.number if l1_origin is not None else 0,
            **(rules or {}),
        },
        "timestamp": timestamp,
        "alloc": _alloc(funded),
    }
    if l1_origin is not None:
        document["l1"] = {
            "number": l1_origin.number,
            "hash": "0x" + l1_origin.hash.hex(),
            "timestamp": l1_origin.timestamp,
            "base_fee_per_gas": l1_origin.base_fee_per_gas,
            "blob_base_fee": l1_origin.blob_base_fee,
            "prev_randao": "0x" + l1_origin.prev_randao.hex(),
        }
    return document


def layer1_genesis(
    *,
    timestamp: int,
    funded: Iterable[str],
    block_time_ms: int = L1_BLOCK_TIME_MS,
    fork: str = "prague",
    chain_id: int = L1_CHAIN_ID,
) -> dict[str, Any]:
    """Genesis of the embedded L1: Ethereum's rules, with blobs and without system transactions."""
    return {
        "rules": {
            "chain_id": chain_id,
            "forks": _forks(fork),
            "gas_limit": GAS_LIMIT,
            "block_time_ms": block_time_ms,
            "max_block_bytes": 8 << 20,  # Ethereum bounds blocks by gas; EIP-7934 allows 8 MiB
            "system_transactions": False,
            "blobs": True,
        },
        "timestamp": timestamp,
        "alloc": _alloc(funded) | _deployment_proxy(),
    }


def _deployment_proxy() -> dict[str, Any]:
    """The deterministic deployment proxy, which stands on every public Ethereum."""
    return {
        "0x" + FACTORY.hex(): {"balance": "0x0", "nonce": "0x1", "code": "0x" + FACTORY_CODE.hex()}
    }


def _forks(last: str) -> list[dict[str, Any]]:
    return [{"timestamp": 0, "name": last}]


def _alloc(funded: Iterable[str]) -> dict[str, Any]:
    return {address: {"balance": hex(FUNDS_WEI)} for address in funded}
