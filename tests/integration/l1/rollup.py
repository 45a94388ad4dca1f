"""A sequencer's chain with everything between it and a real L1; and a rebuild from that L1."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from metis_node.batching.machine import BatchPolicy
from metis_node.chain.blockchain import Blockchain, Imported
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.chain.queries import Queries
from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.batch_follower import BatchFollower
from metis_node.engine.batch_host import BatchHost
from metis_node.engine.batch_index import BatchIndex
from metis_node.engine.batch_scanner import BatchScanner
from metis_node.engine.block_template import l2_template
from metis_node.engine.chain_epochs import chain_epochs
from metis_node.engine.clock import SystemClock
from metis_node.engine.committer import Committer
from metis_node.engine.derived_chain import DerivedChain
from metis_node.engine.heads import Heads
from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.l1_origin import origin_of
from metis_node.engine.l1_sync import L1Sync, SyncReport
from metis_node.execution.genesis import Genesis, parse_genesis
from metis_node.l1.beacon import BlobCache, BlobSources
from metis_node.l1.client import L1Client
from metis_node.l1.fees import FeeCaps
from metis_node.l1.inbox import Inbox
from metis_node.l1.origins import L1Origins
from metis_node.l1.publisher import DataMode, InboxPublisher
from metis_node.l1.send_state import SendPolicy
from metis_node.l1.sender import TransactionSender
from metis_node.l1.source import L1Reader
from metis_node.l1.spending import SpendLedger
from metis_node.storage.kv import KeyValueStore
from metis_node.storage.memory import MemoryStore
from metis_node.types.blocks import BlockRef, SealedHeader
from metis_node.types.epochs import SequencingRecord
from metis_node.types.primitives import Address
from tests import chains
from tests.integration.l1.anvil import CHAIN_ID as L1_CHAIN_ID
from tests.integration.l1.anvil import Anvil, account, eventually
from tests.mixed_transactions import STORE_CODE

GWEI = 10**9
ETHER = 10**18
INBOX = "0xff00000000000000000000000000000000000901"
POLICY = BatchPolicy(target_bytes=60_000, max_age_ms=500)
SEND_POLICY = SendPolicy(
    caps=FeeCaps(max_fee=500 * GWEI, max_blob_fee=500 * GWEI),
    confirmations=1,
    missing_ms=500,
    nonce_taken_ms=500,
)
CALLED = b"\xc0" * 20


@contextlib.asynccontextmanager
async def reader_on(
    anvil: Anvil, *, blob_urls: Sequence[str] | None = None
) -> AsyncIterator[tuple[L1Client, L1Reader, BlobCache]]:
    client = L1Client([anvil.url], chain_id=L1_CHAIN_ID, timeout_s=60)
    cache = BlobCache()
    urls = [anvil.url] if blob_urls is None else blob_urls
    blobs = BlobSources(urls, cache=cache, timeout_s=60)
    inbox = Inbox(address=_address(INBOX), submitter=_address(account().address))
    try:
        yield client, L1Reader(client=client, inbox=inbox, blobs=blobs), cache
    finally:
        await client.aclose()
        await blobs.aclose()


async def genesis_on(anvil: Anvil, **rules: Any) -> Genesis:
    """A genesis file whose block 0 stands on the L1's head."""
    async with reader_on(anvil) as (client, _reader, _cache):
        header = await client.header("latest")
    assert header is not None
    origin = origin_of(header)
    document = chains.genesis_document(
        timestamp=origin.timestamp,
        alloc={"0x" + CALLED.hex(): {"balance": "0x0", "code": "0x" + STORE_CODE.hex()}},
        l1_start=origin.number,
        l1_chain_id=L1_CHAIN_ID,
        batch_inbox=INBOX,
        batch_submitter=account().address,
        **rules,
    )
    document["l1"] = {
        "number": origin.number,
        "hash": "0x" + origin.hash.hex(),
        "timestamp": origin.timestamp,
        "base_fee_per_gas": origin.base_fee_per_gas,
        "blob_base_fee": origin.blob_base_fee,
        "prev_randao": "0x" + origin.prev_randao.hex(),
    }
    return parse_genesis(orjson.dumps(document))


