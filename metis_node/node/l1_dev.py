"""The embedded L1: the node's own engine as a one-node Ethereum, for devnets and tests.

Blobs are on, system transactions off, every block is its own sequencer's. Blob checks are in
`blob_intake.py`, the beacon routes in `beacon_routes.py`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metis_node.chain.blockchain import Blockchain
from metis_node.chain.mempool import Mempool
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.block_producer import BlockProducer
from metis_node.engine.ports import SoleProposer
from metis_node.node.assembly import (
    ChainParts,
    IntakeFactory,
    chain_backend,
    chain_parts,
    initialise_chain,
    is_initialised,
    opened_blockchain,
    rpc_limits,
)
from metis_node.node.beacon_routes import beacon_router
from metis_node.node.blob_intake import BlobIntake
from metis_node.node.blob_store import RETENTION_BLOCKS, BlobStore
from metis_node.node.config import Config, load_config
from metis_node.node.genesis_file import read_genesis_file, write_genesis_file
from metis_node.node.service import run_services
from metis_node.rpc.server import RpcServer
from metis_node.types.primitives import Address

GENESIS_FILE = "genesis.json"
MAX_RAW_TRANSACTION_BYTES = 2 << 20  # six blobs with their cell proofs are 0.9 MB
BENEFICIARY = Address(bytes.fromhex("4200000000000000000000000000000000000001"))


@dataclass(frozen=True, slots=True, kw_only=True)
class L1DevSettings:
    """What the operator chooses. What the chain is made of is in its genesis document."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8546
    safe_depth: int = 1  # blocks behind the head
    finalized_depth: int = 2
    blob_retention_blocks: int = RETENTION_BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Ready:
    """Where a started L1 serves."""

    url: str
    chain_id: int
    data_dir: Path

    def facts(self) -> dict[str, Any]:
        return {
            "rpc": self.url,
            "chain_id": self.chain_id,
            "data_dir": str(self.data_dir),
            "pid": os.getpid(),
        }


def ensure_l1_chain(settings: L1DevSettings, document: dict[str, Any]) -> None:
    """Write the genesis document and block 0, unless the directory has a chain already."""
    path = settings.data_dir / GENESIS_FILE
    if is_initialised(settings.data_dir):
        return
    genesis = read_genesis_file(path) if path.exists() else write_genesis_file(path, document)
    initialise_chain(settings.data_dir, _defaults().storage, genesis)


async def run_l1(
    settings: L1DevSettings, *, stop: asyncio.Event, on_ready: Callable[[L1Ready], None]
) -> None:
    """Serve and make blocks until `stop` is set."""
    config = _defaults()
    with opened_blockchain(settings.data_dir, config.storage, None) as blockchain:
        blobs = BlobStore(blockchain.store, retention_blocks=settings.blob_retention_blocks)
        parts_of = chain_parts(blockchain, config, intake=_blob_intake(blobs))
        async with parts_of as parts, _server(parts, blobs, config, settings) as server:
            services = {
                "intake": parts.intake.run,
                "block producer": _producer(parts).run,
                "finality": lambda: _follow_finality(parts, blobs, settings),
            }
            ready = L1Ready(
                url=server.url, chain_id=blockchain.rules.chain_id, data_dir=settings.data_dir
            )
            await run_services(services, stop=stop, on_started=lambda: on_ready(ready))


def _defaults() -> Config:
    """A node's defaults; the environment of a node is not the L1's business."""
    return load_config(environment={}).config


def _blob_intake(blobs: BlobStore) -> IntakeFactory:
    def make(blockchain: Blockchain, mempool: Mempool) -> BlobIntake:
        return BlobIntake(blockchain=blockchain, mempool=mempool, blobs=blobs)

    return make


def _producer(parts: ChainParts) -> BlockProducer:
    return BlockProducer(
        leadership=SoleProposer(),
        builder=BlockBuilder(
            blockchain=parts.blockchain,
            committer=parts.committer,
            mempool=parts.mempool,
            origins=None,
            clock=parts.clock,
            beneficiary=BENEFICIARY,
            on_report=parts.telemetry.on_report,
            on_offence=parts.telemetry.on_offence,
        ),
    )


def _server(
    parts: ChainParts, blobs: BlobStore, config: Config, settings: L1DevSettings
) -> RpcServer:
    router = beacon_router(parts.queries, blobs, parts.blockchain.rules)
    return RpcServer(
        chain_backend(parts, config, routers=(router,)),
        host=settings.host,
        port=settings.port,
        limits=replace(rpc_limits(config), raw_transaction_bytes=MAX_RAW_TRANSACTION_BYTES),
        cors_origins=frozenset({"*"}),
    )


async def _follow_finality(parts: ChainParts, blobs: BlobStore, settings: L1DevSettings) -> None:
    """Each block makes older ones safe and final, and lets old blobs go."""
    chain = parts.blockchain
    while True:
        number = (await parts.heads.next()).number
        await parts.committer.run(chain.set_safe, max(0, number - settings.safe_depth))
        await parts.committer.run(chain.set_finalized, max(0, number - settings.finalized_depth))
        await parts.committer.run(blobs.prune, number)
