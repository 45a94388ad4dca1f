"""The data directory of a devnet: what `metis-node devnet` writes once and finds again.

    genesis.json  config.toml  password  keys/  db/  l1/ (the embedded L1)  l1.log
    l1-contracts.json (addresses of the contracts on the L1)

Its keys are the well-known test accounts; nothing of value may ever be sent to them.
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from metis_node.engine.l1_origin import origin_of
from metis_node.errors import InvalidConfig, Temporary
from metis_node.execution.genesis import Genesis
from metis_node.l1 import answers
from metis_node.node.config.model import NAMESPACES
from metis_node.node.deployment_file import ADDRESSES_FILE
from metis_node.node.devnet_genesis import (
    BATCHER_ACCOUNT,
    FUNDED_ACCOUNTS,
    OWNER_ACCOUNT,
    layer2_genesis,
)
from metis_node.node.genesis_file import read_genesis_file, write_genesis_file
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import KeyDirectory, devnet_accounts, write_password_file
from metis_node.types.l1 import L1Origin

CONFIG_FILE = "config.toml"
GENESIS_FILE = "genesis.json"
PASSWORD_FILE = "password"
SPENDING_FILE = "l1-spending.json"
BATCHER_KEY = "batcher"
OWNER_KEY = "owner"
SIGNER_KEY = "signer"
L1_RETRY_S = 0.25
SCRYPT_COST = 1 << 12  # the key is public anyway; a start should not wait for a strong hash


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainChoices:
    """What may be chosen about a new chain. None: the default, or what the directory has."""

    chain_id: int | None = None
    block_time_ms: int | None = None
    gas_limit: int | None = None
    max_block_bytes: int | None = None

    def given(self) -> dict[str, int]:
        pairs = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in pairs.items() if value is not None}


class DevnetDirectory:
    """Paths and first-time contents of one devnet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def config_file(self) -> Path:
        return self.path / CONFIG_FILE

    @property
    def genesis_file(self) -> Path:
        return self.path / GENESIS_FILE

    @property
    def l1_dir(self) -> Path:
        return self.path / "l1"

    @property
    def l1_log(self) -> Path:
        return self.path / "l1.log"

    @property
    def exists(self) -> bool:
        return self.genesis_file.is_file()

    @property
    def contracts_file(self) -> Path:
        return self.path / ADDRESSES_FILE

    def create(self, l1: JsonRpcClient, choices: ChainChoices, *, confirmations: int) -> Genesis:
        """Write everything that a new devnet over this L1 needs, the genesis file last.

        `confirmations`: how deep an L1 block must be to be an origin, that of block 0 included.
        """
        accounts = devnet_accounts(FUNDED_ACCOUNTS)
        submitter = accounts[BATCHER_ACCOUNT]
        self.path.mkdir(parents=True, exist_ok=True)
        origin, l1_chain_id = newest_origin(l1, confirmations=confirmations)
        document = layer2_genesis(
            timestamp=max(int(time.time()), origin.timestamp),
            funded=[account.address for account in accounts],
            batch_submitter=submitter.address,
            l1_chain_id=l1_chain_id,
            l1_origin=origin,
            rules=choices.given(),
        )
        self._write_keys(submitter, accounts[OWNER_ACCOUNT])
        self.config_file.write_text(
            _CONFIG.format(
                namespaces=orjson.dumps(NAMESPACES).decode(),
                confirmations=confirmations,
                endpoint=_toml_text(l1.url),
                password_file=_toml_text(str(self.path.resolve() / PASSWORD_FILE)),
            )
        )
        return write_genesis_file(self.genesis_file, document)

    def reopen(self, l1: JsonRpcClient, choices: ChainChoices) -> Genesis:
        """The chain that is there. InvalidConfig where other rules are asked for than it has.

        The configuration names this L1 afterwards: an embedded one may have another port each time,
        and the operator's commands read it there."""
        genesis = read_genesis_file(self.genesis_file)
        for name, value in choices.given().items():
            present = getattr(genesis.rules, name)
            if present != value:
                raise InvalidConfig(
                    f"the devnet in {self.path} was made with {name} {present}, not {value}: a "
                    "chain's rules cannot change; use another --data-dir, or --reset to begin anew"
                )
        if self.config_file.is_file():
            endpoints = f"endpoints = [{_toml_text(l1.url)}]"
            text = self.config_file.read_text()
            self.config_file.write_text(_ENDPOINTS.sub(lambda _: endpoints, text, count=1))
        return genesis

    def delete(self, database: Path) -> None:
        """Remove chain, L1 and keys. InvalidConfig where this is no devnet's directory."""
        if not self.path.exists():
            return
        if not self.exists and any(self.path.iterdir()):
            raise InvalidConfig(
                f"{self.path} is not a devnet's directory (it has no {GENESIS_FILE}): not deleted"
            )
        for folder in (self.l1_dir, database, self.path / "keys"):
            shutil.rmtree(folder, ignore_errors=True)
        files = (GENESIS_FILE, CONFIG_FILE, PASSWORD_FILE, SPENDING_FILE, ADDRESSES_FILE)
        for file in (*files, self.l1_log.name):
            (self.path / file).unlink(missing_ok=True)

    def _write_keys(self, submitter: Any, owner: Any) -> None:
        """Those that post batches, own stake, and sign: all that `stake lock` needs is there."""
        password_file = self.path / PASSWORD_FILE
        keys = KeyDirectory(self.path / "keys")
        names = (BATCHER_KEY, OWNER_KEY, SIGNER_KEY)
        for leftover in (password_file, *(keys.path / f"{name}.json" for name in names)):
            leftover.unlink(missing_ok=True)  # of a creation that was cut short
        password = secrets.token_hex(16)
        write_password_file(password_file, password)
        keys.store(BATCHER_KEY, submitter, password, iterations=SCRYPT_COST)
        keys.store(OWNER_KEY, owner, password, iterations=SCRYPT_COST)
        keys.create(SIGNER_KEY, password, iterations=SCRYPT_COST)


