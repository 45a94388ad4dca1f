"""The directory of a devnet with several sequencers: made at first, continued afterwards.

    genesis.json  password  l1/ (the embedded L1)  l1.log
    node-1/ node-2/ ...: config.toml  keys/  db/  network.key  signing-history.dat  node.log

All nodes have the same genesis and know each other; the first one posts the batches. The keys of
the accounts are the well-known test ones; the signers' are made for this devnet.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from metis_node.consensus.guard import Guard
from metis_node.engine.consensus.signer import GUARD_FILE, GuardFile
from metis_node.errors import InvalidConfig
from metis_node.execution.genesis import Genesis
from metis_node.network.network_key import load_or_create_network_key
from metis_node.network.peer_id import peer_id_of
from metis_node.node.devnet_directory import (
    BATCHER_KEY,
    GENESIS_FILE,
    PASSWORD_FILE,
    SCRYPT_COST,
    SIGNER_KEY,
    ChainChoices,
    newest_origin,
)
from metis_node.node.devnet_genesis import BATCHER_ACCOUNT, FUNDED_ACCOUNTS, layer2_genesis
from metis_node.node.genesis_file import read_genesis_file, write_genesis_file
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import KeyDirectory, devnet_accounts, write_password_file
from metis_node.node.network_assembly import NETWORK_KEY_FILE
from metis_node.types.primitives import Address

CONFIG_FILE = "config.toml"
LOG_FILE = "node.log"
POWER = 20_000 * 10**9  # gwei of each static validator: the default of the least stake
FIRST_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of the devnet."""

    number: int  # 1 and up: the id of its sequencer, too
    path: Path
    rpc_port: int
    network_port: int

    @property
    def name(self) -> str:
        return f"node-{self.number}"

    @property
    def config_file(self) -> Path:
        return self.path / CONFIG_FILE

    @property
    def log_file(self) -> Path:
        return self.path / LOG_FILE


