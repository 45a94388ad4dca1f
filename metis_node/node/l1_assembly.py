"""Constructor calls of what stands between a node and its L1; start order is nesting order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.l1_follower import L1Follower
from metis_node.l1.beacon import BlobCache, BlobSources
from metis_node.l1.client import L1Client
from metis_node.l1.inbox import Inbox
from metis_node.l1.kzg_process import KzgProcess
from metis_node.l1.origins import L1Origins
from metis_node.l1.source import L1Reader
from metis_node.node.assembly import ChainParts
from metis_node.node.config import Config
from metis_node.types.blocks import BlockRef, SealedHeader
from metis_node.types.primitives import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Parts:
    """What a node has of its L1."""

    client: L1Client
    inbox: Inbox
    kzg: KzgProcess
    blob_cache: BlobCache
    reader: L1Reader
    follower: L1Follower
    origins: L1Origins


@asynccontextmanager
async def l1_parts(parts: ChainParts, config: Config) -> AsyncIterator[L1Parts]:
    """Client, reader, follower and origins; connections are closed with the block."""
    settings, rules = config.l1, parts.blockchain.rules
    timeout_s = settings.request_timeout_ms / 1000
    client = L1Client(
        settings.endpoints,
        chain_id=rules.l1_chain_id,
        timeout_s=timeout_s,
        quorum=settings.quorum,
        known=_origin_of(parts.blockchain.genesis),
    )
    cache = BlobCache()
    sources = settings.beacon_endpoints or settings.endpoints
    kzg = KzgProcess()
    blobs = BlobSources(sources, cache=cache, timeout_s=timeout_s, executor=kzg)
    inbox = Inbox.of(rules)
    reader = L1Reader(client=client, inbox=inbox, blobs=blobs)
    follower = _follower(parts, reader, poll_ms=settings.poll_interval_ms)
    async with AsyncExitStack() as stack:
        stack.callback(kzg.shutdown)
        stack.push_async_callback(client.aclose)
        stack.push_async_callback(blobs.aclose)
        yield L1Parts(
            client=client,
            inbox=inbox,
            kzg=kzg,
            blob_cache=cache,
            reader=reader,
            follower=follower,
            origins=_origins(parts, follower, config),
        )


def block_builder(parts: ChainParts, l1: L1Parts, config: Config) -> BlockBuilder:
    """What makes blocks on origins of this L1."""
    recipient = bytes.fromhex(config.sequencer.fee_recipient[2:])
    return BlockBuilder(
        blockchain=parts.blockchain,
        committer=parts.committer,
        mempool=parts.mempool,
        origins=l1.origins,
        clock=parts.clock,
        beneficiary=Address(recipient),
        on_report=parts.telemetry.on_report,
        on_offence=parts.telemetry.on_offence,
    )


def _follower(parts: ChainParts, reader: L1Reader, *, poll_ms: int) -> L1Follower:
    """Follows from the L1 block that the head stands on, and on with every new head."""
    anchor = _origin_of(parts.blockchain.head)
    follower = L1Follower(source=reader, clock=parts.clock, anchor=anchor, poll_ms=poll_ms)
    parts.heads.subscribe(lambda imported: follower.use(_origin_of(imported.sealed)))
    return follower


def _origin_of(sealed: SealedHeader) -> BlockRef:
    """The L1 block that an L2 header names."""
    header = sealed.header
    number = decode_extra_data(header.extra_data).origin_number
    return BlockRef(number=number, hash=header.parent_beacon_block_root)


def _origins(parts: ChainParts, follower: L1Follower, config: Config) -> L1Origins:
    settings = config.l1
    return L1Origins(
        follower=follower,
        clock=parts.clock,
        rules=parts.blockchain.rules,
        genesis_origin_hash=parts.blockchain.genesis.header.parent_beacon_block_root,
        confirmations=settings.confirmations if settings.origins == "confirmed" else None,
        origin_wait_ms=config.sequencer.origin_wait_ms,
    )
