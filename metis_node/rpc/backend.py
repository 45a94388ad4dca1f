"""What the RPC serves from: everything it needs of the node, in one value that assembly fills.

The RPC owns none of this; it starts and stops nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import APIRouter
    from prometheus_client import CollectorRegistry

    from metis_node.chain.blockchain import Blockchain
    from metis_node.chain.mempool import Mempool
    from metis_node.chain.queries import Queries
    from metis_node.engine.consensus.sync import SyncStatus
    from metis_node.engine.consensus.tale import Tale
    from metis_node.engine.consensus.turns import Turn
    from metis_node.engine.epoch_book import EpochBook
    from metis_node.engine.heads import Heads, PendingTransactions
    from metis_node.engine.intake import Intake
    from metis_node.engine.ports import EpochSource
    from metis_node.engine.staking_follower import StakingFollower
    from metis_node.types.announcement import Announcement
    from metis_node.types.consensus import Certificate, Evidence
    from metis_node.types.primitives import Address

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition of readiness. `problem` returns None, or what is wrong and how to mend it."""

    name: str
    problem: Callable[[], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StakingView:
    """What was read of the staking contracts. `pool` is the LockingPool."""

    pool: Address
    follower: StakingFollower
    epochs: EpochBook


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusView:
    """The agreement as this node sees it. Callables answer at once, from memory, on the event loop;
    but for `certificate`: it reads the store and recovers who signed, in a reader's thread."""

    me: Address | None  # the key that this node signs with; None: it watches
    turn: Callable[[], Turn | None]  # of the next block; None while its epoch is not decided
    position: Callable[[], tuple[int, int]]  # height and round that are agreed on; (0, -1): none
    stopped_signing: Callable[[], str]  # why; empty where it signs, or has no key
    sync: Callable[[], SyncStatus]
    evidence: Callable[[], Sequence[Evidence]]
    tale: Callable[[int], Tale | None]  # how a height came about; None where that is forgotten
    certificate: Callable[[int], Certificate | None]
    yield_turn: Callable[[], None]
    announced: Callable[[], Mapping[Address, Announcement]]  # what sequencers say of themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The node as the RPC sees it. Callables answer at once, from memory, on the event loop."""

    client_version: str  # as web3_clientVersion: name/version/platform/language
    blockchain: Blockchain
    queries: Queries
    mempool: Mempool
    intake: Intake
    heads: Heads
    pending: PendingTransactions
    readers: ThreadPoolExecutor
    registry: CollectorRegistry
    namespaces: frozenset[str] | None = None  # which are served ("eth", ...); None: all
    allow_unprotected: bool = False  # legacy transactions without chain id (EIP-155)
    sync_status: Callable[[], Json | None] = lambda: None  # eth_syncing's object; None: in sync
    l1_status: Callable[[], Json | None] = lambda: None
    batches: Callable[[], Json | None] = lambda: None
    transaction_batch: Callable[[int], Json | None] = field(default=lambda _number: None)
    staking: Callable[[], StakingView | None] = lambda: None
    epochs: EpochSource | None = None  # of a chain with validators
    consensus: ConsensusView | None = None  # of a chain with validators
    builds_alone: bool = False  # this node makes the blocks of a chain without validators
    peer_count: Callable[[], int] = lambda: 0
    checks: Sequence[Check] = ()
    routers: Sequence[APIRouter] = ()  # e.g. the embedded L1's beacon routes
    extra_methods: Sequence[Any] = ()  # `rpc.method.Method`s of the composition's own
