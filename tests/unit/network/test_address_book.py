"""Addresses, back-off, and the file that keeps them with the bans."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metis_node.errors import InvalidConfig
from metis_node.network.address_book import AddressBook, KnownPeer, split_address
from metis_node.network.address_file import encode_addresses, load_addresses, save_addresses
from metis_node.network.limits import (
    BACKOFF_LAST_BOOTSTRAP_S,
    BACKOFF_LAST_S,
    MAX_ADDRESSES_PER_PEER,
    MAX_KNOWN_PEERS,
)
from metis_node.network.network_key import load_or_create_network_key
from metis_node.network.peer_id import peer_id_of
from metis_node.network.scores import Scores
from metis_node.types.network import PeerId

ADDRESS = "/ip4/127.0.0.1/tcp/9000"


def known(book: AddressBook, peer: str) -> KnownPeer:
    return next(entry for entry in book.peers() if entry.id == peer)


@pytest.mark.parametrize(
    "address",
    ["/ip4/10.0.0.1/tcp/1/p2p/A", "/dns4/sequencer-1/tcp/9000/p2p/A", "/ip6/::1/tcp/65535/p2p/A"],
)
def test_addresses_that_are_taken(address: str) -> None:
    peer, bare = split_address(address)
    assert f"{bare}/p2p/{peer}" == address


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS,
        f"{ADDRESS}/p2p/",
        f"{ADDRESS}/p2p/A/p2p/",
        "/ip4/1.2.3.4/udp/1/p2p/A",
        "/ip4/1.2.3.4/tcp/0/p2p/A",
        "/ip4/1.2.3.4/tcp/65536/p2p/A",
        "/unix/x/tcp/1/p2p/A",
        "/ip4//tcp/1/p2p/A",
        "/ip4/0.0.0.0/tcp/1/p2p/A",
        "localhost:9000",
        "",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"/p2p/|names no host|is where a node listens"):
        split_address(address)


def test_back_off_doubles_and_a_connection_ends_it() -> None:
    book = AddressBook()
    book.heard(f"{ADDRESS}/p2p/A")
    waits = []
    for _ in range(10):
        book.failed(PeerId("A"), 100.0)
        waits.append(known(book, "A").next_dial - 100.0)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == BACKOFF_LAST_S
    book.seen(PeerId("A"), ADDRESS, 200.0)
    assert known(book, "A").next_dial == 0
    assert known(book, "A").failures == 0


def test_bootstrap_peers_are_tried_again_soon() -> None:
    book = AddressBook()
    book.add_bootstrap(f"{ADDRESS}/p2p/A")
    for _ in range(10):
        book.failed(PeerId("A"), 100.0)
    assert known(book, "A").next_dial - 100.0 == BACKOFF_LAST_BOOTSTRAP_S


def test_the_book_is_bounded_and_keeps_who_was_seen() -> None:
    book = AddressBook()
    book.add_bootstrap(f"{ADDRESS}/p2p/boot")
    book.seen(PeerId("friend"), ADDRESS, 5.0)
    for number in range(2 * MAX_KNOWN_PEERS):
        book.heard(f"{ADDRESS}/p2p/stranger{number}")
    assert len(book) == MAX_KNOWN_PEERS
    assert PeerId("boot") in book
    assert PeerId("friend") in book


def test_addresses_of_a_peer_are_bounded_and_the_proven_one_is_first() -> None:
    book = AddressBook()
    for port in range(1, 50):
        book.heard(f"/ip4/127.0.0.1/tcp/{port}/p2p/A")
    assert len(known(book, "A").addresses) == MAX_ADDRESSES_PER_PEER
    book.seen(PeerId("A"), ADDRESS, 1.0)
    assert book.address(PeerId("A")) == ADDRESS
    assert len(known(book, "A").addresses) == MAX_ADDRESSES_PER_PEER
    book.heard("nonsense")
    assert len(book) == 1


def test_the_file_brings_addresses_and_bans_back(tmp_path: Path) -> None:
    book, scores, path = AddressBook(), Scores(), tmp_path / "peers.json"
    book.seen(PeerId("A"), ADDRESS, 50.0)
    scores.ban(PeerId("B"), until=200.0, why="forged")
    scores.ban(PeerId("C"), until=90.0, why="flood")
    save_addresses(path, encode_addresses(book, scores, 100.0))
    again, bans = AddressBook(), Scores()
    load_addresses(path, again, bans)
    assert again.address(PeerId("A")) == ADDRESS
    assert bans.bans(100.0) == {"B": (200.0, "forged")}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": 2, "peers": [], "bans": []}',
        b'{"format": 1}',
        b'{"format": 1, "peers": [{"id": "A", "addresses": ["x"], "last_seen": 1}], "bans": []}',
        b'{"format": 1, "peers": [], "bans": [{"id": "A", "until": "soon", "why": ""}]}',
    ],
)
def test_a_damaged_file_is_put_aside(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "peers.json"
    path.write_bytes(data)
    book, scores = AddressBook(), Scores()
    load_addresses(path, book, scores)
    assert len(book) == 0
    assert not path.exists()
    assert (tmp_path / "peers.json.damaged").read_bytes() == data


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_file_stops_the_node(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "peers.json"
    path.write_bytes(data)
    load_addresses(path, AddressBook(), Scores())


def test_a_network_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "node" / "network.key"
    secret = load_or_create_network_key(path)
    assert load_or_create_network_key(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_network_key_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.key"
    load_or_create_network_key(path)
    path.chmod(0o644)
    with pytest.raises(InvalidConfig, match="chmod 600"):
        load_or_create_network_key(path)


@pytest.mark.parametrize("text", ["", "00" * 32, "ff" * 32, "xy" * 32, "11" * 31])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "network.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InvalidConfig, match="holds no network key"):
        load_or_create_network_key(path)


@given(st.integers(1, 2**250))
@settings(max_examples=20, deadline=None)
def test_peer_ids_are_those_of_libp2p(number: int) -> None:
    from libp2p.crypto.secp256k1 import create_new_key_pair
    from libp2p.peer.id import ID

    secret = number.to_bytes(32, "big")
    assert peer_id_of(secret) == str(ID.from_pubkey(create_new_key_pair(secret).public_key))