_ENDPOINTS = re.compile(r"^endpoints = \[.*\]$", re.MULTILINE)
_CONFIG = f"""\
# Configuration of this devnet; `metis-node config show` lists all keys.

[chain]
genesis = "{GENESIS_FILE}"

[rpc]
namespaces = {{namespaces}}

[sequencer]
origin_wait_ms = 0

[l1]
endpoints = [{{endpoint}}]
confirmations = {{confirmations}}
poll_interval_ms = 500
stale_after_s = 60

[batcher]
max_channel_age_s = 10
confirmations = 1

[keys]
password_file = {{password_file}}
"""


def _toml_text(text: str) -> str:
    """A basic string of TOML, which escapes as JSON does."""
    return orjson.dumps(text).decode()


def await_l1(l1: JsonRpcClient, *, patience_s: float) -> None:
    """Return once the L1 answers: it may be starting beside us. Temporary when patience ends."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            l1.call("eth_chainId")
            return
        except Temporary:
            if time.monotonic() > deadline:
                raise
            time.sleep(L1_RETRY_S)


def newest_origin(l1: JsonRpcClient, *, confirmations: int) -> tuple[L1Origin, int]:
    """The newest L1 block of that depth (or block 0) as an origin, and the L1's chain id."""
    chain_id, head = l1.batch([("eth_chainId", []), ("eth_blockNumber", [])])
    try:
        number = max(0, answers.quantity(head) - confirmations)
        block = l1.call("eth_getBlockByNumber", hex(number), False)
        return origin_of(answers.header(block)), answers.quantity(chain_id)
    except answers.Malformed as error:
        raise Temporary(f"the L1 at {l1.url} gives no block as Ethereum does: {error}") from error
