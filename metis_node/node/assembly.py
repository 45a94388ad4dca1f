"""Every constructor call of the running parts, in one place; start order is nesting order.

What the parts do is theirs. What runs when, and how the process ends, is in `node.py`.
"""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter

from metis_node import __version__
from metis_node.chain.admission import AdmissionRules
from metis_node.chain.blockchain import Blockchain
from metis_node.chain.local_journal import LocalJournal
from metis_node.chain.log_index import LogLimits
from metis_node.chain.mempool import Mempool, MempoolLimits
from metis_node.chain.queries import Queries
from metis_node.engine.chain_epochs import ChainEpochs, chain_epochs
from metis_node.engine.clock import SystemClock
from metis_node.engine.committer import Committer
from metis_node.engine.heads import Heads, PendingTransactions
from metis_node.engine.intake import Intake
from metis_node.errors import InvalidConfig
from metis_node.execution.genesis import Genesis
from metis_node.node.config import Config, LoadedConfig
from metis_node.node.config.model import Storage
from metis_node.node.genesis_file import read_genesis_file
from metis_node.node.telemetry import CHAIN_GAUGES, Telemetry, chain_facts
from metis_node.rpc.backend import Backend
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.server import RpcServer
from metis_node.storage.leveldb import LevelStore, open_store

DATABASE_DIR = "db"
READER_THREADS = 2  # long calls, traces, log scans; the native part of them releases the GIL
MIB = 1 << 20

IntakeFactory = Callable[[Blockchain, Mempool], Intake]

