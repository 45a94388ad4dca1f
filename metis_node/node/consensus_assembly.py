"""Constructor calls of the agreement: machine, host, journal, signer, and what feeds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from metis_node import __version__
from metis_node.consensus.machine import ConsensusMachine
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.chain_epochs import ChainEpochs
from metis_node.engine.consensus.announcements import Announcements
from metis_node.engine.consensus.bodies import BodyFetcher
from metis_node.engine.consensus.candidates import Candidates
from metis_node.engine.consensus.host import ConsensusHost
from metis_node.engine.consensus.journal import JOURNAL_FILE, ConsensusJournal
from metis_node.engine.consensus.neighbours import Neighbours
from metis_node.engine.consensus.origin_watch import OriginWatch
from metis_node.engine.consensus.participation import PrecommitBook
from metis_node.engine.consensus.reception import Reception
from metis_node.engine.consensus.serving import Serving
from metis_node.engine.consensus.signer import GUARD_FILE, GuardedSigner, GuardFile
from metis_node.engine.consensus.story import Story
from metis_node.engine.consensus.sync import BlockSync
from metis_node.engine.ports import Clock
from metis_node.engine.transaction_gossip import TransactionGossip
from metis_node.errors import Fatal
from metis_node.network.service import NetworkService
from metis_node.node.assembly import ChainParts
from metis_node.node.config import Config
from metis_node.node.config.fingerprint import settings_hash
from metis_node.node.keys import KeyDirectory
from metis_node.node.l1_assembly import L1Parts
from metis_node.node.network_assembly import (
    NetworkGossip,
    network_service,
    reachable_addresses,
)
from metis_node.node.passwords import require_password
from metis_node.node.service import Service
from metis_node.types.announcement import Announcement
from metis_node.types.network import PeerId, Topic
from metis_node.types.primitives import ZERO_ADDRESS, Address
from metis_node.types.rules import ChainRules
from metis_node.types.signing import SigningDomain

LISTEN_TIMEOUTS = 2  # propose time-outs that a node with a key listens before it signs


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusParts:
    """What a node of a chain with validators has of the agreement."""

    host: ConsensusHost
    story: Story
    sync: BlockSync
    serving: Serving
    reception: Reception
    transactions: TransactionGossip
    announcements: Announcements
    network: NetworkService | None
    failed: asyncio.Future[None]

    @property
    def services(self) -> Mapping[str, Service]:
        """What runs as long as the node."""
        return {
            "agreement": self.host.run,
            "reception": self.reception.run,
            "block sync": self.sync.run,
            "transaction gossip": self.transactions.run,
            "announcements": self.announcements.run,
            "network": self._watch_network,
        }

    async def _watch_network(self) -> None:
        await self.failed


def signing_domain(rules: ChainRules) -> SigningDomain:
    """A static set has no pool on L1: its signatures name the zero address."""
    pool = rules.consensus.locking_pool if rules.consensus is not None else None
    return SigningDomain(chain_id=rules.chain_id, locking_pool=pool or ZERO_ADDRESS)


@asynccontextmanager
async def consensus_parts(
    parts: ChainParts, l1: L1Parts, config: Config, builder: BlockBuilder
) -> AsyncIterator[ConsensusParts]:
    """Everything but the tasks, with the network up; files are closed with the block.

    InvalidConfig where the node is to sign and its key or its signing history is missing."""
    chain = parts.blockchain
    rules, domain = chain.rules, signing_domain(chain.rules)
    assert rules.consensus is not None
    epochs = parts.epochs
    assert epochs is not None
    gossip, story, precommits = NetworkGossip(), Story(), PrecommitBook()
    origins = OriginWatch(
        follower=l1.follower, source=l1.reader, origins=l1.origins, clock=parts.clock
    )
    candidates = Candidates(
        chain=chain,
        committer=parts.committer,
        mempool=parts.mempool,
        origins=origins,
        precommits=precommits,
        clock=parts.clock,
        bodies=BodyFetcher(gossip),
    )
    serving = Serving(chain=chain, mempool=parts.mempool, candidates=candidates)
    with ExitStack() as stack:
        signer = _signer(config, domain, stack) if config.sequencer.enabled else None
        journal = None
        if signer is not None:
            journal = ConsensusJournal(config.chain.data_dir / JOURNAL_FILE)
            stack.callback(journal.close)
        timeouts = rules.consensus.timeouts
        neighbours = Neighbours(gossip, parts.clock)
        host = ConsensusHost(
            chain=chain,
            epochs=epochs,
            machine=ConsensusMachine(
                me=None if signer is None else signer.address,
                timeouts=timeouts,
                is_replaying=journal is not None,
            ),
            candidates=candidates,
            precommits=precommits,
            builder=builder,
            origins=origins,
            journal=journal,
            signer=signer,
            domain=domain,
            gossip=gossip,
            clock=parts.clock,
            story=story,
            neighbours=neighbours,
            listen_ms=LISTEN_TIMEOUTS * timeouts.propose_ms,
        )
        neighbours.decided_block = lambda height: serving.decided(height, with_body=True)
        reception = Reception(domain=domain, gossip=gossip, deliver=host.deliver)
        sync = BlockSync(chain=chain, gossip=gossip, domain=domain, take=host.take_decided)
        neighbours.on_ahead = sync.hint
        transactions = TransactionGossip(
            intake=parts.intake, mempool=parts.mempool, pending=parts.pending, gossip=gossip
        )
        announcements = Announcements(
            domain=domain,
            gossip=gossip,
            clock=parts.clock,
            validators=lambda: _validators(epochs),
            learn_address=gossip.learn_address,
            own=lambda: _own_announcement(gossip, signer, config, parts.clock),
        )
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_message(peer: PeerId, topic: Topic, payload: bytes) -> None:
            if topic is Topic.TRANSACTIONS:
                transactions.on_message(peer, payload)
            elif topic is Topic.ANNOUNCEMENTS:
                announcements.on_message(peer, payload)
            else:
                reception.on_message(peer, topic, payload)

        def on_failed(error: Fatal) -> None:
            if not failed.done():
                failed.set_exception(error)

        async with network_service(
            chain,
            config,
            gossip,
            on_message=on_message,
            on_request=serving.on_request,
            on_failed=on_failed,
        ) as network:
            yield ConsensusParts(
                host=host,
                story=story,
                sync=sync,
                serving=serving,
                reception=reception,
                transactions=transactions,
                announcements=announcements,
                network=network,
                failed=failed,
            )


def _validators(epochs: ChainEpochs) -> frozenset[Address]:
    newest = epochs.newest()
    return frozenset(v.signer for v in newest.order) if newest is not None else frozenset()


def _own_announcement(
    gossip: NetworkGossip, signer: GuardedSigner | None, config: Config, clock: Clock
) -> Announcement | None:
    """Signed; None for a node that does not sign, or whose network is not up."""
    service = gossip.service
    if signer is None or service is None:
        return None
    bare = Announcement(
        peer=service.peer_id,
        addresses=reachable_addresses(service, config),
        version=f"metis-node/{__version__}",
        settings_hash=settings_hash(config),
        time_ms=clock.now_ms(),
        signer=signer.address,
    )
    return replace(bare, signature=signer.sign_announcement(bare))


def _signer(config: Config, domain: SigningDomain, stack: ExitStack) -> GuardedSigner:
    account = KeyDirectory(config.keys_dir).unlock(
        config.keys.signer, require_password(config.keys)
    )
    file = GuardFile(config.chain.data_dir / GUARD_FILE)
    stack.callback(file.close)
    return GuardedSigner(
        secret=bytes(account.key),
        signer=Address(bytes.fromhex(account.address[2:])),
        domain=domain,
        file=file,
    )
