"""Catching up: decided blocks by range from peers that are ahead, each with its certificate.

Who is ahead is asked when a peer connects, from time to time, and when messages of later heights
come in. A block is believed for its certificate, never for who sent it (rule C25).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from metis_node.chain.blockchain import Blockchain
from metis_node.codec.block_messages import (
    DecidedBlock,
    decode_range,
    decode_ref,
    encode_range_request,
    encode_ref,
)
from metis_node.codec.consensus import signed_digests, with_senders
from metis_node.engine.consensus.ports import Gossip
from metis_node.engine.consensus.reception import recovered
from metis_node.errors import Invalid, Temporary
from metis_node.types.blocks import BlockRef
from metis_node.types.consensus import Certificate
from metis_node.types.network import Offence, PeerId, RequestKind
from metis_node.types.signing import SigningDomain

RANGE_BLOCKS = 64  # asked for at once
STATUS_INTERVAL_S = 2.0
STATUS_TIMEOUT_S = 2.0
RANGE_TIMEOUT_S = 20.0
MAX_PEERS_ASKED = 8  # for their status, in one round
CALM_PEERS_ASKED = 1  # while the head moves by itself
CALM_ROUNDS = 4  # without a new head, after which it is not calm any more
MAX_UNANSWERED = 3  # questions in a row for its status, of a peer that is ahead
HINT_PATIENCE_S = 0.25  # a node that is one block behind mostly gets it by itself

TakeBlock = Callable[[PeerId, DecidedBlock], Awaitable[bool]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """For /readyz and metis_syncStatus."""

    target: int  # highest block that a peer says it has
    is_syncing: bool
    peer: str


def own_status(chain: Blockchain) -> bytes:
    """How far this node is."""
    return encode_ref(BlockRef(number=chain.head.number, hash=chain.head.hash))


class BlockSync:
    """Run it as a task. `take` hands a block to the host: True once it is the head."""

    def __init__(
        self, *, chain: Blockchain, gossip: Gossip, domain: SigningDomain, take: TakeBlock
    ) -> None:
        self._chain = chain
        self._gossip = gossip
        self._domain = domain
        self._take = take
        self._heads: dict[PeerId, int] = {}
        self._unanswered: Counter[PeerId] = Counter()
        self._hinted = asyncio.Event()
        self._peer = ""
        self._seen_head = -1
        self._still_rounds = 0  # in a row without a new head

    @property
    def status(self) -> SyncStatus:
        target = max([*self._heads.values(), self._chain.head.number])
        return SyncStatus(target=target, is_syncing=bool(self._peer), peer=self._peer)

    def hint(self, peer: PeerId, number: int) -> None:
        """A message shows that `peer` has block `number`."""
        if number > self._chain.head.number and peer in self._gossip.peers():
            self._heads[peer] = max(number, self._heads.get(peer, 0))
            self._hinted.set()

    async def run(self) -> None:
        while True:
            await self._wait()
            await self._ask_status()
            while (peer := self._best()) is not None:
                self._peer = peer
                try:
                    if not await self._fetch(peer):
                        self._heads.pop(peer, None)
                finally:
                    self._peer = ""

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(STATUS_INTERVAL_S):
                await self._hinted.wait()
                await asyncio.sleep(HINT_PATIENCE_S)
        except TimeoutError:
            pass
        self._hinted.clear()

    async def _ask_status(self) -> None:
        connected = self._gossip.peers()
        for gone in self._heads.keys() - set(connected):
            del self._heads[gone]
        for gone in self._unanswered.keys() - set(connected):
            del self._unanswered[gone]
        await asyncio.gather(*[self._ask_one(peer) for peer in self._to_be_asked(connected)])

    def _to_be_asked(self, connected: Sequence[PeerId]) -> list[PeerId]:
        """Who was never asked, and the one that was asked longest ago; many once the head stands
        or somebody is ahead."""
        head = self._chain.head.number
        self._still_rounds = self._still_rounds + 1 if head == self._seen_head else 0
        self._seen_head = head
        is_calm = self._still_rounds < CALM_ROUNDS and self._best() is None
        known = [peer for peer in self._heads if peer in connected]
        fresh = [peer for peer in connected if peer not in self._heads]
        return [*fresh, *known[: CALM_PEERS_ASKED if is_calm else None]][:MAX_PEERS_ASKED]

    async def _ask_one(self, peer: PeerId) -> None:
        try:
            answer = await self._gossip.request(
                peer, RequestKind.STATUS, own_status(self._chain), timeout_s=STATUS_TIMEOUT_S
            )
            self._heads.pop(peer, None)  # to the end of the row
            self._heads[peer] = decode_ref(answer).number
            self._unanswered.pop(peer, None)
        except Temporary:
            self._on_unanswered(peer)
        except Invalid:
            self._gossip.penalise(peer, Offence.MALFORMED)

    def _on_unanswered(self, peer: PeerId) -> None:
        """After a cut a connection may carry messages one way and no request at all: once that
        keeps this node behind, the connection is made anew."""
        head = self._heads.pop(peer, 0)
        self._unanswered[peer] += 1
        if self._unanswered[peer] < MAX_UNANSWERED or head <= self._chain.head.number:
            return
        del self._unanswered[peer]
        log.warning("a peer that is ahead answers nothing: connecting anew", peer=peer, head=head)
        self._gossip.disconnect(peer)

    def _best(self) -> PeerId | None:
        """The peer that says it is furthest, if that is ahead of here."""
        ahead = [(head, peer) for peer, head in self._heads.items()]
        head, peer = max(ahead, default=(0, None))
        return peer if head > self._chain.head.number else None

    async def _fetch(self, peer: PeerId) -> bool:
        """One range. False where the peer was of no use."""
        first = self._chain.head.number + 1
        try:
            answer = await self._gossip.request(
                peer,
                RequestKind.BLOCKS,
                encode_range_request(first, RANGE_BLOCKS),
                timeout_s=RANGE_TIMEOUT_S,
            )
            blocks = await self._recovered(decode_range(answer))
            return await self._import(peer, blocks)
        except Temporary as error:
            log.info("a peer does not serve blocks", peer=peer, reason=error.message)
            return False
        except Invalid as error:
            log.warning("a peer serves wrong blocks", peer=peer, reason=error.message)
            self._gossip.penalise(peer, Offence.FORGED)
            return False

    async def _import(self, peer: PeerId, blocks: list[DecidedBlock]) -> bool:
        taken = 0
        for block in blocks:
            if block.certificate.height <= self._chain.head.number:
                continue  # the agreement was faster
            if not await self._take(peer, block):
                break
            taken += 1
        if taken > 1:
            log.info("caught up", blocks=taken, head=self._chain.head.number, peer=peer)
        return taken > 0 or (
            bool(blocks) and blocks[-1].certificate.height <= self._chain.head.number
        )

    async def _recovered(self, blocks: list[DecidedBlock]) -> list[DecidedBlock]:
        """All certificates of the range at once. Raises MalformedMessage."""
        digests = [signed_digests(self._domain, block.certificate) for block in blocks]
        senders = await recovered([item for entry in digests for item in entry])
        done: list[DecidedBlock] = []
        at = 0
        for block, entry in zip(blocks, digests, strict=True):
            certificate = with_senders(block.certificate, senders[at : at + len(entry)])
            assert isinstance(certificate, Certificate)
            done.append(
                DecidedBlock(
                    certificate=certificate,
                    header_rlp=block.header_rlp,
                    transactions=block.transactions,
                )
            )
            at += len(entry)
        return done
