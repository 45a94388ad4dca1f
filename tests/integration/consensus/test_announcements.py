"""Announcements on a wire: heard by all, believed only from who signed, and the newest only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from eth_account import Account

from metis_node._native import sign_digest
from metis_node.codec.announcement import announced_digest, encode_announcement
from metis_node.engine.consensus import announcements
from metis_node.engine.consensus.announcements import Announcements
from metis_node.engine.consensus.ports import NoNetwork
from metis_node.types.announcement import Announcement
from metis_node.types.network import Offence, PeerId, Topic
from metis_node.types.primitives import ZERO_ADDRESS, Address, Hash32
from metis_node.types.signing import SigningDomain
from tests.fakes.manual_clock import ManualClock

DOMAIN = SigningDomain(chain_id=59_902, locking_pool=ZERO_ADDRESS)
NOW_MS = 1_700_000_000_000
SECRETS = {PeerId(f"peer-{number}"): number.to_bytes(32, "big") for number in range(1, 5)}
SIGNERS = {
    peer: Address(bytes.fromhex(Account.from_key(secret).address[2:]))
    for peer, secret in SECRETS.items()
}


def announcement(peer: PeerId, time_ms: int, *, secret: bytes = b"", at: str = "") -> Announcement:
    bare = Announcement(
        peer=peer,
        addresses=(at or f"/dns4/{peer}/tcp/9545",),
        version="metis-node/0.1.0",
        settings_hash=Hash32(bytes(32)),
        time_ms=time_ms,
        signer=SIGNERS[peer],
    )
    signature = sign_digest(secret or SECRETS[peer], announced_digest(DOMAIN, bare))
    return replace(bare, signature=signature)


@dataclass
class Wire(NoNetwork):
    """Carries announcements between the nodes of `others`; each end is one node's."""

    me: PeerId
    others: dict[PeerId, Announcements]
    told: int = 0
    learned: list[str] = field(default_factory=list)
    offences: list[tuple[PeerId, Offence]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def learn(self, address: str) -> None:
        self.learned.append(address)
        self.changed.set()

    def peers(self) -> Sequence[PeerId]:
        return [peer for peer in self.others if peer != self.me]

    def publish(self, topic: Topic, payload: bytes) -> None:
        assert topic is Topic.ANNOUNCEMENTS
        self.told += 1
        for peer in self.peers():
            self.others[peer].on_message(self.me, payload)

    def penalise(self, peer: PeerId, offence: Offence) -> None:
        self.offences.append((peer, offence))


class Hamlet:
    """Nodes that only announce; `peer-4` is no validator."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW_MS)
        self.nodes: dict[PeerId, Announcements] = {}
        self.wires: dict[PeerId, Wire] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def enter(self, peer: PeerId) -> Announcements:
        wire = self.wires[peer] = Wire(me=peer, others=self.nodes)
        node = self.nodes[peer] = Announcements(
            domain=DOMAIN,
            gossip=wire,
            clock=self.clock,
            validators=lambda: [SIGNERS[PeerId(f"peer-{number}")] for number in (1, 2, 3)],
            learn_address=wire.learn,
            own=lambda: announcement(peer, self.clock.now_ms()),
        )
        self.tasks.append(asyncio.create_task(node.run()))
        return node


@asynccontextmanager
async def hamlet(*peers: str) -> AsyncIterator[Hamlet]:
    made = Hamlet()
    for peer in peers:
        made.enter(PeerId(peer))
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)


async def knows(made: Hamlet, me: str, peer: str, *, since_ms: int = NOW_MS) -> Announcement:
    """Wait until a node has heard this of a peer."""
    node, wire, signer = made.nodes[PeerId(me)], made.wires[PeerId(me)], SIGNERS[PeerId(peer)]
    async with asyncio.timeout(20):
        while signer not in node.known or node.known[signer].time_ms < since_ms:
            wire.changed.clear()
            await wire.changed.wait()
    return node.known[signer]


async def test_all_hear_all_and_learn_where_they_are() -> None:
    async with hamlet("peer-1", "peer-2", "peer-3") as made:
        for me in made.nodes:
            for peer in made.nodes:
                assert (await knows(made, me, peer)).peer == peer
            for peer in set(made.nodes) - {me}:
                assert f"/dns4/{peer}/tcp/9545/p2p/{peer}" in made.wires[me].learned
            assert made.wires[me].offences == []


async def test_who_comes_later_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "LOOK_S", 0.01)
    async with hamlet("peer-1", "peer-2") as made:
        await knows(made, "peer-1", "peer-2")
        made.clock.move_to_ms(NOW_MS + 1)
        made.enter(PeerId("peer-3"))
        for peer in made.nodes:
            await knows(made, "peer-3", peer)
        told = made.wires[PeerId("peer-1")].told
        made.clock.move_to_ms(NOW_MS + announcements.REPEAT_MS + 2)
        await knows(made, "peer-3", "peer-1", since_ms=NOW_MS + announcements.REPEAT_MS)
        assert made.wires[PeerId("peer-1")].told == told + 1  # not once in a while more often


async def test_only_the_newest_of_a_validator_from_itself_is_believed() -> None:
    async with hamlet("peer-1", "peer-2") as made:
        one, wire = made.nodes[PeerId("peer-1")], made.wires[PeerId("peer-1")]
        second, third, fourth = PeerId("peer-2"), PeerId("peer-3"), PeerId("peer-4")
        await knows(made, "peer-1", second)
        old = announcement(second, NOW_MS - 1, at="/ip4/192.0.2.1/tcp/1")
        ahead = announcement(second, NOW_MS + announcements.MAX_AHEAD_MS + 1)
        no_validator = announcement(fourth, NOW_MS)
        for peer, each in ((second, old), (second, ahead), (fourth, no_validator)):
            one.on_message(peer, encode_announcement(each))
        assert wire.offences == []  # clocks differ, sets change: nobody is to blame
        one.on_message(third, encode_announcement(announcement(second, NOW_MS + 5)))
        one.on_message(third, b"\1noise")
        broken = replace(announcement(third, NOW_MS), signature=bytes(65))
        one.on_message(third, encode_announcement(broken))
        one.on_message(third, encode_announcement(announcement(third, NOW_MS)))
        await knows(made, "peer-1", third)
        assert wire.offences == [
            (third, Offence.FORGED),
            (third, Offence.MALFORMED),
            (third, Offence.FORGED),
        ]
        assert one.known[SIGNERS[second]].addresses == (f"/dns4/{second}/tcp/9545",)
        assert SIGNERS[fourth] not in one.known


async def test_a_key_speaks_for_itself_alone() -> None:
    """Signed with the key of another: it counts as what that other says, of that peer id."""
    async with hamlet("peer-1", "peer-2") as made:
        one = made.nodes[PeerId("peer-1")]
        third = PeerId("peer-3")
        stolen = announcement(third, NOW_MS, secret=bytes(31) + b"\x77")
        one.on_message(third, encode_announcement(stolen))
        one.on_message(third, encode_announcement(announcement(third, NOW_MS)))
        await knows(made, "peer-1", third)
        assert set(one.known) <= set(SIGNERS.values())
