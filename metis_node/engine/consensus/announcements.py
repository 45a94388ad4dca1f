"""Who the sequencers say they are: each tells its peer id, addresses, version and settings under
its signer key, and everybody keeps the newest of each. Rule N15.

A validator that is not connected yet is dialled at what it announced, so that votes take one hop;
operators see who runs what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import structlog

from metis_node.codec.announcement import (
    announced_digest,
    decode_announcement,
    encode_announcement,
)
from metis_node.engine.consensus.ports import Gossip
from metis_node.engine.consensus.reception import recovered
from metis_node.engine.inbox import Inbox
from metis_node.engine.ports import Clock
from metis_node.errors import Invalid, Temporary
from metis_node.types.announcement import Announcement
from metis_node.types.network import Offence, PeerId, Topic
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain

LOOK_S = 2.0  # whether a peer is new, which has heard nothing yet
REPEAT_MS = 60_000
MAX_AHEAD_MS = 60_000  # of our clock
MAX_WAITING = 256
MAX_KNOWN = 512  # signers; validators of now are never forgotten for others

log = structlog.get_logger(__name__)

Own = Callable[[], Announcement | None]  # signed, of now; None: nothing to announce


class Announcements:
    """Feed `on_message` from the network; `run` it as a task. Event loop only."""

    def __init__(
        self,
        *,
        domain: SigningDomain,
        gossip: Gossip,
        clock: Clock,
        validators: Callable[[], Collection[Address]],
        learn_address: Callable[[str], None],
        own: Own,
    ) -> None:
        """`learn_address` takes a multiaddress with /p2p/<peer id>."""
        self._domain = domain
        self._gossip = gossip
        self._clock = clock
        self._validators = validators
        self._learn_address = learn_address
        self._own = own
        self._known: dict[Address, Announcement] = {}
        self._waiting: Inbox[tuple[PeerId, Announcement]] = Inbox("announcements", MAX_WAITING)
        self._told: frozenset[PeerId] = frozenset()
        self._told_at = 0

    @property
    def known(self) -> Mapping[Address, Announcement]:
        """The newest of each signer, our own too."""
        return self._known

    def on_message(self, peer: PeerId, payload: bytes) -> None:
        try:
            one = decode_announcement(payload)
            if one.peer != peer:
                self._gossip.penalise(peer, Offence.FORGED)
            elif one.time_ms <= self._clock.now_ms() + MAX_AHEAD_MS:
                self._waiting.put((peer, one))
        except Temporary:
            log.debug("announcement dropped", peer=peer)  # it comes again
        except Invalid:
            self._gossip.penalise(peer, Offence.MALFORMED)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell())
            group.create_task(self._listen())

    async def _tell(self) -> None:
        while True:
            peers = frozenset(self._gossip.peers())
            is_due = self._clock.now_ms() - self._told_at >= REPEAT_MS
            if peers and (is_due or peers - self._told) and (own := self._own()) is not None:
                self._gossip.publish(Topic.ANNOUNCEMENTS, encode_announcement(own))
                self._keep(own)
                self._told_at = self._clock.now_ms()
            self._told = peers
            await asyncio.sleep(LOOK_S)

    async def _listen(self) -> None:
        while True:
            await self._take(await self._waiting.take_all())

    async def _take(self, waiting: list[tuple[PeerId, Announcement]]) -> None:
        digests = [(announced_digest(self._domain, one), one.signature) for _, one in waiting]
        for (peer, one), signer in zip(waiting, await recovered(digests), strict=True):
            if signer is None:
                self._gossip.penalise(peer, Offence.FORGED)
            elif Address(signer) in self._validators():
                self._keep(replace(one, signer=Address(signer)))

    def _keep(self, one: Announcement) -> None:
        before = self._known.get(one.signer)
        if before is not None and before.time_ms >= one.time_ms:
            return
        self._known[one.signer] = one
        if len(self._known) > MAX_KNOWN:
            validators = self._validators()
            self._known = {key: kept for key, kept in self._known.items() if key in validators}
        for address in one.addresses:
            self._learn_address(f"{address}/p2p/{one.peer}")
        if before is None or (before.peer, before.version) != (one.peer, one.version):
            log.info(
                "sequencer announced",
                signer="0x" + one.signer.hex(),
                peer=one.peer,
                addresses=list(one.addresses),
                version=one.version,
            )