class ClusterDirectory:
    """Paths and first-time contents."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size

    @property
    def genesis_file(self) -> Path:
        return self.path / GENESIS_FILE

    @property
    def exists(self) -> bool:
        return self.genesis_file.is_file()

    def create(self, l1: JsonRpcClient, choices: ChainChoices, *, confirmations: int) -> Genesis:
        """Keys, histories and, last, the genesis file of a new chain on this L1."""
        accounts = devnet_accounts(FUNDED_ACCOUNTS)
        self.path.mkdir(parents=True, exist_ok=True)
        origin, l1_chain_id = newest_origin(l1, confirmations=confirmations)
        password = secrets.token_hex(16)
        password_file = self.path / PASSWORD_FILE
        password_file.unlink(missing_ok=True)  # of a creation that was cut short
        write_password_file(password_file, password)
        signers = [self._make_keys(number, password) for number in self._numbers]
        document = layer2_genesis(
            timestamp=max(int(time.time()), origin.timestamp),
            funded=[account.address for account in accounts],
            batch_submitter=accounts[BATCHER_ACCOUNT].address,
            l1_chain_id=l1_chain_id,
            l1_origin=origin,
            rules=choices.given(),
        )
        document["rules"]["consensus"] = _static_set(signers)
        for number, signer in zip(self._numbers, signers, strict=True):
            self._make_history(number, signer, int(document["rules"]["chain_id"]))
        return write_genesis_file(self.genesis_file, document)

    def reopen(self) -> Genesis:
        """The chain that is there. InvalidConfig where it has another number of nodes."""
        found = sum(1 for entry in self.path.glob("node-*") if entry.is_dir())
        if found != self.size:
            raise InvalidConfig(
                f"the devnet in {self.path} has {found} sequencers, not {self.size}: a genesis "
                "file's set cannot change; use another --data-dir, or --reset to begin anew"
            )
        return read_genesis_file(self.genesis_file)

    def configure(
        self, l1_url: str, *, host: str, first_port: int, confirmations: int, log_level: str
    ) -> list[Member]:
        """Write every node's configuration: ports and the L1's address may be new each time."""
        ports = _free_ports(self.size)
        members = [
            Member(
                number=number,
                path=self._node(number),
                rpc_port=first_port + number - 1 if first_port else 0,
                network_port=ports[number - 1],
            )
            for number in self._numbers
        ]
        addresses = [self._address(member) for member in members]
        for member in members:
            others = [one for one in addresses if one != self._address(member)]
            member.config_file.write_text(
                _CONFIG.format(
                    genesis=_toml(str(self.genesis_file.resolve())),
                    data_dir=_toml(str(member.path.resolve())),
                    host=_toml(host),
                    port=member.rpc_port,
                    network_port=member.network_port,
                    bootstrap=_toml_list(others),
                    endpoint=_toml(l1_url),
                    confirmations=confirmations,
                    batcher="true" if member.number == 1 else "false",
                    password_file=_toml(str((self.path / PASSWORD_FILE).resolve())),
                    log_level=_toml(log_level),
                )
            )
        return members

    def delete(self) -> None:
        """Remove chain, L1 and keys. InvalidConfig where this is no devnet's directory."""
        if not self.path.exists():
            return
        if not self.exists and any(self.path.iterdir()):
            raise InvalidConfig(
                f"{self.path} is not a devnet's directory (it has no {GENESIS_FILE}): not deleted"
            )
        for folder in (self.path / "l1", *self.path.glob("node-*")):
            shutil.rmtree(folder, ignore_errors=True)
        for name in (PASSWORD_FILE, "l1.log", GENESIS_FILE):
            (self.path / name).unlink(missing_ok=True)

    @property
    def _numbers(self) -> range:
        return range(1, self.size + 1)

    def _node(self, number: int) -> Path:
        return self.path / f"node-{number}"

    def _make_keys(self, number: int, password: str) -> Address:
        directory = self._node(number)
        shutil.rmtree(directory, ignore_errors=True)  # of a creation that was cut short
        directory.mkdir(parents=True)
        keys = KeyDirectory(directory / "keys")
        signer = keys.create(SIGNER_KEY, password, iterations=SCRYPT_COST)
        if number == 1:
            submitter = devnet_accounts(FUNDED_ACCOUNTS)[BATCHER_ACCOUNT]
            keys.store(BATCHER_KEY, submitter, password, iterations=SCRYPT_COST)
        load_or_create_network_key(directory / NETWORK_KEY_FILE)
        return Address(bytes.fromhex(signer.address[2:]))

    def _make_history(self, number: int, signer: Address, chain_id: int) -> None:
        """The key was made here and has signed nothing."""
        file = GuardFile(self._node(number) / GUARD_FILE)
        file.store(Guard(signer=signer, chain_id=chain_id, version=FIRST_VERSION))
        file.close()

    def _address(self, member: Member) -> str:
        secret = load_or_create_network_key(member.path / NETWORK_KEY_FILE)
        return f"/ip4/127.0.0.1/tcp/{member.network_port}/p2p/{peer_id_of(secret)}"


def _static_set(signers: list[Address]) -> dict[str, Any]:
    return {
        "validators": [
            {"id": number, "signer": "0x" + signer.hex(), "power": POWER}
            for number, signer in enumerate(signers, start=1)
        ]
    }


def _free_ports(count: int) -> list[int]:
    """Held all at once while they are looked for, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _toml(text: str) -> str:
    """A basic string of TOML, which escapes as JSON does."""
    return orjson.dumps(text).decode()


def _toml_list(texts: list[str]) -> str:
    return orjson.dumps(texts).decode()


_CONFIG = """\
# Written at each start of the devnet: changes are lost.

[chain]
genesis = {genesis}
data_dir = {data_dir}

[sequencer]
origin_wait_ms = 0

[network]
host = "127.0.0.1"
port = {network_port}
bootstrap = {bootstrap}

[rpc]
host = {host}
port = {port}
namespaces = ["eth", "net", "web3", "txpool", "debug", "rpc", "metis", "admin"]

[l1]
endpoints = [{endpoint}]
confirmations = {confirmations}
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
