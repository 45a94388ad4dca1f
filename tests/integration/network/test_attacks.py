"""What peers may send: anything. What it costs them: points, and then the connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from metis_node.network.limits import TOPIC_LIMITS
from metis_node.network.swarm.run import SwarmRun
from metis_node.network.wire import HEADER, HELLO_PROTOCOL, TOPIC_CODES, WireNames, encode_frame
from metis_node.types.network import RequestKind, Topic

from .attacker import Attack, Attacker, no_protocol, raw_bytes
from .nodes import IDENTITY, Node, eventually, meshed

NAMES = WireNames.of(IDENTITY)
GOSSIP = "/meshsub/1.1.0"
OVERSIZE = HEADER.pack(1, TOPIC_CODES[Topic.VOTES], TOPIC_LIMITS[Topic.VOTES].max_bytes + 1)


@pytest.mark.parametrize(
    "attack",
    [
        raw_bytes(NAMES.direct, b"\x02" * 64),
        raw_bytes(NAMES.direct, encode_frame(0x77, b"no such topic")),
        raw_bytes(NAMES.direct, OVERSIZE),
        raw_bytes(NAMES.request, b"\xff" * 64),
        raw_bytes(NAMES.request, encode_frame(0x01, b"a topic, no request")),
        raw_bytes(GOSSIP, b"\x20" + b"\xff" * 32),  # no protobuf
    ],
    ids=["version", "topic", "oversize", "request", "wrong code", "gossip"],
)
async def test_nonsense_is_scored_until_the_ban(tmp_path: Path, attack: Attack) -> None:
    victim = Node(tmp_path, "victim")
    async with victim.network:
        friend = Node(tmp_path, "friend", bootstrap=[victim.address])
        attacker = Attacker(tmp_path, "attacker", bootstrap=[victim.address])
        async with friend.network, attacker.network:
            await eventually(lambda: meshed(victim, 2))
            for _ in range(5):  # 25 points each, of which some are forgiven meanwhile
                await attacker.attack(victim.id, attack)
            await eventually(lambda: [peer.id for peer in victim.network.peers()] == [friend.id])
            stats = victim.network.stats()
            assert stats.bans == 1
            assert stats.malformed >= 4
            assert stats.restarts == 0
            friend.network.publish(Topic.VOTES, b"a vote")
            await victim.until(lambda: (friend.id, Topic.VOTES, b"a vote") in victim.received)


@pytest.mark.parametrize(
    "attack",
    [
        no_protocol(b"\xff" * 64),
        no_protocol(b"\x05\xff\xfe\xfd\xfc\n"),
        no_protocol(b"\x00"),
        raw_bytes(HELLO_PROTOCOL, b"\xff" * 64),
        raw_bytes("/ipfs/ping/1.0.0", b"\xff"),
    ],
    ids=["varint", "no text", "empty", "hello", "ping"],
)
async def test_nonsense_on_streams_of_libp2p_ends_nothing(tmp_path: Path, attack: Attack) -> None:
    victim = Node(tmp_path, "victim")
    async with victim.network:
        attacker = Attacker(tmp_path, "attacker", bootstrap=[victim.address])
        async with attacker.network:
            await eventually(lambda: meshed(victim, 1))
            await attacker.attack(victim.id, attack)
            assert victim.network.stats().restarts == 0
            answer = await attacker.network.request(
                victim.id, RequestKind.STATUS, b"alive?", timeout_s=5
            )
            assert answer == b"status:alive?"


async def test_sockets_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    victim = Node(tmp_path, "victim")
    async with victim.network:
        port = int(victim.address.split("/")[4])
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            friend = Node(tmp_path, "friend", bootstrap=[victim.address])
            async with friend.network:
                await eventually(lambda: meshed(victim, 1), seconds=10)


def flood_by_gossip(count: int) -> Attack:
    async def attack(run: SwarmRun, _victim: Any) -> None:
        for number in range(count):
            await run._gossip.send(Topic.EVIDENCE, number.to_bytes(200, "big"))

    return attack


def flood_directly(count: int) -> Attack:
    async def attack(run: SwarmRun, victim: Any) -> None:
        stream = await run._host.new_stream(victim, [NAMES.direct])
        code = TOPIC_CODES[Topic.EVIDENCE]
        for number in range(count):
            await stream.write(encode_frame(code, number.to_bytes(200, "big")))

    return attack


def flood_with_ids(count: int) -> Attack:
    """Announcements of messages that nobody has."""

    async def attack(run: SwarmRun, victim: Any) -> None:
        from libp2p.pubsub.pb import rpc_pb2
        from libp2p.utils import encode_varint_prefixed

        ihave = rpc_pb2.ControlIHave(
            topicID=NAMES.topics[Topic.VOTES], messageIDs=[b"x" * 40] * 500
        )
        rpc = rpc_pb2.RPC(control=rpc_pb2.ControlMessage(ihave=[ihave]))
        data = encode_varint_prefixed(rpc.SerializeToString())
        stream = await run._host.new_stream(victim, [GOSSIP])
        for _ in range(count):
            await stream.write(data)

    return attack


def flood_with_subscriptions(count: int) -> Attack:
    """Subscriptions to topics of no meaning, as fast as the stream takes them."""

    async def attack(run: SwarmRun, victim: Any) -> None:
        from libp2p.pubsub.pb import rpc_pb2
        from libp2p.utils import encode_varint_prefixed

        rpc = rpc_pb2.RPC(
            subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid="x" * 1_000)] * 20
        )
        data = encode_varint_prefixed(rpc.SerializeToString()) * 10
        stream = await run._host.new_stream(victim, [GOSSIP])
        for _ in range(count):
            await stream.write(data)

    return attack


@pytest.mark.slow
@pytest.mark.parametrize(
    "flood",
    [
        flood_by_gossip(600),
        flood_directly(2_000),
        flood_with_subscriptions(50),
        flood_with_ids(100),
    ],
    ids=["gossip", "direct", "subscriptions", "ids"],
)
async def test_a_flood_costs_the_connection_while_votes_pass(tmp_path: Path, flood: Attack) -> None:
    victim = Node(tmp_path, "victim")
    async with victim.network:
        friend = Node(tmp_path, "friend", bootstrap=[victim.address])
        attacker = Attacker(tmp_path, "attacker", bootstrap=[victim.address])
        async with friend.network, attacker.network:
            await eventually(lambda: meshed(victim, 2))
            votes = Votes(friend, victim)
            await eventually(lambda: votes.one_more() >= 3)
            task = asyncio.create_task(attacker.attack(victim.id, flood))
            await eventually(lambda: votes.one_more() < 0 or _banned(victim), seconds=60)
            await task
            await eventually(lambda: [peer.id for peer in victim.network.peers()] == [friend.id])
            sent = votes.sent
            await victim.until(lambda: len(victim.payloads(Topic.VOTES)) >= sent)
            assert votes.slowest() < 10
            assert victim.network.stats().restarts == 0


def _banned(victim: Node) -> bool:
    return victim.network.stats().bans == 1


class Votes:
    """A vote from one node to another, and the next as soon as it is there."""

    def __init__(self, sender: Node, receiver: Node) -> None:
        self._sender = sender
        self._receiver = receiver
        self.sent = 0
        self._sent_at = 0.0
        self._waits: list[float] = []

    def one_more(self) -> int:
        """Votes that arrived, after sending the next if the last is there."""
        arrived = len(self._receiver.payloads(Topic.VOTES))
        if arrived == self.sent:
            if self.sent:
                self._waits.append(time.monotonic() - self._sent_at)
            self._sent_at = time.monotonic()
            self._sender.network.send(self._receiver.id, Topic.VOTES, f"vote {self.sent}".encode())
            self.sent += 1
        return arrived

    def slowest(self) -> float:
        return max(self._waits)
