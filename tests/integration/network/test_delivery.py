"""Messages and requests between real libp2p hosts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from metis_node.errors import Invalid
from metis_node.network.errors import PeerUnreachable, RequestRefused, RequestTimedOut
from metis_node.network.limits import TOPIC_LIMITS
from metis_node.types.network import PeerId, RequestKind, Topic

from .nodes import Node, eventually, joined, meshed

BURST = 1_000


@pytest.mark.parametrize("count", [2, 4])
async def test_every_topic_reaches_everybody_once(tmp_path: Path, count: int) -> None:
    async with joined(tmp_path, count) as nodes:
        sent = []
        for node in nodes:
            for topic in Topic:
                payload = f"{node.name} on {topic.value}".encode()
                node.network.publish(topic, payload)
                sent.append((node.id, topic, payload))
        for node in nodes:
            expected = {item for item in sent if item[0] != node.id}
            await node.until(lambda node=node: len(node.received) >= len(sent) - len(Topic))
            assert set(node.received) == expected
            assert len(node.received) == len(expected)
            assert sum(node.network.stats().messages_in.values()) == len(expected)


async def test_direct_messages_reach_one_peer(tmp_path: Path) -> None:
    async with joined(tmp_path, 4) as nodes:
        first, others = nodes[0], nodes[1:]
        for topic in Topic:
            for node in others:
                first.network.send(node.id, topic, f"{topic.value} for {node.name}".encode())
        for node in others:
            await node.until(lambda node=node: len(node.received) >= len(Topic))
            assert set(node.received) == {
                (first.id, topic, f"{topic.value} for {node.name}".encode()) for topic in Topic
            }
        assert first.network.stats().fallbacks == 0


async def test_a_message_for_an_absent_peer_goes_by_gossip_once(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        for number in range(20):
            first.network.send(PeerId(f"absent {number}"), Topic.VOTES, b"a vote")
        await second.until(lambda: bool(second.received))
        assert second.received == [(first.id, Topic.VOTES, b"a vote")]
        assert first.network.stats().fallbacks == 1


async def test_the_same_payload_by_two_ways_counts_once(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        first.network.send(second.id, Topic.BLOCKS, b"a block")
        first.network.publish(Topic.BLOCKS, b"a block")
        first.network.publish(Topic.TRANSACTIONS, b"the end")
        await second.until(lambda: (first.id, Topic.TRANSACTIONS, b"the end") in second.received)
        await second.until(lambda: (first.id, Topic.BLOCKS, b"a block") in second.received)
        assert second.payloads(Topic.BLOCKS) == [b"a block"]


async def test_a_burst_arrives_whole(tmp_path: Path) -> None:
    topic = Topic.VOTES
    async with joined(tmp_path, 2) as (first, *others):
        sent = [number.to_bytes(200, "big") for number in range(BURST)]
        for payload in sent:
            first.network.publish(topic, payload)
        for node in others:
            await node.until(lambda node=node: len(node.received) >= BURST, seconds=120)
            assert sorted(node.payloads(topic)) == sent
        assert first.network.stats().dropped_out[topic] == 0


async def test_the_largest_of_each_topic_passes(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        for topic, limits in TOPIC_LIMITS.items():
            first.network.publish(topic, b"\xff" * limits.max_bytes)
            first.network.send(second.id, topic, b"\xfe" * limits.max_bytes)
        await second.until(lambda: len(second.received) >= 2 * len(Topic))
        for topic, limits in TOPIC_LIMITS.items():
            assert {len(payload) for payload in second.payloads(topic)} == {limits.max_bytes}


async def test_our_own_oversize_stays_here(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        first.network.publish(Topic.VOTES, bytes(TOPIC_LIMITS[Topic.VOTES].max_bytes + 1))
        first.network.publish(Topic.VOTES, b"")
        first.network.publish(Topic.VOTES, b"small enough")
        await second.until(lambda: bool(second.received))
        assert second.payloads(Topic.VOTES) == [b"small enough"]
        assert first.network.stats().oversize_out == 2


async def test_requests_of_every_kind(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        for kind in RequestKind:
            answer = await first.network.request(second.id, kind, b"what?", timeout_s=5)
            assert answer == kind.value.encode() + b":what?"
        assert second.asked == [(first.id, kind, b"what?") for kind in RequestKind]


class Answers(Node):
    """Answers as its test wants."""

    async def on_request(self, _peer: PeerId, kind: RequestKind, payload: bytes) -> bytes:
        match payload:
            case b"large":
                return bytes(4 << 20) if kind is RequestKind.STATUS else bytes(range(256)) * 14_000
            case b"refuse":
                raise Invalid("block 7 is not here: it was pruned")
            case b"raise":
                raise ZeroDivisionError
            case b"wait":
                await asyncio.sleep(60)
        return b"fine"


async def test_answers_large_refused_broken_and_late(tmp_path: Path) -> None:
    one = Answers(tmp_path, "one")
    async with one.network:
        two = Answers(tmp_path, "two", bootstrap=[one.address])
        async with two.network:
            await eventually(lambda: bool(two.network.peers()))
            ask = two.network.request
            large = await ask(one.id, RequestKind.BLOCKS, b"large", timeout_s=10)
            assert large == bytes(range(256)) * 14_000
            with pytest.raises(RequestRefused, match="it was pruned"):
                await ask(one.id, RequestKind.BLOCKS, b"refuse", timeout_s=5)
            with pytest.raises(RequestRefused, match="failed to answer"):
                await ask(one.id, RequestKind.BLOCKS, b"raise", timeout_s=5)
            with pytest.raises(RequestRefused, match="empty or too large"):
                await ask(one.id, RequestKind.STATUS, b"large", timeout_s=5)
            started = time.monotonic()
            with pytest.raises(RequestTimedOut, match="no answer to blocks"):
                await ask(one.id, RequestKind.BLOCKS, b"wait", timeout_s=0.5)
            assert time.monotonic() - started < 3
            with pytest.raises(PeerUnreachable, match="not connected"):
                await ask(PeerId("nobody"), RequestKind.STATUS, b"?", timeout_s=5)
            with pytest.raises(ValueError, match="a request of 1025 bytes"):
                await ask(one.id, RequestKind.STATUS, bytes(1_025), timeout_s=5)
            assert await ask(one.id, RequestKind.STATUS, b"?", timeout_s=5) == b"fine"
            assert one.network.stats().handler_errors == 1


class Raises(Node):
    """An engine with a fault."""

    def on_message(self, peer: PeerId, topic: Topic, payload: bytes) -> None:
        super().on_message(peer, topic, payload)
        raise ZeroDivisionError(payload)


async def test_a_raising_handler_stops_nothing(tmp_path: Path) -> None:
    one = Raises(tmp_path, "one")
    async with one.network:
        two = Node(tmp_path, "two", bootstrap=[one.address])
        async with two.network:
            await eventually(lambda: meshed(two, 1))
            for number in range(5):
                two.network.publish(Topic.VOTES, bytes([1, number]))
                two.network.send(one.id, Topic.VOTES, bytes([2, number]))
            await one.until(lambda: len(one.received) == 10)
            assert one.network.stats().handler_errors == 10
            assert one.network.stats().restarts == 0


async def test_it_stops_within_two_seconds_under_traffic(tmp_path: Path) -> None:
    async with joined(tmp_path, 3) as nodes:
        for number in range(300):
            for node in nodes:
                node.network.publish(Topic.VOTES, number.to_bytes(100, "big"))
        started = time.monotonic()
        await nodes[0].network.__aexit__(None, None, None)
        assert time.monotonic() - started < 2
        await nodes[0].network.__aexit__(None, None, None)  # again, by the context: nothing happens
