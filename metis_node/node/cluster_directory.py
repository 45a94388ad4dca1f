"""The directory of a devnet with several sequencers: made at first, continued afterwards.

    genesis.json  l1-contracts.json  password  l1/ (the embedded L1)  l1.log
    node-1/ node-2/ ...: config.toml  keys/  db/  network.key  signing-history.dat  node.log
    follower-1/ ...: config.toml  db/  network.key  node.log

All nodes have the same genesis and know each other; the first one posts the batches. The keys of
the accounts are the well-known test ones; the signers' are made for this devnet. What the nodes'
configurations say is `cluster_config.py`'s business.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metis_node.consensus.guard import Guard
from metis_node.engine.consensus.signer import GUARD_FILE, GuardFile
from metis_node.errors import InvalidConfig, Temporary
from metis_node.execution.genesis import Genesis
from metis_node.network.network_key import load_or_create_network_key
from metis_node.network.peer_id import peer_id_of
from metis_node.node.cluster_config import Files, Member, Placement, node_config, placed
from metis_node.node.cluster_staking import PATIENCE_S, Seat, establish, owner_accounts
from metis_node.node.deployment_file import ADDRESSES_FILE
from metis_node.node.devnet_directory import (
    BATCHER_KEY,
    GENESIS_FILE,
    L1_RETRY_S,
    OWNER_KEY,
    PASSWORD_FILE,
    SCRYPT_COST,
    SIGNER_KEY,
    ChainChoices,
    newest_origin,
)
from metis_node.node.devnet_genesis import (
    BATCHER_ACCOUNT,
    FUNDED_ACCOUNTS,
    L2_CHAIN_ID,
    layer2_genesis,
)
from metis_node.node.genesis_file import read_genesis_file, write_genesis_file
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import KeyDirectory, devnet_accounts, write_password_file
from metis_node.node.network_assembly import NETWORK_KEY_FILE
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Address

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

POWER = 20_000 * 10**9  # gwei of each static validator: the default of the least stake
FIRST_VERSION = 1
ORIGIN_MAX_LAG_S = 300  # stake counts in the sets after some minutes, not hours


class ClusterDirectory:
    """Paths and first-time contents."""

    def __init__(self, path: Path, size: int, followers: int = 0) -> None:
        self.path = path
        self.size = size
        self.followers = followers

    @property
    def genesis_file(self) -> Path:
        return self.path / GENESIS_FILE

    @property
    def contracts_file(self) -> Path:
        return self.path / ADDRESSES_FILE

    @property
    def exists(self) -> bool:
        return self.genesis_file.is_file()

    def create(
        self,
        l1: JsonRpcClient,
        choices: ChainChoices,
        *,
        confirmations: int,
        epoch_length: int,
        staked: bool,
    ) -> Genesis:
        """Keys, stake, histories and, last, the genesis file of a new chain on this L1.

        Not `staked`: the genesis file names the validators, and there are no contracts."""
        self.path.mkdir(parents=True, exist_ok=True)
        password = self._new_password()
        owners = owner_accounts(self.size)
        seats = [self._make_keys(*pair, password) for pair in enumerate(owners, start=1)]
        for number in range(1, self.followers + 1):
            self._new_folder(f"follower-{number}")
        chain_id = choices.chain_id or L2_CHAIN_ID
        consensus, least = _static_set(seats, epoch_length), 0
        if staked:
            consensus, least = self._staked_set(l1, chain_id, seats, epoch_length)
        origin, l1_chain_id = _await_origin(l1, least, confirmations=confirmations)
        accounts = devnet_accounts(FUNDED_ACCOUNTS)
        document = layer2_genesis(
            timestamp=max(int(time.time()), origin.timestamp),
            funded=[account.address for account in accounts],
            batch_submitter=accounts[BATCHER_ACCOUNT].address,
            l1_chain_id=l1_chain_id,
            l1_origin=origin,
            rules=choices.given() | {"chain_id": chain_id, "origin_max_lag_s": ORIGIN_MAX_LAG_S},
        )
        document["rules"]["consensus"] = consensus
        for number, seat in enumerate(seats, start=1):
            self._make_history(number, _address(seat.signer), chain_id)
        return write_genesis_file(self.genesis_file, document)

    def reopen(self) -> Genesis:
        """The chain that is there. InvalidConfig where it has another number of nodes."""
        self._require_count("node-*", "sequencers", self.size)
        self._require_count("follower-*", "followers", self.followers)
        return read_genesis_file(self.genesis_file)

    def configure(self, placement: Placement) -> list[Member]:
        """Write every node's configuration: ports and the L1's address may be new each time."""
        members = placed(self.path, self.size, self.followers, placement)
        addresses = {one.name: _network_address(one) for one in members}
        files = Files(
            genesis=self.genesis_file,
            contracts=self.contracts_file if self.contracts_file.is_file() else None,
            password=self.path / PASSWORD_FILE,
        )
        for member in members:
            others = [address for name, address in addresses.items() if name != member.name]
            _replace(member.config_file, node_config(member, files, others, placement))
        return members

    def delete(self) -> None:
        """Remove chain, L1 and keys. InvalidConfig where this is no devnet's directory."""
        if not self.path.exists():
            return
        if not self.exists and any(self.path.iterdir()):
            raise InvalidConfig(
                f"{self.path} is not a devnet's directory (it has no {GENESIS_FILE}): not deleted"
            )
        nodes = [*self.path.glob("node-*"), *self.path.glob("follower-*")]
        for folder in (self.path / "l1", *nodes):
            shutil.rmtree(folder, ignore_errors=True)
        for name in (PASSWORD_FILE, ADDRESSES_FILE, "l1.log", GENESIS_FILE):
            (self.path / name).unlink(missing_ok=True)

    def _require_count(self, pattern: str, what: str, wanted: int) -> None:
        found = sum(1 for entry in self.path.glob(pattern) if entry.is_dir())
        if found != wanted:
            raise InvalidConfig(
                f"the devnet in {self.path} has {found} {what}, not {wanted}: their number is "
                "fixed when it is made; use another --data-dir, or --reset to begin anew"
            )

    def _staked_set(
        self, l1: JsonRpcClient, l2_chain_id: int, seats: Sequence[Seat], epoch_length: int
    ) -> tuple[dict[str, Any], int]:
        """`rules.consensus`, and the L1 block from which on all have power. Each creation has
        contracts of its own: what an earlier one left on this L1 is not in the way."""
        chain = asyncio.run(
            establish(
                l1_url=l1.url,
                l1_chain_id=int(str(l1.call("eth_chainId")), 16),
                l2_chain_id=l2_chain_id,
                name=f"devnet-{secrets.token_hex(4)}",
                epoch_length=epoch_length,
                seats=seats,
                file=self.contracts_file,
            )
        )
        at = chain.record.addresses
        staking = {
            "locking_pool": "0x" + at["LockingPool"].hex(),
            "network_parameters": "0x" + at["NetworkParameters"].hex(),
            "first_block": chain.record.first_block,
        }
        return {"staking": staking}, chain.block

    def _new_password(self) -> str:
        password = secrets.token_hex(16)
        for leftover in (PASSWORD_FILE, ADDRESSES_FILE):  # of a creation that was cut short
            (self.path / leftover).unlink(missing_ok=True)
        write_password_file(self.path / PASSWORD_FILE, password)
        return password

    def _new_folder(self, name: str) -> Path:
        folder = self.path / name
        shutil.rmtree(folder, ignore_errors=True)  # of a creation that was cut short
        folder.mkdir(parents=True)
        load_or_create_network_key(folder / NETWORK_KEY_FILE)
        return folder

    def _make_keys(self, number: int, owner: LocalAccount, password: str) -> Seat:
        """Of its owner, its signer and, for the first, of who posts the batches."""
        from eth_account import Account

        keys = KeyDirectory(self._new_folder(f"node-{number}") / "keys")
        signer: LocalAccount = Account.create()
        keys.store(SIGNER_KEY, signer, password, iterations=SCRYPT_COST)
        keys.store(OWNER_KEY, owner, password, iterations=SCRYPT_COST)
        if number == 1:
            submitter = devnet_accounts(FUNDED_ACCOUNTS)[BATCHER_ACCOUNT]
            keys.store(BATCHER_KEY, submitter, password, iterations=SCRYPT_COST)
        return Seat(owner=owner, signer=signer)

    def _make_history(self, number: int, signer: Address, chain_id: int) -> None:
        """The key was made here and has signed nothing."""
        file = GuardFile(self.path / f"node-{number}" / GUARD_FILE)
        file.store(Guard(signer=signer, chain_id=chain_id, version=FIRST_VERSION))
        file.close()


