"""The part of the beacon API that readers of blobs need, on the embedded L1's RPC port.

The shape is anvil's: a block id is an execution block (number, 0x number, hash, or tag).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from metis_node._native import decode_transactions
from metis_node.chain.queries import Queries
from metis_node.errors import InvalidRequest
from metis_node.node.blob_sidecar import BLOB_TYPE
from metis_node.node.blob_store import BlobStore
from metis_node.types.blocks import SealedHeader
from metis_node.types.rules import ChainRules

VersionedHashes = Annotated[tuple[str, ...], Query()]

TAGS = frozenset({"latest", "safe", "finalized", "earliest"})


def beacon_router(queries: Queries, blobs: BlobStore, rules: ChainRules) -> APIRouter:
    """GET /eth/v1/beacon/blobs/{id} and /eth/v1/beacon/genesis."""
    router = APIRouter(prefix="/eth/v1/beacon", tags=["beacon"])

    @router.get("/genesis", summary="Time of block 0")
    def genesis() -> dict[str, Any]:
        first = queries.header(0)
        assert first is not None
        return {
            "data": {
                "genesis_time": str(first.header.timestamp),
                "genesis_validators_root": "0x" + bytes(32).hex(),
                "genesis_fork_version": "0x00000000",
            }
        }

    @router.get("/blobs/{block_id}", summary="Blobs of a block, in the order of its commitments")
    def block_blobs(block_id: str, versioned_hashes: VersionedHashes = ()) -> dict[str, Any]:
        sealed = _found(queries, block_id)
        wanted = {name.strip().lower() for names in versioned_hashes for name in names.split(",")}
        names = [n for n in _blob_hashes(queries, sealed, rules) if not wanted or _hex(n) in wanted]
        found = blobs.get(names)
        return {
            "execution_optimistic": False,
            "finalized": False,
            "data": [_hex(blob) for blob in found if blob is not None],
        }

    return router


def _found(queries: Queries, block_id: str) -> SealedHeader:
    try:
        sealed = queries.header(_block_id(block_id))
    except (ValueError, InvalidRequest) as error:
        raise HTTPException(400, "Invalid block ID: a number, a hash or a tag") from error
    if sealed is None:
        raise HTTPException(404, f"Block {block_id} not found")
    return sealed


def _block_id(text: str) -> int | bytes | str:
    if text in TAGS:
        return text
    if text.startswith("0x"):
        return bytes.fromhex(text[2:]) if len(text) == 66 else int(text, 16)
    return int(text)


def _blob_hashes(queries: Queries, sealed: SealedHeader, rules: ChainRules) -> list[bytes]:
    raws = [r.raw for r in queries.records(sealed.number) if r.type == BLOB_TYPE]
    decoded = decode_transactions(raws, chain_id=rules.chain_id, allow_blobs=True)
    return [name for tx in decoded if not isinstance(tx, tuple) for name in tx.blob_hashes]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
