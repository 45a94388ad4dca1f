"""Constructor calls of the network, and the engine's view of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from metis_node.chain.blockchain import Blockchain
from metis_node.codec.announcement import MAX_ADDRESSES
from metis_node.codec.hashes import keccak256
from metis_node.engine.consensus.ports import NoNetwork
from metis_node.errors import Fatal
from metis_node.network.network_key import load_or_create_network_key
from metis_node.network.service import NetworkService
from metis_node.network.settings import NetworkSettings
from metis_node.node.config import Config
from metis_node.types.network import NetworkIdentity, Offence, PeerId, RequestKind, Topic
from metis_node.types.primitives import Hash32

NETWORK_KEY_FILE = "network.key"
ADDRESS_BOOK_FILE = "peers.json"
WILDCARDS = frozenset({"0.0.0.0", "::"})

OnMessage = Callable[[PeerId, Topic, bytes], None]
OnRequest = Callable[[PeerId, RequestKind, bytes], Awaitable[bytes]]


class NetworkGossip:
    """`engine.consensus.ports.Gossip` over the service, which comes up after what it serves."""

    def __init__(self) -> None:
        self.service: NetworkService | None = None
        self._nobody = NoNetwork()

    def peers(self) -> Sequence[PeerId]:
        return [] if self.service is None else [peer.id for peer in self.service.peers()]

    def publish(self, topic: Topic, payload: bytes) -> None:
        (self.service or self._nobody).publish(topic, payload)

    def send(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        (self.service or self._nobody).send(peer, topic, payload)

    async def request(
        self, peer: PeerId, kind: RequestKind, payload: bytes, *, timeout_s: float
    ) -> bytes:
        service = self.service or self._nobody
        return await service.request(peer, kind, payload, timeout_s=timeout_s)

    def penalise(self, peer: PeerId, offence: Offence) -> None:
        (self.service or self._nobody).penalise(peer, offence)

    def disconnect(self, peer: PeerId) -> None:
        (self.service or self._nobody).disconnect(peer)

    def learn_address(self, address: str) -> None:
        """Where a peer may be: a multiaddress with /p2p/<peer id>."""
        if self.service is not None:
            self.service.learn_address(address)


@asynccontextmanager
async def network_service(
    blockchain: Blockchain,
    config: Config,
    gossip: NetworkGossip,
    *,
    on_message: OnMessage,
    on_request: OnRequest,
    on_failed: Callable[[Fatal], None],
) -> AsyncIterator[NetworkService | None]:
    """Up inside the block, where the configuration has a network; `gossip` speaks through it."""
    if not config.network.enabled:
        yield None
        return
    service = NetworkService(
        identity_of(blockchain),
        _settings(config),
        secret=load_or_create_network_key(config.chain.data_dir / NETWORK_KEY_FILE),
        on_message=on_message,
        on_request=on_request,
        on_failed=on_failed,
    )
    async with service:
        gossip.service = service
        try:
            yield service
        finally:
            gossip.service = None


def identity_of(blockchain: Blockchain) -> NetworkIdentity:
    """The parameters' hash is that of the whole genesis file: its rules are in no block."""
    return NetworkIdentity(
        chain_id=blockchain.rules.chain_id,
        genesis_hash=blockchain.genesis.hash,
        parameters_hash=Hash32(keccak256(blockchain.genesis_file.canonical)),
    )


def reachable_addresses(service: NetworkService, config: Config) -> tuple[str, ...]:
    """Where others reach this node, for its announcement: what the operator says, or what it
    listens on. A wildcard says nothing: peers then know it by its connections."""
    if config.network.announced:
        return config.network.announced[:MAX_ADDRESSES]
    listens = [address.partition("/p2p/")[0] for address in service.listen_addresses]
    named = [address for address in listens if address.split("/")[2] not in WILDCARDS]
    return tuple(named[:MAX_ADDRESSES])


def _settings(config: Config) -> NetworkSettings:
    network = config.network
    return NetworkSettings(
        listen_host=network.host,
        listen_port=network.port,
        announced=network.announced,
        bootstrap=network.bootstrap,
        address_book=config.chain.data_dir / ADDRESS_BOOK_FILE,
        max_peers=network.max_peers,
        target_peers=min(network.max_peers, network.target_peers),
        mdns=network.mdns,
    )
