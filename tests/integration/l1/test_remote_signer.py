"""Transactions signed over HTTP: taken when they are what was asked for, refused otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from metis_node.errors import InvalidConfig, Temporary
from metis_node.l1.client import L1Client
from metis_node.l1.fees import FeeCaps
from metis_node.l1.remote_signer import RemoteSigner, remote_signer
from metis_node.l1.send_state import SendPolicy
from metis_node.l1.sender import TransactionSender
from metis_node.l1.spending import SpendLedger
from metis_node.types.primitives import Address
from tests.fakes.web3signer import Web3Signer, running_web3signer
from tests.integration.l1.anvil import CHAIN_ID, FUNDED_KEYS, running_anvil

FIRST, SECOND = (bytes.fromhex(key[2:]) for key in FUNDED_KEYS)
FIRST_ADDRESS = Account.from_key(FIRST).address
FIELDS: dict[str, Any] = {
    "type": 2,
    "chainId": CHAIN_ID,
    "nonce": 3,
    "to": b"\x11" * 20,
    "value": 5,
    "gas": 50_000,
    "maxFeePerGas": 10**10,
    "maxPriorityFeePerGas": 10**9,
    "data": b"\x01\x02",
    "accessList": (),
}


def address_of(key: bytes) -> Address:
    return Address(bytes.fromhex(Account.from_key(key).address[2:]))


@pytest.fixture
def service() -> Iterator[Web3Signer]:
    with running_web3signer(FIRST, chain_id=CHAIN_ID) as signer:
        yield signer


def test_it_signs_what_a_local_key_signs(service: Web3Signer) -> None:
    signer = remote_signer(service.url, None)
    assert signer.address == FIRST_ADDRESS
    signed = signer.sign_transaction(FIELDS)
    local = Account.from_key(FIRST).sign_transaction(FIELDS)
    assert signed.raw_transaction == bytes(local.raw_transaction)
    assert signed.hash == bytes(local.hash) == keccak(signed.raw_transaction)
    request = service.requests[-1]["params"][0]
    assert request["from"] == FIRST_ADDRESS
    assert request["nonce"] == "0x3"


def test_an_answer_in_the_form_of_clef_is_taken(service: Web3Signer) -> None:
    local = Account.from_key(FIRST).sign_transaction(FIELDS)
    service.result = {"raw": "0x" + bytes(local.raw_transaction).hex(), "tx": {}}
    signed = remote_signer(service.url, None).sign_transaction(FIELDS)
    assert signed.raw_transaction == bytes(local.raw_transaction)


def test_the_account_must_be_named_among_several(service: Web3Signer) -> None:
    with running_web3signer(FIRST, SECOND, chain_id=CHAIN_ID) as both:
        with pytest.raises(InvalidConfig, match=r"holds 2 accounts .*--from"):
            remote_signer(both.url, None)
        named = remote_signer(both.url, address_of(SECOND))
        assert named.sign_transaction(FIELDS).hash
    with pytest.raises(InvalidConfig, match=f"does not hold the key of .* holds: {FIRST_ADDRESS}"):
        remote_signer(service.url, address_of(SECOND))
    no_keys = running_web3signer(chain_id=CHAIN_ID)
    with no_keys as empty, pytest.raises(InvalidConfig, match="holds 0 accounts"):
        remote_signer(empty.url, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nonce": 4}, "nonce is 4, not 3"),
        ({"value": 10**18}, "value is"),
        ({"gas": 60_000}, "gas is"),
        ({"maxFeePerGas": 10**12}, "maxFeePerGas is"),
        ({"chainId": 1}, "start the signer with the --chain-id of this L1"),
        ({"to": b"\x22" * 20}, "another transaction"),
        ({"data": b"\x03"}, "another transaction"),
    ],
)
def test_a_transaction_that_was_not_asked_for_is_refused(
    service: Web3Signer, changes: dict[str, Any], words: str
) -> None:
    service.changes = changes
    with pytest.raises(InvalidConfig, match=words):
        remote_signer(service.url, None).sign_transaction(FIELDS)


def test_a_signature_of_another_key_is_refused(service: Web3Signer) -> None:
    service.sign_with = Account.from_key(SECOND)
    with pytest.raises(InvalidConfig, match="signed with the key of"):
        remote_signer(service.url, None).sign_transaction(FIELDS)


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        ("0x02c0", InvalidConfig, "no signed transaction of type 2"),
        ("0x", InvalidConfig, "no signed transaction of type 2"),
        ("zz", Temporary, "gives no signed transaction"),
        ({"tx": {}}, Temporary, "gives no signed transaction"),
        (7, Temporary, "gives no signed transaction"),
    ],
)
def test_an_answer_that_is_no_transaction_is_refused(
    service: Web3Signer, result: Any, error: type[Exception], words: str
) -> None:
    service.result = result
    with pytest.raises(error, match=words):
        remote_signer(service.url, None).sign_transaction(FIELDS)


@pytest.mark.parametrize(
    ("broken", "error", "words"),
    [
        ((500, b"no"), Temporary, "HTTP 500"),
        ((200, b"<html>"), Temporary, "does not speak JSON-RPC"),
        ((200, b"[]"), Temporary, "does not speak JSON-RPC"),
        ((200, b'{"result": 1}'), Temporary, "no list of accounts"),
        ((200, b'{"error": {"message": "locked"}}'), InvalidConfig, "refuses eth_accounts: locked"),
    ],
)
def test_a_signer_that_does_not_work_is_said_so(
    service: Web3Signer, broken: tuple[int, bytes], error: type[Exception], words: str
) -> None:
    service.broken = broken
    with pytest.raises(error, match=words):
        remote_signer(service.url, None)


def test_no_signer_is_temporary() -> None:
    for url in ("http://127.0.0.1:9", "nonsense"):
        with pytest.raises(Temporary, match="no answer from the remote signer"):
            remote_signer(url, None, timeout_s=2)


def test_a_key_it_lost_is_refused(service: Web3Signer) -> None:
    signer = RemoteSigner(url=service.url, address=Account.from_key(SECOND).address)
    with pytest.raises(InvalidConfig, match="refuses eth_signTransaction"):
        signer.sign_transaction(FIELDS)


async def test_the_sender_sends_what_it_signed(service: Web3Signer) -> None:
    async with running_anvil(mining=True) as anvil:
        client = L1Client([anvil.url], chain_id=CHAIN_ID)
        sender = TransactionSender(
            client=client,
            account=await asyncio.to_thread(remote_signer, service.url, None),
            policy=SendPolicy(caps=FeeCaps(max_fee=10**12, max_blob_fee=0), confirmations=1),
            ledger=SpendLedger(cap=10**18),
            poll_s=0.05,
        )
        running = asyncio.ensure_future(sender.run())
        to = Address(b"\x77" * 20)
        submission = sender.send(to=to, data=b"", gas=21_000, value=12_345)
        receipt = await asyncio.wait_for(submission.outcome, 30)
        assert submission.hash == receipt.transaction_hash
        assert submission.mined_in == receipt.block_number
        assert await client.balance(to) == 12_345
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.aclose()