def _await_origin(l1: JsonRpcClient, least: int, *, confirmations: int) -> tuple[L1Origin, int]:
    """The newest L1 block of that depth, `least` or later, and the L1's chain id."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        origin, chain_id = newest_origin(l1, confirmations=confirmations)
        if origin.number >= least:
            return origin, chain_id
        if time.monotonic() > deadline:
            raise Temporary(
                f"the L1 at {l1.url} stays at block {origin.number}, block {least} must get "
                f"{confirmations} deep: does it make blocks?"
            )
        time.sleep(L1_RETRY_S)


def _replace(file: Path, text: str) -> None:
    """At once: a node may be reading it."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text)
    fresh.replace(file)


def _static_set(seats: Sequence[Seat], epoch_length: int) -> dict[str, Any]:
    return {
        "validators": [
            {"id": number, "signer": "0x" + _address(seat.signer).hex(), "power": POWER}
            for number, seat in enumerate(seats, start=1)
        ],
        "epoch_length": epoch_length,
    }


def _network_address(member: Member) -> str:
    secret = load_or_create_network_key(member.path / NETWORK_KEY_FILE)
    return f"{member.network_host}/tcp/{member.network_port}/p2p/{peer_id_of(secret)}"


def _address(account: LocalAccount) -> Address:
    return Address(bytes.fromhex(account.address[2:]))