@dataclass
class Rollup:
    """The running parts. Blocks are made when a test says so."""

    anvil: Anvil
    chain: Blockchain
    queries: Queries
    committer: Committer
    follower: L1Follower
    origins: L1Origins
    scanner: BatchScanner
    batches: BatchFollower
    host: BatchHost
    sender: TransactionSender
    tasks: dict[str, asyncio.Task[None]]

    async def make_block(self, raws: Sequence[bytes] = ()) -> Imported:
        """The next L2 block as soon as its rules allow it, with all of `raws`."""
        parent = self.chain.head
        time_ms = earliest_time_ms(parent.header, self.chain.rules)
        behind = decode_extra_data(parent.header.extra_data).origin_number
        while (origin := self.origins.origin_for(behind, time_ms // 1000)) is None:
            await self.origins.changed()
        template = l2_template(
            parent,
            self.chain.rules,
            time_ms=time_ms,
            origin=origin,
            beneficiary=chains.BENEFICIARY,
            record=self._record(),
        )
        built = await self.committer.run(
            self.chain.engine.build,
            template.header,
            template.system,
            chains.decode(raws),
            max_bytes=self.chain.rules.max_block_bytes,
            strict=True,
        )
        return await self.committer.commit_block(built.header, built.transactions)

    def _record(self) -> SequencingRecord | None:
        """Of the next block on a chain with validators: built by the elected, voted for by all."""
        if self.committer.epochs is None:
            return None
        number = self.chain.head.number + 1
        window = self.committer.epochs.window_of(number)
        assert window is not None
        votes = ((1 << len(window.order_at(number - 1))) - 1,) if number > 1 else ()
        return window.record(number, place=0, participation=votes)

    async def until_safe(self, number: int) -> None:
        """Mine L1 blocks until the batches on L1 reach an L2 block."""

        async def reached() -> bool:
            self.check_tasks()
            await self.anvil.mine()
            return self.batches.safe >= number

        await eventually(reached, seconds=120)

    def check_tasks(self) -> None:
        for task in self.tasks.values():
            if task.done():
                task.result()

    async def kill(self, name: str) -> None:
        """End a part wherever it is, without a word to the others."""
        task = self.tasks.pop(name)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def rollup_on(
    anvil: Anvil,
    chain: Blockchain,
    *,
    mode: DataMode = "calldata",
    policy: BatchPolicy = POLICY,
    send_policy: SendPolicy = SEND_POLICY,
    confirmations: int = 0,
) -> AsyncIterator[Rollup]:
    clock = SystemClock()
    queries, heads = Queries(chain), Heads()
    committer = Committer(blockchain=chain, mempool=None, heads=heads, epochs=chain_epochs(chain))
    async with reader_on(anvil) as (client, reader, cache):
        follower = L1Follower(source=reader, clock=clock, anchor=origin_ref(chain.head), poll_ms=20)
        heads.subscribe(lambda imported: follower.use(origin_ref(imported.sealed)))
        derived = DerivedChain(
            source=reader, committer=committer, queries=queries, may_import=False
        )
        scanner = BatchScanner(
            source=reader, chain=derived, index=BatchIndex(chain.store), rules=chain.rules
        )
        batches = BatchFollower(follower=follower, scanner=scanner, committer=committer)
        sender = TransactionSender(
            client=client,
            account=account(),
            policy=send_policy,
            ledger=SpendLedger(cap=100 * ETHER),
            poll_s=0.02,
        )
        publisher = InboxPublisher(
            client=client, sender=sender, inbox=Inbox.of(chain.rules), cache=cache, mode=mode
        )
        host = BatchHost(
            queries=queries,
            rules=chain.rules,
            heads=heads,
            l1=follower,
            batches=batches,
            publisher=publisher,
            policy=policy,
            clock=clock,
        )
        origins = L1Origins(
            follower=follower,
            clock=clock,
            rules=chain.rules,
            genesis_origin_hash=chain.genesis.header.parent_beacon_block_root,
            confirmations=confirmations,
            origin_wait_ms=0,
        )
        runs = {
            "follower": follower.run(),
            "batches": batches.run(),
            "sender": sender.run(),
            "host": host.run(),
        }
        tasks = {name: asyncio.ensure_future(run) for name, run in runs.items()}
        rollup = Rollup(
            anvil=anvil,
            chain=chain,
            queries=queries,
            committer=committer,
            follower=follower,
            origins=origins,
            scanner=scanner,
            batches=batches,
            host=host,
            sender=sender,
            tasks=tasks,
        )
        try:
            yield rollup
        finally:
            for name in list(rollup.tasks):
                await rollup.kill(name)
            await committer.aclose()


async def sync_from(
    anvil: Anvil, genesis: Genesis, *, store: KeyValueStore | None = None, block: str = "latest"
) -> tuple[SyncReport, Blockchain]:
    """Rebuild into an empty store (or go on in `store`)."""
    if store is None:
        chain = Blockchain.initialise(MemoryStore(), genesis)
    else:
        chain = Blockchain.open(store, expected=genesis)
    committer = Committer(blockchain=chain, mempool=None, heads=Heads(), epochs=chain_epochs(chain))
    try:
        async with reader_on(anvil) as (_client, reader, _cache):
            sync = L1Sync(source=reader, committer=committer, queries=Queries(chain))
            return await sync.run(block), chain
    finally:
        await committer.aclose()


def origin_ref(sealed: SealedHeader) -> BlockRef:
    header = sealed.header
    number = decode_extra_data(header.extra_data).origin_number
    return BlockRef(number=number, hash=header.parent_beacon_block_root)


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))
