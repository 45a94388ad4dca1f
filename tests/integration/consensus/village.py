"""A few hosts of the agreement in one process: real chains, real keys, real journals on disk, real
time in short blocks; only the wire between them is a list that the test can cut."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.blockchain import Blockchain
from metis_node.chain.mempool import Mempool
from metis_node.consensus.guard import Guard
from metis_node.consensus.machine import ConsensusMachine
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.chain_epochs import chain_epochs
from metis_node.engine.clock import SystemClock
from metis_node.engine.committer import Committer
from metis_node.engine.consensus.bodies import BodyFetcher
from metis_node.engine.consensus.candidates import Candidates
from metis_node.engine.consensus.host import ConsensusHost
from metis_node.engine.consensus.journal import JOURNAL_FILE, ConsensusJournal
from metis_node.engine.consensus.neighbours import Neighbours
from metis_node.engine.consensus.participation import PrecommitBook
from metis_node.engine.consensus.reception import Reception
from metis_node.engine.consensus.serving import Serving
from metis_node.engine.consensus.signer import GUARD_FILE, GuardedSigner, GuardFile
from metis_node.engine.consensus.story import Story
from metis_node.engine.consensus.sync import BlockSync
from metis_node.engine.heads import Heads
from metis_node.errors import Temporary
from metis_node.storage.memory import MemoryStore
from metis_node.types.blocks import SealedHeader
from metis_node.types.l1 import L1Origin
from metis_node.types.network import Offence, PeerId, RequestKind, Topic
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain
from tests import chains, sequenced

NO_POOL = Address(bytes(20))
# Wide enough for a loaded machine: only who is gone or silent fails a round.
TIMEOUTS = {"propose_ms": 2_000, "propose_step_ms": 500, "vote_ms": 1_000, "vote_step_ms": 250}


class StillL1:
    """An L1 that stands: every block names the same origin."""

    def __init__(self, origin: L1Origin) -> None:
        self.origin = origin

    def origin_for(self, parent_origin_number: int, block_time_s: int) -> L1Origin | None:  # noqa: ARG002
        return self.origin

    async def confirm(self, origin: L1Origin) -> bool:
        return origin == self.origin

    async def available(self, parent: SealedHeader) -> None:
        pass

    async def changed(self) -> None:
        await asyncio.Event().wait()


@dataclass
class Villager:
    """One node."""

    name: PeerId
    host: ConsensusHost
    chain: Blockchain
    mempool: Mempool
    committer: Committer
    reception: Reception
    serving: Serving
    sync: BlockSync
    story: Story
    bodies: BodyFetcher
    guard_file: GuardFile | None
    journal: ConsensusJournal | None
    announcements: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(known={}))
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    offences: list[tuple[PeerId, Offence]] = field(default_factory=list)

    @property
    def head(self) -> int:
        return self.chain.head.number


class Wire:
    """One node's end of it."""

    def __init__(self, village: Village, me: PeerId) -> None:
        self._village = village
        self._me = me

    def peers(self) -> Sequence[PeerId]:
        return self._village.reachable(self._me)

    def publish(self, topic: Topic, payload: bytes) -> None:
        for peer in self.peers():
            self.send(peer, topic, payload)

    def send(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        self._village.carry(self._me, peer, topic, payload)

    async def request(
        self, peer: PeerId, kind: RequestKind, payload: bytes, *, timeout_s: float
    ) -> bytes:
        if peer not in self.peers() or (self._me, peer) in self._village.deaf:
            raise Temporary("the peer is gone")
        async with asyncio.timeout(timeout_s):
            return await self._village.villagers[peer].serving.on_request(self._me, kind, payload)

    def penalise(self, peer: PeerId, offence: Offence) -> None:
        self._village.villagers[self._me].offences.append((peer, offence))

    def disconnect(self, peer: PeerId) -> None:
        self._village.deaf.discard((self._me, peer))


class Village:
    """`size` validators of a static set, and whoever only watches."""

    def __init__(self, directory: Path, size: int, *, block_time_ms: int = 200, **rules: Any):
        self.directory = directory
        self.size = size
        consensus = sequenced.static_set(size, timeouts=TIMEOUTS)
        self.genesis = chains.new_genesis(
            timestamp=int(time.time()) - 1,
            consensus=consensus,
            block_time_ms=block_time_ms,
            origin_max_lag_s=1 << 31,
            **rules,
        )
        self.stores: dict[PeerId, MemoryStore] = {}
        self.villagers: dict[PeerId, Villager] = {}
        self.cut: set[PeerId] = set()
        self.deaf: set[tuple[PeerId, PeerId]] = (
            set()
        )  # whom a node can ask nothing, until it reconnects
        self.filter: Callable[[PeerId, PeerId, Topic, bytes], bool] = lambda *_: True

    def reachable(self, me: PeerId) -> list[PeerId]:
        if me in self.cut:
            return []
        return [peer for peer in self.villagers if peer != me and peer not in self.cut]

    def carry(self, sender: PeerId, to: PeerId, topic: Topic, payload: bytes) -> None:
        if to not in self.reachable(sender) or not self.filter(sender, to, topic, payload):
            return
        villager = self.villagers[to]
        asyncio.get_running_loop().call_soon(villager.reception.on_message, sender, topic, payload)

    async def enter(
        self, number: int | None, *, name: str = "", fresh_guard: bool = True
    ) -> Villager:
        """Start validator `number` (1 and up), or somebody who watches."""
        peer = PeerId(name or f"node-{number}")
        villager = self._made(peer, number, fresh_guard=fresh_guard)
        self.villagers[peer] = villager
        villager.tasks = [
            asyncio.create_task(villager.reception.run()),
            asyncio.create_task(villager.host.run()),
            asyncio.create_task(villager.sync.run()),
        ]
        return villager

    async def leave(self, villager: Villager) -> None:
        """Stop it at once; what it keeps on disk stays."""
        self.villagers.pop(villager.name, None)
        for task in villager.tasks:
            task.cancel()
        results = await asyncio.gather(*villager.tasks, return_exceptions=True)
        await villager.committer.aclose()
        if villager.journal is not None:
            villager.journal.close()
        if villager.guard_file is not None:
            villager.guard_file.close()
        failed = [one for one in results if isinstance(one, Exception)]
        if failed:
            raise failed[0]

    async def until(self, check: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not check():
                for villager in self.villagers.values():
                    for task in villager.tasks:
                        if task.done():
                            task.result()
                await asyncio.sleep(0.01)

    async def height(self, number: int, seconds: float = 20.0) -> None:
        """Until all that are not cut off have reached it."""
        await self.until(
            lambda: all(
                one.head >= number for one in self.villagers.values() if one.name not in self.cut
            ),
            seconds,
        )

    def _made(self, peer: PeerId, number: int | None, *, fresh_guard: bool) -> Villager:
        store = self.stores.get(peer)
        if store is None:
            store = self.stores[peer] = MemoryStore()
            chain = Blockchain.initialise(store, self.genesis)
        else:
            chain = Blockchain.open(store)
        rules = chain.rules
        assert rules.consensus is not None
        domain = SigningDomain(chain_id=rules.chain_id, locking_pool=NO_POOL)
        directory = self.directory / peer
        directory.mkdir(exist_ok=True)
        signer, guard_file = self._signer(number, directory, domain, fresh_guard)
        journal = ConsensusJournal(directory / JOURNAL_FILE) if signer is not None else None
        epochs = chain_epochs(chain)
        assert epochs is not None
        mempool = Mempool(AdmissionRules.of(rules, chain.head.header.timestamp))
        committer = Committer(blockchain=chain, mempool=mempool, heads=Heads(), epochs=epochs)
        clock, wire, l1 = (
            SystemClock(),
            Wire(self, peer),
            StillL1(chains.l1_origin(chains.L1_START)),
        )
        precommits, story, bodies = PrecommitBook(), Story(), BodyFetcher(wire)
        builder = BlockBuilder(
            blockchain=chain,
            committer=committer,
            mempool=mempool,
            origins=l1,
            clock=clock,
            beneficiary=chains.BENEFICIARY,
        )
        candidates = Candidates(
            chain=chain,
            committer=committer,
            mempool=mempool,
            origins=l1,  # type: ignore[arg-type]
            precommits=precommits,
            clock=clock,
            bodies=bodies,
        )
        serving = Serving(chain=chain, mempool=mempool, candidates=candidates)
        neighbours = Neighbours(wire, clock)
        host = ConsensusHost(
            chain=chain,
            epochs=epochs,
            machine=ConsensusMachine(
                me=None if signer is None else signer.address,
                timeouts=rules.consensus.timeouts,
                is_replaying=journal is not None,
            ),
            candidates=candidates,
            precommits=precommits,
            builder=builder,
            origins=l1,  # type: ignore[arg-type]
            journal=journal,
            signer=signer,
            domain=domain,
            gossip=wire,
            clock=clock,
            story=story,
            neighbours=neighbours,
            listen_ms=300,
        )
        neighbours.decided_block = lambda height: serving.decided(height, with_body=True)
        reception = Reception(domain=domain, gossip=wire, deliver=host.deliver)
        sync = BlockSync(chain=chain, gossip=wire, domain=domain, take=host.take_decided)
        neighbours.on_ahead = sync.hint
        return Villager(
            peer,
            host,
            chain,
            mempool,
            committer,
            reception,
            serving,
            sync,
            story,
            bodies,
            guard_file,
            journal,
        )

    def _signer(
        self, number: int | None, directory: Path, domain: SigningDomain, fresh_guard: bool
    ) -> tuple[GuardedSigner | None, GuardFile | None]:
        if number is None:
            return None, None
        address = sequenced.signer(number)
        file = GuardFile(directory / GUARD_FILE)
        if file.guard is None and fresh_guard:
            file.store(Guard(signer=address, chain_id=domain.chain_id, version=1))
        secret = (sequenced.FIRST_KEY + number).to_bytes(32, "big")
        return GuardedSigner(secret=secret, signer=address, domain=domain, file=file), file


@contextlib.asynccontextmanager
async def village(directory: Path, size: int, **rules: Any) -> AsyncIterator[Village]:
    """All of them started."""
    made = Village(directory, size, **rules)
    for number in range(1, size + 1):
        await made.enter(number)
    try:
        yield made
    finally:
        for villager in list(made.villagers.values()):
            await made.leave(villager)


def same_chain(villagers: Sequence[Villager]) -> bool:
    """Whether all have the same block at the lowest head of them."""
    from metis_node.chain import block_store

    lowest = min(one.head for one in villagers)
    hashes = {block_store.require_header(one.chain.store, lowest).hash for one in villagers}
    return len(hashes) == 1
