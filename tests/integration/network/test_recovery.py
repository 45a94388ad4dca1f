"""Restarts, crashes, frozen and killed peers: the others go on, and who comes back is heard."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from metis_node.network import thread
from metis_node.network.errors import NetworkDown, NetworkFailed
from metis_node.network.swarm import watchdog
from metis_node.types.network import PeerId, RequestKind, Topic

from .nodes import Node, eventually, joined, meshed

BLOCK_BYTES = 200_000


async def test_messages_from_a_restarted_node_arrive(tmp_path: Path) -> None:
    async with joined(tmp_path, 3) as (first, second, third):
        # Far more than one message a second: stock libp2p would use their ids again.
        for number in range(300):
            third.network.publish(Topic.VOTES, b"before %d" % number)
        await first.until(lambda: len(first.received) >= 300)
        port = int(third.address.split("/")[4])
        await third.network.__aexit__(None, None, None)
        again = Node(
            tmp_path,
            "again",
            secret=third.secret,
            port=port,
            bootstrap=[first.address, second.address],
        )
        async with again.network:
            await eventually(lambda: meshed(again, 2) and meshed(first, 2) and meshed(second, 2))
            for number in range(300):
                again.network.publish(Topic.VOTES, b"after %d" % number)
            wanted = {b"after %d" % number for number in range(300)}
            for node in (first, second):
                await node.until(lambda node=node: wanted <= set(node.payloads(Topic.VOTES)))
            first.network.publish(Topic.BLOCKS, b"to the one that is back")
            await again.until(lambda: bool(again.payloads(Topic.BLOCKS)))


async def test_a_crash_of_the_trio_side_is_mended(tmp_path: Path) -> None:
    async with joined(tmp_path, 3) as (first, second, third):
        _crash(first)
        await eventually(lambda: first.network.stats().restarts == 1)
        await eventually(lambda: all(meshed(node, 2) for node in (first, second, third)), 40)
        first.network.publish(Topic.VOTES, b"from the crashed")
        second.network.publish(Topic.VOTES, b"to the crashed")
        await second.until(lambda: b"from the crashed" in second.payloads(Topic.VOTES))
        await third.until(lambda: b"from the crashed" in third.payloads(Topic.VOTES))
        await first.until(lambda: b"to the crashed" in first.payloads(Topic.VOTES))
        assert first.failures == []


class Slow(Node):
    """Never answers."""

    async def on_request(self, _peer: PeerId, _kind: RequestKind, _payload: bytes) -> bytes:
        self.changed.set()
        await asyncio.sleep(3_600)
        return b""


async def test_a_crash_fails_what_was_asked(tmp_path: Path) -> None:
    slow = Slow(tmp_path, "slow")
    async with slow.network:
        node = Node(tmp_path, "node", bootstrap=[slow.address])
        async with node.network:
            await eventually(lambda: meshed(node, 1))
            answer = asyncio.create_task(
                node.network.request(slow.id, RequestKind.STATUS, b"?", timeout_s=60)
            )
            await slow.changed.wait()
            _crash(node)
            with pytest.raises(NetworkDown):
                async with asyncio.timeout(10):
                    await answer


async def test_one_crash_after_the_other_is_for_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "RESTART_PAUSE_S", 0.01)
    node = Node(tmp_path, "node")
    async with node.network:
        for restarts in range(1, 5):
            await eventually(lambda: _is_up(node))
            _crash(node)
            await eventually(lambda n=restarts: node.network.stats().restarts == n)
        await eventually(lambda: bool(node.failures))
        assert "fell over 4 times within 60 s" in node.failures[0].message
        node.network.publish(Topic.VOTES, b"into the void")  # never an error
        with pytest.raises(NetworkDown):
            await node.network.request(node.id, RequestKind.STATUS, b"?", timeout_s=1)


async def test_a_taken_port_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "RESTART_PAUSE_S", 0.01)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        node = Node(tmp_path, "node", port=holder.getsockname()[1])
        with pytest.raises(NetworkFailed, match="check that its port is free"):
            await node.network.__aenter__()


async def test_another_libp2p_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metis_node.network.swarm import patches

    monkeypatch.setattr(patches, "PINNED", "0.9.0")
    node = Node(tmp_path, "node")
    with pytest.raises(NetworkFailed, match=r"libp2p 0.8.1 is installed and 0.9.0 is needed"):
        await node.network.__aenter__()


async def test_a_half_dead_peer_is_connected_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "TICK_S", 0.2)
    async with joined(tmp_path, 2) as (first, second):
        # As after a restart that libp2p did not notice: connected, and deaf to what it says.
        run = first.network._thread.run
        run.post(run._gossip.peer_topics.clear)
        await eventually(lambda: first.network.stats().repaired == 1)
        await eventually(lambda: meshed(first, 1) and meshed(second, 1))
        second.network.publish(Topic.VOTES, b"heard again")
        await first.until(lambda: bool(first.received))


@pytest.mark.slow
async def test_a_frozen_peer_stalls_nobody_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "SILENT_S", 2.0)
    monkeypatch.setattr(watchdog, "PING_S", 2.0)
    async with joined(tmp_path, 2) as (first, second), child(tmp_path, first, second) as process:
        await eventually(lambda: meshed(first, 2) and meshed(second, 2))
        frozen = next(peer.id for peer in first.network.peers() if peer.id != second.id)
        os.kill(process.pid, signal.SIGSTOP)
        for number in range(50):
            for topic in (Topic.VOTES, Topic.TRANSACTIONS):
                first.network.publish(topic, b"frozen %d" % number)
                first.network.send(frozen, topic, b"for the frozen %d" % number)
        for number in range(20):
            first.network.publish(Topic.BLOCKS, number.to_bytes(BLOCK_BYTES, "big"))
        await second.until(lambda: len(second.payloads(Topic.VOTES)) >= 50, 30)
        await second.until(lambda: len(second.payloads(Topic.TRANSACTIONS)) >= 50, 30)
        await second.until(lambda: len(second.payloads(Topic.BLOCKS)) >= 20, 30)
        await eventually(lambda: len(first.network.peers()) == 1, 30)
        os.kill(process.pid, signal.SIGCONT)
        await eventually(lambda: meshed(first, 2) and meshed(second, 2), 40)
        await _heard_from_child(first, frozen)
        await _heard_from_child(second, frozen)


@pytest.mark.slow
async def test_a_killed_peer_is_missed_and_its_successor_heard(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        for _ in range(2):
            async with child(tmp_path, first, second) as process:
                await eventually(lambda: meshed(first, 2) and meshed(second, 2), 30)
                peer = next(peer.id for peer in first.network.peers() if peer.id != second.id)
                await _heard_from_child(first, peer)
                os.kill(process.pid, signal.SIGKILL)
                await eventually(lambda: len(first.network.peers()) == 1)
                first.network.publish(Topic.VOTES, b"without it")
                await second.until(lambda: bool(second.payloads(Topic.VOTES)))
            first.received.clear()
            second.received.clear()


@pytest.mark.slow
async def test_who_comes_back_before_its_old_connection_ended_is_heard(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second), child(tmp_path, first, second) as old:
        await eventually(lambda: meshed(first, 2) and meshed(second, 2))
        peer = next(peer.id for peer in first.network.peers() if peer.id != second.id)
        await _heard_from_child(first, peer)
        # As after a power cut: its sockets are open, and nobody will ever answer on them.
        os.kill(old.pid, signal.SIGSTOP)
        async with child(tmp_path, first, second):
            await _heard_from_child(first, peer)
            await _heard_from_child(second, peer)
            await eventually(lambda: meshed(first, 2) and meshed(second, 2))


async def test_a_write_that_never_ends_keeps_no_dead_connection(tmp_path: Path) -> None:
    """As after a pulled cable: the socket's buffer is full, and whoever writes next waits."""
    async with joined(tmp_path, 2) as (first, second):
        run = first.network._thread.run
        raw_id = run._peers.get(second.id).raw_id
        (dead,) = run._host.get_network().get_connections(raw_id)
        run.post(dead.muxed_conn._write_lock.acquire_nowait)
        first.network.disconnect(second.id)
        await eventually(lambda: dead not in run._host.get_network().get_connections(raw_id))
        await eventually(lambda: meshed(first, 1) and meshed(second, 1))
        first.network.send(second.id, Topic.VOTES, b"on a new connection")
        await second.until(lambda: bool(second.received))


async def _heard_from_child(node: Node, peer: PeerId) -> None:
    """A message that the child sent from now on."""
    seen = sum(1 for sender, _, _ in node.received if sender == peer)
    await node.until(lambda: sum(1 for sender, _, _ in node.received if sender == peer) > seen)


@asynccontextmanager
async def child(directory: Path, *others: Node) -> AsyncIterator[asyncio.subprocess.Process]:
    """A node in a process of its own, the same key each time, that votes ten times a second."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.network.child",
        str(directory),
        *(node.address for node in others),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _crash(node: Node) -> None:
    run = node.network._thread.run

    async def fall() -> None:
        raise RuntimeError("planted")

    run.post(lambda: run._nursery.start_soon(fall))


def _is_up(node: Node) -> bool:
    try:
        return node.network._thread.run._token is not None
    except NetworkDown:
        return False
