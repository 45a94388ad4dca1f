"""An L1 with time that a test can move or wait for, and an operator's command line on it."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from eth_account.signers.local import LocalAccount

from metis_node.node.cli.main import run
from metis_node.node.exit_codes import ExitCode
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import KeyDirectory, devnet_accounts, write_password_file
from tests.e2e.daemons import running
from tests.integration.l1.anvil import BINARY

METIS = 10**18
ALLOTTED = 200_000 * METIS
OWNERS = 4
DEPLOYER = 8
CHEAP = 2  # scrypt's N: these keys guard nothing
POLL_S = 0.05
PATIENCE_S = 150.0


@dataclass(slots=True)
class L1:
    """A running one. `can_jump`: its time moves on command."""

    url: str
    chain_id: int
    can_jump: bool

    @property
    def rpc(self) -> JsonRpcClient:
        return JsonRpcClient(url=self.url, timeout_s=20.0)

    def head(self) -> tuple[int, int]:
        """Number and time of the newest block."""
        block = self.rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), int(block["timestamp"], 16)

    def pass_time(self, seconds: int) -> None:
        """Until the L1's time is that much later."""
        if self.can_jump:
            self.rpc.call("evm_increaseTime", seconds)
            self.rpc.call("anvil_mine", "0x1")
            return
        until = self.head()[1] + seconds
        self._await(lambda: self.head()[1] >= until)

    def pass_blocks(self, count: int) -> None:
        if self.can_jump:
            self.rpc.call("anvil_mine", hex(count))
            return
        until = self.head()[0] + count
        self._await(lambda: self.head()[0] >= until)

    def _await(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "the L1's time stands still"
            time.sleep(POLL_S)

    def ether(self, address: str) -> int:
        return int(self.rpc.call("eth_getBalance", address, "latest"), 16)


@contextmanager
def anvil_l1() -> Iterator[L1]:
    process = subprocess.Popen([str(BINARY), "--port", "0"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"Listening on "):
                port = int(line.rsplit(b":", 1)[1])
                break
        else:
            raise AssertionError("anvil ended before it listened")
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()  # a full pipe would stop anvil
        yield L1(url=f"http://127.0.0.1:{port}", chain_id=31_337, can_jump=True)
    finally:
        process.kill()
        process.wait()
    drain.join()
    process.stdout.close()


@contextmanager
def embedded_l1(directory: Path) -> Iterator[L1]:
    command = ["l1-dev", "--data-dir", str(directory / "l1"), "--port", "0"]
    with running([*command, "--block-time-ms", "1000"], directory / "l1.log") as daemon:
        yield L1(url=daemon.facts["rpc"], chain_id=900, can_jump=False)


class Operator:
    """A directory with keys, a configuration and the command line."""

    def __init__(self, directory: Path, l1: L1, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.l1 = l1
        self._capsys = capsys
        self.accounts: list[LocalAccount] = devnet_accounts(10)
        self.keys = KeyDirectory(directory / "keys")
        write_password_file(directory / "password", "pw")
        key = directory / "deployer.key"
        key.write_text("0x" + bytes(self.accounts[DEPLOYER].key).hex())
        key.chmod(0o600)
        self._write_files()
        for index in range(OWNERS):
            self.keys.store(f"owner-{index}", self.accounts[index], "pw", iterations=CHEAP)
            self.keys.create(f"signer-{index}", "pw", iterations=CHEAP)

    @property
    def contracts(self) -> Path:
        return self.directory / "deployment.contracts.json"

    def deploy(self) -> dict[str, Any]:
        file = str(self.directory / "deployment.toml")
        key = str(self.directory / "deployer.key")
        return self.json("l1", "deploy", "-c", file, "--private-key-file", key, "--window", "40")

    def json(self, *command: str, owner: int | None = None, code: int = ExitCode.OK) -> Any:
        """Run a command with --json; what it printed, or its error's words."""
        arguments = [*command, *self._shared(command, owner), "--json"]
        found = run(arguments)
        captured = self._capsys.readouterr()
        assert found == code, f"{command}: {found}\n{captured.out}\n{captured.err}"
        return orjson.loads(captured.out) if code == ExitCode.OK else captured.err

    def text(self, *command: str, owner: int | None = None, code: int = ExitCode.OK) -> str:
        """Run a command as a person; all that it printed."""
        found = run([*command, *self._shared(command, owner)])
        captured = self._capsys.readouterr()
        assert found == code, f"{command}: {found}\n{captured.out}\n{captured.err}"
        return re.sub(r"\x1b\[[0-9;]*m", "", captured.out + captured.err)

    def metis(self, address: str) -> int:
        """Balance of METIS on L1, asked of the token itself."""
        token = orjson.loads(self.contracts.read_bytes())["contracts"]["MetisToken"]["address"]
        data = "0x70a08231" + address[2:].rjust(64, "0")
        return int(self.l1.rpc.call("eth_call", {"to": token, "data": data}, "latest"), 16)

    def address(self, contract: str) -> str:
        contracts = orjson.loads(self.contracts.read_bytes())["contracts"]
        return str(contracts[contract]["address"])

    def _shared(self, command: tuple[str, ...], owner: int | None) -> list[str]:
        if command[0] not in ("stake", "gov"):
            return ["--yes"] if command[:2] == ("l1", "deploy") else []
        shared = ["-c", str(self.directory / "node.toml")]
        return [*shared, "--key", f"owner-{owner}", "--yes"] if owner is not None else shared

    def _write_files(self) -> None:
        (self.directory / "node.toml").write_text(
            f'[l1]\nendpoints = ["{self.l1.url}"]\ncontracts = "{self.contracts}"\n'
            f'[keys]\ndir = "{self.keys.path}"\npassword_file = "{self.directory / "password"}"\n'
        )
        allotments = "".join(
            f'"{account.address}" = "200000"\n' for account in self.accounts[:OWNERS]
        )
        (self.directory / "deployment.toml").write_text(
            f'name = "e2e"\n[l1]\nchain_id = {self.l1.chain_id}\nendpoints = ["{self.l1.url}"]\n'
            '[l2]\nchain_id = 901\n[parameters]\nexitDelay = "60 s"\nactivationDelay = "1 s"\n'
            "[governance]\nvoting_delay_blocks = 1\nvoting_period_blocks = 12\n"
            'timelock_delay = "2 s"\nproposal_threshold = "1000"\n'
            f"[token.allotments]\n{allotments}"
        )
