"""Real `metis-node` processes for tests: started, spoken to, ended. Nothing is simulated here."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from eth_account import Account
from eth_account.signers.local import LocalAccount

from metis_node.errors import MetisError
from metis_node.node.json_rpc_client import JsonRpcClient

START_S = 90.0
END_S = 20.0
POLL_S = 0.05


def clean_environment() -> dict[str, str]:
    """Ours without anything that configures a node."""
    return {k: v for k, v in os.environ.items() if not k.startswith("METIS_NODE_")}


@dataclass(slots=True)
class Daemon:
    """A running process that printed one JSON object when it was ready."""

    process: subprocess.Popen[bytes]
    facts: dict[str, Any]
    log: Path

    @property
    def rpc(self) -> JsonRpcClient:
        return JsonRpcClient(url=self.facts["rpc"], timeout_s=20.0)

    def terminate(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; exit code and seconds until the end."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(END_S)
        return code, time.monotonic() - started


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[Daemon]:
    """Run `metis-node <command> --json` until the block is left."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "metis_node", *command, "--json"],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=clean_environment(),
        )
    try:
        yield Daemon(process, _first_object(process, log), log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


def run_to_end(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "metis_node", *command],
        capture_output=True,
        timeout=START_S,
        env=clean_environment(),
        check=False,
    )


def _first_object(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    text, deadline = b"", time.monotonic() + START_S
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], deadline - time.monotonic())[0]:
            break
        chunk = os.read(process.stdout.fileno(), 65_536)
        if not chunk:
            break
        text += chunk
        try:
            facts: dict[str, Any] = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        return facts
    raise AssertionError(f"not ready; printed {text!r}, log: {log.read_text()[-4000:]}")


def await_result(rpc: JsonRpcClient, method: str, *params: Any, patience_s: float = 60.0) -> Any:
    """The first answer that is not null, asked for again and again."""
    deadline = time.monotonic() + patience_s
    while True:
        result = rpc.call(method, *params)
        if result is not None:
            return result
        assert time.monotonic() < deadline, f"{method}{params} stayed null"
        time.sleep(POLL_S)


def await_height(rpc: JsonRpcClient, number: int, *, tag: str = "latest") -> int:
    """Return once the block of a tag has at least this number; its number."""
    deadline = time.monotonic() + 120
    while True:
        block = rpc.call("eth_getBlockByNumber", tag, False)
        height = int(block["number"], 16) if block is not None else -1
        if height >= number:
            return height
        assert time.monotonic() < deadline, f"{tag} stayed at {height}, wanted {number}"
        time.sleep(POLL_S)


def await_answer(rpc: JsonRpcClient, patience_s: float = 60.0) -> None:
    """Return once somebody serves there."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            rpc.call("eth_chainId")
            return
        except MetisError:
            assert time.monotonic() < deadline, f"nobody serves at {rpc.url}"
            time.sleep(POLL_S)


def send_transfer(rpc: JsonRpcClient, key: str, to: str, value_wei: int) -> str:
    """Sign and send a transfer as any wallet would; its hash."""
    account: LocalAccount = Account.from_key(key)
    chain_id, nonce, price = rpc.batch(
        [
            ("eth_chainId", []),
            ("eth_getTransactionCount", [account.address, "pending"]),
            ("eth_gasPrice", []),
        ]
    )
    signed = account.sign_transaction(
        {
            "chainId": int(chain_id, 16),
            "nonce": int(nonce, 16),
            "to": bytes.fromhex(to[2:]),
            "value": value_wei,
            "gas": 21_000,
            "maxFeePerGas": 2 * int(price, 16) + 10**9,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    sent: str = rpc.call("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
    return sent
