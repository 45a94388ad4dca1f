"""What an operator decides about the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_PEERS = 50
TARGET_PEERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """Where to listen, whom to know at the start, how many to keep."""

    listen_host: str = "0.0.0.0"
    listen_port: int  # 0: any free port
    announced: tuple[str, ...] = ()  # multiaddresses, no /p2p/: where others reach us
    bootstrap: tuple[str, ...] = ()  # multiaddresses with /p2p/<peer id>: kept connected always
    address_book: Path  # file of addresses and bans
    max_peers: int = MAX_PEERS  # beyond it only bootstrap peers are let in
    target_peers: int = TARGET_PEERS  # below it known addresses are dialled
    mdns: bool = False  # find peers of a devnet by multicast
    agent: str = "metis-node"
    late_dial_s: float = 2.0  # the higher peer id waits so long for the lower to dial
