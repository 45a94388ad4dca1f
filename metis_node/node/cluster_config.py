"""Where the nodes of a devnet listen, and what their configuration files say."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import orjson

CONFIG_FILE = "config.toml"
LOG_FILE = "node.log"
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # inside a container: what is published is the engine's business
RPC_PORT = 8545
NETWORK_PORT = 9545


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of the devnet."""

    name: str  # node-1, follower-1
    path: Path
    is_sequencer: bool
    is_batcher: bool
    rpc_port: int  # 0: any
    network_host: str  # as others dial it: /ip4/127.0.0.1
    network_port: int

    @property
    def config_file(self) -> Path:
        return self.path / CONFIG_FILE

    @property
    def log_file(self) -> Path:
        return self.path / LOG_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """`apart`: each node on a machine or in a container that has the node's name. Otherwise all
    are here, on ports that count up from `first_port` (0: any)."""

    apart: bool
    host: str
    first_port: int
    l1_url: str
    confirmations: int
    log_level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What all nodes read."""

    genesis: Path
    contracts: Path | None
    password: Path


def placed(path: Path, sequencers: int, followers: int, placement: Placement) -> list[Member]:
    """The nodes with their ports, sequencers first; the first one posts the batches."""
    names = [f"node-{number}" for number in range(1, sequencers + 1)]
    names += [f"follower-{number}" for number in range(1, followers + 1)]
    free = [NETWORK_PORT] * len(names) if placement.apart else _free_ports(len(names))
    return [
        Member(
            name=name,
            path=path / name,
            is_sequencer=index < sequencers,
            is_batcher=index == 0,
            rpc_port=_rpc_port(index, placement),
            network_host=f"/dns4/{name}" if placement.apart else f"/ip4/{LOOPBACK}",
            network_port=free[index],
        )
        for index, name in enumerate(names)
    ]


def node_config(member: Member, files: Files, bootstrap: list[str], placement: Placement) -> str:
    """The text of its configuration file."""
    contracts = files.contracts
    return _CONFIG.format(
        genesis=_toml(str(files.genesis.resolve())),
        data_dir=_toml(str(member.path.resolve())),
        sequencer=_flag(member.is_sequencer),
        network_host=_toml(EVERYWHERE if placement.apart else LOOPBACK),
        network_port=member.network_port,
        bootstrap=orjson.dumps(bootstrap).decode(),
        host=_toml(EVERYWHERE if placement.apart else placement.host),
        port=member.rpc_port,
        endpoint=_toml(placement.l1_url),
        contracts=f"contracts = {_toml(str(contracts.resolve()))}\n" if contracts else "",
        confirmations=placement.confirmations,
        batcher=_flag(member.is_batcher),
        password_file=_toml(str(files.password.resolve())),
        log_level=_toml(placement.log_level),
    )


def _rpc_port(index: int, placement: Placement) -> int:
    if placement.apart:
        return RPC_PORT
    return placement.first_port + index if placement.first_port else 0


def _free_ports(count: int) -> list[int]:
    """Held all at once while they are looked for, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _toml(text: str) -> str:
    """A basic string of TOML, which escapes as JSON does."""
    return orjson.dumps(text).decode()


def _flag(value: bool) -> str:
    return "true" if value else "false"


_CONFIG = """\
# Written at each start of the devnet: changes are lost.

[chain]
genesis = {genesis}
data_dir = {data_dir}

[sequencer]
enabled = {sequencer}
# Before a builder names an L1 block all must have seen it: they look twice a second.
origin_wait_ms = 3000

[network]
host = {network_host}
port = {network_port}
bootstrap = {bootstrap}

[rpc]
host = {host}
port = {port}
namespaces = ["eth", "net", "web3", "txpool", "debug", "rpc", "metis", "admin"]

[l1]
endpoints = [{endpoint}]
{contracts}confirmations = {confirmations}
poll_interval_ms = 500
stale_after_s = 60

[batcher]
enabled = {batcher}
max_channel_age_s = 10
confirmations = 1

[keys]
password_file = {password_file}

[log]
level = {log_level}
"""
