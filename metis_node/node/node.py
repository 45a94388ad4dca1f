"""A node from start to end: which parts run, in which order they come and go.

Constructor calls are in `assembly.py` and `l1_assembly.py`; the process around it is `runtime.py`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from metis_node import __version__
from metis_node.chain.blockchain import Blockchain
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.block_producer import BlockProducer
from metis_node.engine.ports import SoleProposer
from metis_node.execution.genesis import Genesis
from metis_node.node.assembly import (
    ChainParts,
    chain_backend,
    chain_parts,
    opened_blockchain,
    rpc_server,
)
from metis_node.node.batch_assembly import BatchParts, batch_parts
from metis_node.node.batch_report import (
    BATCH_GAUGES,
    batch_check,
    batch_facts,
    batch_gauges,
    transaction_batch,
)
from metis_node.node.config import Config
from metis_node.node.consensus_assembly import ConsensusParts, consensus_parts
from metis_node.node.consensus_metrics import (
    CONSENSUS_GAUGES,
    NETWORK_GAUGES,
    consensus_gauges,
    network_gauges,
)
from metis_node.node.consensus_report import consensus_checks, consensus_view, peer_count
from metis_node.node.l1_assembly import L1Parts, block_builder, l1_parts
from metis_node.node.readiness import L1_GAUGES, head_check, l1_check, l1_facts, l1_gauges
from metis_node.node.service import Service, run_services
from metis_node.node.staking_assembly import STAKING_GAUGES, Staking
from metis_node.rpc.backend import Backend

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A node that serves."""

    url: str
    chain_id: int
    l1_chain_id: int
    block_time_ms: int
    head: int
    data_dir: Path

    def facts(self) -> dict[str, Any]:
        """For scripts and for the banner."""
        return {
            "version": __version__,
            "rpc": self.url,
            "websocket": "ws" + self.url.removeprefix("http"),
            "chain_id": self.chain_id,
            "l1_chain_id": self.l1_chain_id,
            "block_time_ms": self.block_time_ms,
            "head": self.head,
            "data_dir": str(self.data_dir),
            "pid": os.getpid(),
        }


async def run_node(
    config: Config,
    expected: Genesis | None,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[Ready], None],
    companions: Mapping[str, Service] | None = None,
) -> None:
    """Run until `stop` is set. Raises what made it impossible to go on.

    `companions` run beside the node's own services; one that fails ends the node.

    The end is the start backwards: producing, posting and following stop, the RPC answers what is
    under way, threads finish their block, the database is closed.
    """
    with opened_blockchain(config.chain.data_dir, config.storage, expected) as blockchain:
        async with chain_parts(blockchain, config) as parts, l1_parts(parts, config) as l1:
            builder = block_builder(parts, l1, config)
            producer = builder if config.sequencer.enabled else None
            batches = batch_parts(parts, l1, config, producer)
            staking = Staking(parts, l1, config)
            parts.telemetry.watch(l1_gauges(parts, l1), L1_GAUGES)
            parts.telemetry.watch(staking.gauges, STAKING_GAUGES)
            parts.telemetry.watch(batch_gauges(parts, batches), BATCH_GAUGES)
            services: dict[str, Service] = {
                "intake": parts.intake.run,
                "l1 follower": l1.follower.run,
                **batches.services,
                "staking follower": staking.run,
                **(companions or {}),
            }
            async with AsyncExitStack() as stack:
                consensus = None
                if blockchain.rules.consensus is not None:
                    consensus = await stack.enter_async_context(
                        consensus_parts(parts, l1, config, builder)
                    )
                    services |= consensus.services
                    view = consensus_view(parts, consensus)
                    parts.telemetry.watch(consensus_gauges(consensus, view), CONSENSUS_GAUGES)
                    parts.telemetry.watch(network_gauges(consensus), NETWORK_GAUGES)
                elif producer is not None:
                    services["block producer"] = lambda: _produce(producer, l1)
                backend = _backend(parts, l1, batches, staking, consensus, config)
                server = await stack.enter_async_context(rpc_server(backend, config))
                ready = _ready(server.url, blockchain, config)
                log.info(
                    "node started",
                    chain_id=ready.chain_id,
                    head=ready.head,
                    sequencer=producer is not None,
                    batcher=batches.host is not None,
                    data_dir=str(ready.data_dir),
                )
                await run_services(
                    services,
                    stop=stop,
                    before_start=parts.intake.reload,
                    on_started=lambda: on_ready(ready),
                )
    log.info("node stopped", head=blockchain.head.number)


async def _produce(builder: BlockBuilder, l1: L1Parts) -> None:
    """Blocks begin once the L1 was seen: the first needs an origin."""
    while l1.follower.head is None:
        await l1.follower.changed(l1.follower.version)
    await BlockProducer(builder=builder, leadership=SoleProposer()).run()


def _backend(
    parts: ChainParts,
    l1: L1Parts,
    batches: BatchParts,
    staking: Staking,
    agreement: ConsensusParts | None,
    config: Config,
) -> Backend:
    return replace(
        chain_backend(parts, config),
        l1_status=lambda: l1_facts(parts, l1),
        batches=lambda: batch_facts(parts, batches),
        transaction_batch=transaction_batch(batches),
        staking=staking.view,
        consensus=consensus_view(parts, agreement) if agreement is not None else None,
        builds_alone=agreement is None and config.sequencer.enabled,
        peer_count=lambda: peer_count(agreement),
        checks=(
            head_check(parts, l1),
            l1_check(l1, config),
            batch_check(batches),
            staking.check(),
            *consensus_checks(parts, agreement),
        ),
    )


def _ready(url: str, blockchain: Blockchain, config: Config) -> Ready:
    return Ready(
        url=url,
        chain_id=blockchain.rules.chain_id,
        l1_chain_id=blockchain.rules.l1_chain_id,
        block_time_ms=blockchain.rules.block_time_ms,
        head=blockchain.head.number,
        data_dir=config.chain.data_dir,
    )
