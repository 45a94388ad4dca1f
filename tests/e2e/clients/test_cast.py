"""Foundry's cast, from deployment to traces."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients.conftest import ROOT, Devnet

pytestmark = pytest.mark.e2e

CAST = ROOT / "node_modules" / "@foundry-rs" / "cast-linux-amd64" / "bin" / "cast"
ACCOUNT = 3


class Cast:
    """cast with this devnet's address and one of its accounts."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet

    def run(self, *arguments: str, ok: bool = True) -> str:
        """Standard output; with ok False, standard error of a command that must fail."""
        done = subprocess.run(
            [str(CAST), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "ETH_RPC_URL": self._devnet.rpc},
        )
        assert (done.returncode == 0) is ok, done.stderr + done.stdout
        return done.stdout.strip() if ok else done.stderr

    def send(self, *arguments: str) -> dict[str, Any]:
        key = self._devnet.key(ACCOUNT)
        text = self.run("send", "--private-key", key, "--json", *arguments)
        receipt: dict[str, Any] = json.loads(text)
        return receipt


@pytest.fixture(scope="module")
def cast(devnet: Devnet) -> Cast:
    return Cast(devnet)


@pytest.fixture(scope="module")
def contract(cast: Cast, artifact: Path) -> str:
    code = json.loads(artifact.read_text())["bytecode"]
    receipt = cast.send("--create", code, "constructor(uint256)", "7")
    assert receipt["status"] == "0x1"
    address: str = receipt["contractAddress"]
    return address


def test_the_chain_is_described(cast: Cast, devnet: Devnet) -> None:
    assert cast.run("chain-id") == str(devnet.chain_id)
    assert int(cast.run("block-number")) >= 0
    assert int(cast.run("gas-price")) > 0
    assert int(cast.run("base-fee")) > 0
    assert cast.run("client").startswith("metis-node/")
    assert json.loads(cast.run("rpc", "eth_syncing")) is False


def test_a_contract_is_called_and_its_event_found(cast: Cast, contract: str) -> None:
    assert cast.run("call", contract, "total()(uint256)") == "7"
    receipt = cast.send(contract, "note(uint256,string)", "5", "hello")
    assert receipt["status"] == "0x1"
    assert cast.run("call", contract, "total()(uint256)") == "12"
    logs = json.loads(
        cast.run(
            *("logs", "--json", "--from-block", "0", "--address", contract),
            "Noted(address indexed,uint256,string)",
        )
    )
    assert [log["transactionHash"] for log in logs] == [receipt["transactionHash"]]
    assert int(cast.run("storage", contract, "0"), 16) == 12
    assert cast.run("code", contract).startswith("0x60")
    proof = json.loads(cast.run("proof", contract, "0"))
    assert proof["storageProof"][0]["value"] == "0xc"


def test_every_block_is_read_with_its_system_transaction(cast: Cast, contract: str) -> None:
    receipt = cast.send(contract, "--value", "1")
    number = str(int(receipt["blockNumber"], 16))
    block = json.loads(cast.run("block", number, "--full", "--json"))
    assert int(block["transactions"][0]["type"], 16) == 0x7E
    system = json.loads(cast.run("receipt", block["transactions"][0]["hash"], "--json"))
    assert system["status"] == "0x1"
    transaction = json.loads(cast.run("tx", receipt["transactionHash"], "--json"))
    assert transaction["blockHash"] == receipt["blockHash"]


def test_reverts_come_with_reasons(cast: Cast, contract: str) -> None:
    assert "because" in cast.run("call", contract, "fail(string)", "because", ok=False)
    assert "because" in cast.run("estimate", contract, "fail(string)", "because", ok=False)
    custom = cast.run("call", contract, "refuse(uint256)", "9", ok=False)
    assert "execution reverted" in custom


def test_transactions_are_traced(cast: Cast, contract: str) -> None:
    receipt = cast.send(contract, "note(uint256,string)", "1", "traced")
    frame = json.loads(
        cast.run(
            *("rpc", "debug_traceTransaction", receipt["transactionHash"]),
            '{"tracer":"callTracer"}',
        )
    )
    assert frame["to"].lower() == contract.lower()


def test_access_lists_and_nonces(cast: Cast, devnet: Devnet, contract: str) -> None:
    assert "gas used" in cast.run("access-list", contract, "total()").lower()
    address = cast.run("wallet", "address", "--private-key", devnet.key(ACCOUNT))
    assert int(cast.run("nonce", address)) > 0
    assert int(cast.run("balance", address)) > 0