CLIENT_VERSION = (
    f"metis-node/v{__version__}/{platform.system().lower()}-{platform.machine()}"
    f"/python{platform.python_version()}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainParts:
    """What a chain with a mempool consists of, layer 2 or embedded L1 alike."""

    blockchain: Blockchain
    mempool: Mempool
    heads: Heads
    pending: PendingTransactions
    intake: Intake
    committer: Committer
    queries: Queries
    readers: ThreadPoolExecutor
    clock: SystemClock
    telemetry: Telemetry
    epochs: ChainEpochs | None  # of a chain with validators


def database_dir(data_dir: Path) -> Path:
    """Where a data directory has its database."""
    return data_dir / DATABASE_DIR


@contextmanager
def opened_store(data_dir: Path, storage: Storage, *, create: bool) -> Iterator[LevelStore]:
    """The database, locked for this process until the block is left."""
    if not create and not is_initialised(data_dir):
        raise InvalidConfig(
            f"there is no chain in {data_dir}: run `metis-node init` first, or start with --init"
        )
    store = open_store(
        database_dir(data_dir),
        create=create,
        cache_bytes=storage.block_cache_mb * MIB,
        write_buffer_bytes=storage.write_buffer_mb * MIB,
    )
    try:
        yield store
    finally:
        store.close()


def initialise_chain(data_dir: Path, storage: Storage, genesis: Genesis) -> Blockchain:
    """Write block 0 into an empty data directory; InvalidConfig where there is a chain already."""
    with opened_store(data_dir, storage, create=True) as store:
        return Blockchain.initialise(store, genesis)


def is_initialised(data_dir: Path) -> bool:
    """Whether the data directory has a database at all."""
    return (database_dir(data_dir) / "CURRENT").is_file()


def expected_genesis(loaded: LoadedConfig) -> Genesis | None:
    """The genesis file of the configuration; None where none was named and none is there."""
    path = loaded.config.chain.genesis
    if loaded.sources["chain.genesis"] == "default" and not path.exists():
        return None
    return read_genesis_file(path)


@contextmanager
def opened_blockchain(
    data_dir: Path, storage: Storage, expected: Genesis | None
) -> Iterator[Blockchain]:
    """The stored chain, at its head. InvalidConfig where there is none."""
    with opened_store(data_dir, storage, create=False) as store:
        yield Blockchain.open(
            store,
            expected=expected,
            cache_bytes=storage.state_cache_mb * MIB,
            history_blocks=storage.history_blocks,
        )


def journalled_intake(blockchain: Blockchain, mempool: Mempool) -> Intake:
    """The intake of a node: its local transactions survive a restart."""
    journal = LocalJournal(blockchain.store)
    return Intake(blockchain=blockchain, mempool=mempool, journal=journal)


@asynccontextmanager
async def chain_parts(
    blockchain: Blockchain, config: Config, *, intake: IntakeFactory = journalled_intake
) -> AsyncIterator[ChainParts]:
    """Mempool, intake, committer and queries around an open chain; threads end with the block."""
    telemetry = Telemetry()
    heads, pending = Heads(), PendingTransactions()
    mempool = Mempool(_admission_rules(blockchain, config), limits=_mempool_limits(config))
    mempool.on_pending = pending.push
    epochs = chain_epochs(blockchain)
    committer = Committer(blockchain=blockchain, mempool=mempool, heads=heads, epochs=epochs)
    feed = intake(blockchain, mempool)
    readers = ThreadPoolExecutor(max_workers=READER_THREADS, thread_name_prefix="reader")
    heads.subscribe(telemetry.on_block)
    telemetry.watch(chain_facts(blockchain, mempool, feed), CHAIN_GAUGES)
    try:
        yield ChainParts(
            blockchain=blockchain,
            mempool=mempool,
            heads=heads,
            pending=pending,
            intake=feed,
            committer=committer,
            queries=Queries(blockchain, log_limits=_log_limits(config)),
            readers=readers,
            clock=SystemClock(),
            telemetry=telemetry,
            epochs=epochs,
        )
    finally:
        await committer.aclose()
        await feed.aclose()
        readers.shutdown(wait=True, cancel_futures=True)


def _admission_rules(blockchain: Blockchain, config: Config) -> AdmissionRules:
    return AdmissionRules.of(
        blockchain.rules, blockchain.head.header.timestamp, min_tip=config.mempool.min_tip_wei
    )


def _mempool_limits(config: Config) -> MempoolLimits:
    pool = config.mempool
    return MempoolLimits(
        transactions=pool.transactions,
        bytes=pool.bytes_mb * MIB,
        account_pending=pool.account_pending,
        account_queued=pool.account_queued,
        queued=pool.queued,
        lifetime_s=pool.lifetime_s,
    )


def _log_limits(config: Config) -> LogLimits:
    return LogLimits(max_blocks=config.rpc.log_range_blocks, max_results=config.rpc.log_results)


def chain_backend(
    parts: ChainParts, config: Config, *, routers: Sequence[APIRouter] = ()
) -> Backend:
    """The RPC's view of a chain that has no L1 under it."""
    return Backend(
        client_version=CLIENT_VERSION,
        blockchain=parts.blockchain,
        queries=parts.queries,
        mempool=parts.mempool,
        intake=parts.intake,
        heads=parts.heads,
        pending=parts.pending,
        readers=parts.readers,
        registry=parts.telemetry.registry,
        epochs=parts.epochs,
        namespaces=frozenset(config.rpc.namespaces),
        allow_unprotected=config.mempool.allow_unprotected,
        routers=routers,
    )


def rpc_limits(config: Config) -> RpcLimits:
    """The configured bounds of the RPC; the others keep their defaults."""
    rpc = config.rpc
    return RpcLimits(
        body_bytes=rpc.body_bytes,
        batch_entries=rpc.batch_entries,
        batch_response_bytes=rpc.batch_response_bytes,
        log_range_blocks=rpc.log_range_blocks,
        log_results=rpc.log_results,
        call_gas=rpc.call_gas,
        call_timeout_ms=rpc.call_timeout_ms,
        trace_timeout_ms=rpc.trace_timeout_ms,
        connections=rpc.connections,
        websocket_frame_bytes=rpc.body_bytes,
        subscriptions=rpc.subscriptions,
        filters=rpc.filters,
        client_rate=rpc.client_rate,
        client_burst=rpc.client_burst,
    )


def rpc_server(backend: Backend, config: Config) -> RpcServer:
    """The RPC of a node, as configured; enter it to listen."""
    rpc = config.rpc
    return RpcServer(
        backend,
        host=rpc.host,
        port=rpc.port,
        limits=rpc_limits(config),
        cors_origins=frozenset(rpc.allowed_origins),
        virtual_hosts=frozenset(rpc.virtual_hosts) or None,
    )
