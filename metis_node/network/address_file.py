"""The address book and the bans on disk: one JSON file, replaced as a whole.

A memory, not a record: a damaged file is put aside and the node starts from its bootstrap list.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import structlog

from metis_node.network.address_book import AddressBook, KnownPeer, split_address
from metis_node.network.limits import MAX_ADDRESSES_PER_PEER, MAX_BANS, MAX_KNOWN_PEERS
from metis_node.network.scores import Scores
from metis_node.types.network import PeerId

FORMAT = 1
MAX_FILE_BYTES = 4 << 20

log = structlog.get_logger(__name__)


def load_addresses(path: Path, book: AddressBook, scores: Scores) -> None:
    """Read what was written; a file that is damaged is renamed, and said so."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    try:
        peers, bans = _parse(data)
    except (ValueError, TypeError, KeyError) as error:
        aside = path.with_name(path.name + ".damaged")
        path.replace(aside)
        log.warning("address book is damaged, starting without", kept_as=str(aside), why=str(error))
        return
    for entry in peers:
        book.restore(entry)
    for peer, until, why in bans:
        scores.ban(peer, until=until, why=why)


def save_addresses(path: Path, data: bytes) -> None:
    """Replace the file: a crash leaves the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def encode_addresses(book: AddressBook, scores: Scores, now: float) -> bytes:
    """The file's contents."""
    peers = [
        {"id": peer.id, "addresses": peer.addresses, "last_seen": peer.last_seen}
        for peer in book.peers()
        if peer.addresses
    ]
    bans = [
        {"id": peer, "until": until, "why": why} for peer, (until, why) in scores.bans(now).items()
    ]
    return orjson.dumps(
        {"format": FORMAT, "peers": peers, "bans": bans}, option=orjson.OPT_INDENT_2
    )


def _parse(data: bytes) -> tuple[list[KnownPeer], list[tuple[PeerId, float, str]]]:
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{len(data)} bytes are too many")
    fields = orjson.loads(data)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError(f"not of format {FORMAT}")
    peers = [_peer(item) for item in fields["peers"][:MAX_KNOWN_PEERS]]
    bans = [
        (PeerId(str(item["id"])), float(item["until"]), str(item["why"]))
        for item in fields["bans"][:MAX_BANS]
    ]
    return peers, bans


def _peer(item: Any) -> KnownPeer:
    peer = PeerId(str(item["id"]))
    addresses = [str(address) for address in item["addresses"][:MAX_ADDRESSES_PER_PEER]]
    for address in addresses:
        split_address(f"{address}/p2p/{peer}")
    return KnownPeer(id=peer, addresses=addresses, last_seen=float(item["last_seen"]))
