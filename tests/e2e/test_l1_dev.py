"""`metis-node l1-dev` as an L1: blobs by each fork's rules, the beacon route, finality, restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from eth_account.signers.local import LocalAccount

from metis_node.errors import InvalidRequest
from metis_node.l1.blobs import Sidecar, encode_blob, make_sidecar, pooled_encoding
from metis_node.node.keys import devnet_accounts
from tests.e2e.daemons import Daemon, await_height, await_result, running, send_transfer

pytestmark = pytest.mark.e2e

INBOX = bytes.fromhex("ff00000000000000000000000000000000000901")


def l1_dev(directory: Path, fork: str = "prague") -> list[str]:
    return [
        *("l1-dev", "--data-dir", str(directory), "--port", "0"),
        *("--block-time-ms", "1000", "--fork", fork),
    ]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(l1_dev(tmp_path / "l1"), tmp_path / "log") as daemon:
        yield daemon


def signed(account: LocalAccount, sidecar: Sidecar, nonce: int, **fields: Any) -> bytes:
    transaction: dict[str, Any] = {
        "type": 3,
        "chainId": 900,
        "nonce": nonce,
        "to": INBOX,
        "value": 0,
        "gas": 21_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 10**9,
        "maxFeePerBlobGas": 10**9,
        "blobVersionedHashes": list(sidecar.versioned_hashes),
    }
    signature = account.sign_transaction(transaction | fields)
    return pooled_encoding(bytes(signature.raw_transaction), sidecar)


def send(daemon: Daemon, raw: bytes) -> str:
    sent: str = daemon.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
    return sent


def blobs_of(daemon: Daemon, block: int, query: str = "") -> list[bytes]:
    status, body = daemon.rpc.fetch(f"/eth/v1/beacon/blobs/{block}{query}")
    assert status == 200, body
    return [bytes.fromhex(blob[2:]) for blob in orjson.loads(body)["data"]]


@pytest.mark.parametrize(("fork", "version"), [("prague", 0), ("osaka", 1)])
def test_blobs_are_proven_kept_and_served(tmp_path: Path, fork: str, version: int) -> None:
    account = devnet_accounts(1)[0]
    sidecar = make_sidecar([encode_blob(b"first"), encode_blob(b"second")], version=version)
    other = make_sidecar([encode_blob(b"first")], version=1 - version)
    with running(l1_dev(tmp_path / "l1", fork), tmp_path / "log") as daemon:
        with pytest.raises(InvalidRequest, match=f"{fork} takes version {version}"):
            send(daemon, signed(account, other, 0))
        sent = send(daemon, signed(account, sidecar, 0))
        receipt = await_result(daemon.rpc, "eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1"
        assert int(receipt["blobGasUsed"], 16) == 2 * 131_072
        number = int(receipt["blockNumber"], 16)
        assert blobs_of(daemon, number) == list(sidecar.blobs)
        second = f"?versioned_hashes=0x{sidecar.versioned_hashes[1].hex()}"
        assert blobs_of(daemon, number, second) == [sidecar.blobs[1]]
        assert blobs_of(daemon, number - 1) == []
        await_height(daemon.rpc, number, tag="finalized")
    with running(l1_dev(tmp_path / "l1", fork), tmp_path / "log") as again:
        assert blobs_of(again, number) == list(sidecar.blobs)
        assert again.rpc.call("eth_getTransactionReceipt", sent) == receipt


def test_blob_transactions_that_lie_are_refused(daemon: Daemon) -> None:
    account = devnet_accounts(1)[0]
    sidecar = make_sidecar([encode_blob(b"data")], version=0)
    bare = signed(account, sidecar, 0)[:1] + b"\xc1\x80"
    with pytest.raises(InvalidRequest, match="missing sidecar"):
        send(daemon, bare)
    swapped = make_sidecar([encode_blob(b"else")], version=0)
    renamed = signed(account, sidecar, 0, blobVersionedHashes=list(swapped.versioned_hashes))
    with pytest.raises(InvalidRequest, match="versioned hash"):
        send(daemon, renamed)
    with pytest.raises(InvalidRequest, match="max fee per blob gas less than block blob gas fee"):
        send(daemon, signed(account, sidecar, 0, maxFeePerBlobGas=0))
    honest = send(daemon, signed(account, sidecar, 0))
    assert await_result(daemon.rpc, "eth_getTransactionReceipt", honest)["status"] == "0x1"


def test_bad_block_ids_are_refused(daemon: Daemon) -> None:
    assert daemon.rpc.fetch("/eth/v1/beacon/blobs/head")[0] == 400
    assert daemon.rpc.fetch("/eth/v1/beacon/blobs/0x" + "zz" * 32)[0] == 400
    assert daemon.rpc.fetch("/eth/v1/beacon/blobs/99999")[0] == 404
    assert daemon.rpc.fetch("/eth/v1/beacon/blobs/latest")[0] == 200


def test_it_is_an_ethereum_to_its_clients(daemon: Daemon) -> None:
    accounts = devnet_accounts(2)
    sent = send_transfer(
        daemon.rpc, "0x" + bytes(accounts[0].key).hex(), accounts[1].address, 10**18
    )
    assert await_result(daemon.rpc, "eth_getTransactionReceipt", sent)["status"] == "0x1"
    code, seconds = daemon.terminate()
    assert code == 0
    assert seconds < 2.0
