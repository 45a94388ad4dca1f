"""Who may join: the same chain, genesis and parameters, room, and no ban."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from metis_node.errors import InvalidConfig
from metis_node.types.network import NetworkIdentity, Offence, Topic
from metis_node.types.primitives import Hash32

from .nodes import IDENTITY, Node, eventually, joined, meshed


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (dataclasses.replace(IDENTITY, chain_id=1), "another chain id"),
        (dataclasses.replace(IDENTITY, genesis_hash=Hash32(bytes(32))), "another genesis"),
        (
            dataclasses.replace(IDENTITY, parameters_hash=Hash32(bytes(32))),
            "other network parameters",
        ),
    ],
)
async def test_another_network_is_refused_and_both_say_why(
    tmp_path: Path, other: NetworkIdentity, reason: str
) -> None:
    with capture_logs() as logs:
        one = Node(tmp_path, "one")
        async with one.network:
            two = Node(tmp_path, "two", bootstrap=[one.address], identity=other)
            async with two.network:
                await eventually(
                    lambda: (
                        one.network.stats().refused_peers > 0 < two.network.stats().refused_peers
                    )
                )
                assert one.network.peers() == two.network.peers() == []
    refusals = [entry for entry in logs if entry["event"] == "peer refused"]
    for peer in (one.id, two.id):
        assert any(reason in entry["reason"] for entry in refusals if entry["peer"] == peer)


async def test_no_room_is_said_and_bootstrap_peers_get_in(tmp_path: Path) -> None:
    friend_key = b"\x07" * 32
    friend = Node(tmp_path, "friend", secret=friend_key)
    # The full node knows its friend, at an address where nobody is.
    full = Node(tmp_path, "full", bootstrap=[f"/ip4/127.0.0.1/tcp/9/p2p/{friend.id}"], max_peers=1)
    async with full.network:
        first = Node(tmp_path, "first", bootstrap=[full.address])
        async with first.network:
            await eventually(lambda: len(full.network.peers()) == 1)
            with capture_logs() as logs:
                second = Node(tmp_path, "second", bootstrap=[full.address])
                async with second.network:
                    await eventually(lambda: second.network.stats().refused_peers > 0)
                    assert not any(peer.id == second.id for peer in full.network.peers())
            assert any("no room: 1 peers" in str(entry.get("reason")) for entry in logs)
            friend = Node(tmp_path, "friend", secret=friend_key, bootstrap=[full.address])
            async with friend.network:
                await eventually(lambda: len(full.network.peers()) == 2)


async def test_a_forger_is_banned_disconnected_and_kept_out_after_a_restart(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        first.network.penalise(second.id, Offence.FORGED)
        await eventually(lambda: not first.network.peers() and not second.network.peers())
        assert first.network.stats().bans == 1
        await first.network.__aexit__(None, None, None)
        await second.network.__aexit__(None, None, None)
    with capture_logs() as logs:
        judge = Node(tmp_path, first.name, secret=first.secret)
        async with judge.network:
            forger = Node(tmp_path, "b", secret=second.secret, bootstrap=[judge.address])
            async with forger.network:
                await eventually(lambda: forger.network.stats().refused_peers > 0)
                assert judge.network.peers() == forger.network.peers() == []
    refusals = {entry["peer"]: entry for entry in logs if entry["event"] == "peer refused"}
    assert refusals[judge.id]["reason"] == refusals[forger.id]["reason"] == "banned: forged"
    assert (refusals[judge.id]["by"], refusals[forger.id]["by"]) == ("them", "us")


async def test_small_offences_do_not_part(tmp_path: Path) -> None:
    async with joined(tmp_path, 2) as (first, second):
        for _ in range(3):
            first.network.penalise(second.id, Offence.FAILED)
        second.network.publish(Topic.VOTES, b"still here")
        await first.until(lambda: bool(first.received))
        await eventually(lambda: first.network.peers()[0].points > 10)


async def test_peers_of_a_peer_find_each_other(tmp_path: Path) -> None:
    hub = Node(tmp_path, "hub")
    async with hub.network:
        left = Node(tmp_path, "left", bootstrap=[hub.address])
        right = Node(tmp_path, "right", bootstrap=[hub.address])
        async with left.network:
            await eventually(lambda: len(hub.network.peers()) == 1)
            async with right.network:
                await eventually(lambda: meshed(left, 2) and meshed(right, 2))


async def test_the_address_book_brings_a_node_back_without_its_bootstrap_list(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path, 2) as (first, second):
        await second.network.__aexit__(None, None, None)
        await eventually(lambda: not first.network.peers())
        again = Node(tmp_path, second.name, secret=second.secret)
        async with again.network:
            await eventually(lambda: meshed(again, 1) and meshed(first, 1))


async def test_nodes_of_a_devnet_find_each_other_by_multicast(tmp_path: Path) -> None:
    one, two = Node(tmp_path, "one", mdns=True), Node(tmp_path, "two", mdns=True)
    async with one.network, two.network:
        await eventually(lambda: meshed(one, 1) and meshed(two, 1))


def test_a_bootstrap_list_with_a_wrong_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidConfig, match=r"bootstrap list: 'sequencer-1:9000' ends without /p2p/"
    ):
        Node(tmp_path, "one", bootstrap=["sequencer-1:9000"])


def test_an_announced_address_that_nobody_can_dial_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"announced address '/ip4/0.0.0.0/tcp/1'"):
        Node(tmp_path, "one", announced=["/ip4/0.0.0.0/tcp/1"])


async def test_an_announced_address_reaches_the_peers_of_a_peer(tmp_path: Path) -> None:
    hub = Node(tmp_path, "hub")
    async with hub.network:
        named = Node(
            tmp_path, "named", bootstrap=[hub.address], announced=["/dns4/sequencer-1/tcp/9000"]
        )
        async with named.network:
            await eventually(lambda: len(hub.network.peers()) == 1)
            book = hub.network._state.book
            entry = next(entry for entry in book.peers() if entry.id == named.id)
            assert "/dns4/sequencer-1/tcp/9000" in entry.addresses
