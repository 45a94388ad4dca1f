"""The transaction sender against a real L1 and each of its faults."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from metis_node.l1.blobs import encode_blob, make_sidecar
from metis_node.l1.client import L1Client
from metis_node.l1.fees import FeeCaps
from metis_node.l1.inbox import BASE_GAS
from metis_node.l1.send_state import SendPolicy
from metis_node.l1.sender import Submission, TransactionSender, Undelivered
from metis_node.l1.spending import SpendLedger
from metis_node.types.primitives import Address
from tests.integration.l1.anvil import CHAIN_ID, Anvil, account, eventually, running_anvil

GWEI = 10**9
ETHER = 10**18
TARGET = Address(b"\xfe" * 20)
POLICY = SendPolicy(
    caps=FeeCaps(max_fee=500 * GWEI, max_blob_fee=500 * GWEI),
    confirmations=2,
    resubmit_ms=60_000,
    missing_ms=100,
    nonce_taken_ms=100,
)


@pytest.fixture
async def anvil() -> AsyncIterator[Anvil]:
    async with running_anvil() as l1:
        yield l1


@contextlib.asynccontextmanager
async def sender_on(
    anvil: Anvil, policy: SendPolicy = POLICY, cap: int = 10 * ETHER
) -> AsyncIterator[TransactionSender]:
    client = L1Client([anvil.url], chain_id=CHAIN_ID)
    sender = TransactionSender(
        client=client,
        account=account(),
        policy=policy,
        ledger=SpendLedger(cap=cap),
        poll_s=0.02,
    )
    task = asyncio.ensure_future(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await client.aclose()


def send(sender: TransactionSender, data: bytes = b"hello") -> Submission:
    return sender.send(to=TARGET, data=data, gas=BASE_GAS + 40 * len(data))


async def until(condition: Callable[[], bool]) -> None:
    async def reached() -> bool:
        return condition()

    await eventually(reached)


async def offered(anvil: Anvil) -> dict[str, dict[str, str]]:
    """Our transactions in the pool, by nonce."""
    for sender, found in (await anvil.pool()).items():
        if sender.lower() == account().address.lower():
            return dict(found)
    return {}


async def until_offer(anvil: Anvil, accept: Callable[[dict[str, dict[str, str]]], bool]) -> None:
    async def reached() -> bool:
        return accept(await offered(anvil))

    await eventually(reached)


async def test_a_transaction_is_confirmed_at_its_depth(anvil: Anvil) -> None:
    async with sender_on(anvil) as sender:
        submission = send(sender)
        await anvil.wait_for_pool(1)
        await anvil.mine()
        assert not submission.outcome.done()
        await anvil.mine()
        receipt = await submission.outcome
        assert receipt.success
        assert receipt.block_number == 1
        assert sender.spent_wei == receipt.cost_wei > 0
        assert sender.runway_s is not None


async def test_transactions_keep_their_order_and_their_bound(anvil: Anvil) -> None:
    async with sender_on(anvil) as sender:
        submissions = [send(sender, bytes([n])) for n in range(6)]
        await anvil.wait_for_pool(4)

        async def all_are_done() -> bool:
            assert sender.in_flight <= 4
            await anvil.mine()
            return all(submission.outcome.done() for submission in submissions)

        await eventually(all_are_done)
        nonces = []
        for submission in submissions:
            name = (await submission.outcome).transaction_hash
            found = await anvil.rpc("eth_getTransactionByHash", "0x" + name.hex())
            nonces.append((int(found["nonce"], 16), found["input"]))
        assert nonces == [(n, f"0x{n:02x}") for n in range(6)]


@pytest.mark.parametrize("version", [0, 1])
async def test_blobs_are_carried(version: int) -> None:
    fork = "osaka" if version else "prague"
    async with running_anvil("--hardfork", fork) as anvil, sender_on(anvil) as sender:
        sidecar = make_sidecar([encode_blob(b"one"), encode_blob(b"two")], version=version)
        submission = sender.send(to=TARGET, data=b"", gas=BASE_GAS, sidecar=sidecar)
        await anvil.wait_for_pool(1)
        await anvil.mine(2)
        receipt = await submission.outcome
        assert receipt.blob_gas_used == 2 * 131_072
        assert receipt.cost_wei > receipt.gas_used * receipt.gas_price


async def test_a_dropped_transaction_is_sent_again(anvil: Anvil) -> None:
    async with sender_on(anvil) as sender:
        submission = send(sender)
        await anvil.wait_for_pool(1)
        await anvil.rpc("anvil_dropAllTransactions")
        await anvil.wait_for_pool(1)
        await anvil.mine(2)
        assert (await submission.outcome).success


async def test_an_l1_reorganisation_is_noticed(anvil: Anvil) -> None:
    async with sender_on(anvil, replace(POLICY, confirmations=4)) as sender:
        submission = send(sender)
        await anvil.wait_for_pool(1)
        await anvil.mine(2)
        await until(lambda: sender._entries[0].state.mined)
        await anvil.rpc("anvil_reorg", 2, [])
        await anvil.wait_for_pool(1)
        await anvil.mine(4)
        assert (await submission.outcome).block_number == 3


async def test_a_stuck_transaction_is_outbid(anvil: Anvil) -> None:
    async with sender_on(anvil, replace(POLICY, resubmit_ms=300)) as sender:
        submission = send(sender)
        await until_offer(anvil, lambda pool: "0" in pool)
        first = int((await offered(anvil))["0"]["maxFeePerGas"], 16)
        await until_offer(anvil, lambda pool: int(pool["0"]["maxFeePerGas"], 16) > first)
        second = int((await offered(anvil))["0"]["maxFeePerGas"], 16)
        assert second * 10 >= first * 11
        await anvil.mine(2)
        assert (await submission.outcome).success


async def test_a_fee_spike_is_followed_up_to_the_cap(anvil: Anvil) -> None:
    policy = replace(
        POLICY, resubmit_ms=300, caps=FeeCaps(max_fee=50 * GWEI, max_blob_fee=50 * GWEI)
    )
    async with sender_on(anvil, policy) as sender:
        submission = send(sender)
        await until_offer(anvil, lambda pool: "0" in pool)
        await anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
        await anvil.mine()  # too dear for the first offer
        await until_offer(
            anvil, lambda pool: "0" in pool and int(pool["0"]["maxFeePerGas"], 16) > 20 * GWEI
        )
        await anvil.mine(2)
        assert (await submission.outcome).success
        await anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(60 * GWEI))
        await anvil.mine()
        send(sender)
        await until(lambda: "above the cap" in sender.blocked_reason)
        assert await offered(anvil) == {}


async def test_a_nonce_used_elsewhere_is_given_up_for_the_next(anvil: Anvil) -> None:
    async with sender_on(anvil) as sender:
        submission = send(sender)
        await anvil.wait_for_pool(1)
        await anvil.rpc("anvil_dropAllTransactions")
        await anvil.rpc("anvil_setNonce", account().address, "0x1")
        await until_offer(anvil, lambda pool: "1" in pool)
        await anvil.mine(2)
        receipt = await submission.outcome
        found = await anvil.rpc("eth_getTransactionByHash", "0x" + receipt.transaction_hash.hex())
        assert found["nonce"] == "0x1"


async def test_a_restart_waits_for_what_is_pending_and_never_reuses_its_nonce(
    anvil: Anvil,
) -> None:
    async with sender_on(anvil) as first:
        send(first, b"before")
        await anvil.wait_for_pool(1)
    async with sender_on(anvil) as second:
        submission = send(second, b"after")
        await anvil.wait_for_pool(2)
        await anvil.mine(2)
        receipt = await submission.outcome
        block = await anvil.rpc("eth_getBlockByNumber", "0x1", True)
        assert [tx["input"] for tx in block["transactions"]] == [
            "0x" + b"before".hex(),
            "0x" + b"after".hex(),
        ]
        assert receipt.block_number == 1


async def test_a_restart_outbids_what_is_stuck(anvil: Anvil) -> None:
    async with sender_on(anvil) as first:
        send(first, b"before")
        await anvil.wait_for_pool(1)
    async with sender_on(anvil, replace(POLICY, resubmit_ms=200)) as second:
        await until_offer(
            anvil,
            lambda pool: pool["0"]["to"] == account().address.lower(),
        )
        submission = send(second, b"after")
        await anvil.wait_for_pool(2)
        await anvil.mine(2)
        assert (await submission.outcome).success


async def test_a_withdrawn_transaction_frees_its_nonce(anvil: Anvil) -> None:
    async with sender_on(anvil) as sender:
        unwanted, wanted = send(sender, b"unwanted"), send(sender, b"wanted")
        await anvil.wait_for_pool(2)
        unwanted.withdraw()
        await until_offer(anvil, lambda pool: pool["0"]["to"] == account().address.lower())
        await anvil.mine(2)
        assert (await wanted.outcome).success
        with pytest.raises(Undelivered, match="withdrawn"):
            await unwanted.outcome


async def test_the_spend_cap_stops_posting_and_says_so(anvil: Anvil) -> None:
    async with sender_on(anvil, cap=1) as sender:
        send(sender)
        await until(lambda: "spend cap" in sender.blocked_reason)
        assert await offered(anvil) == {}


async def test_an_empty_account_stops_posting_until_it_is_funded(anvil: Anvil) -> None:
    await anvil.rpc("anvil_setBalance", account().address, "0x1")
    async with sender_on(anvil) as sender:
        submission = send(sender)
        await until(lambda: "fund it" in sender.blocked_reason)
        await anvil.rpc("anvil_setBalance", account().address, hex(ETHER))
        await anvil.wait_for_pool(1)
        await anvil.mine(2)
        assert (await submission.outcome).success
        assert sender.blocked_reason == ""


async def test_a_transaction_that_the_l1_refuses_is_given_up_and_costs_no_nonce(
    anvil: Anvil,
) -> None:
    async with sender_on(anvil) as sender:
        impossible = sender.send(to=TARGET, data=b"x", gas=1)
        with pytest.raises(Undelivered, match="refuses"):
            await impossible.outcome
        submission = send(sender)
        await anvil.wait_for_pool(1)
        await anvil.mine(2)
        assert (await submission.outcome).success


async def test_a_confirmed_transaction_that_is_reorganised_away_leaves_no_hole(
    anvil: Anvil,
) -> None:
    async with sender_on(anvil, replace(POLICY, confirmations=1)) as sender:
        first = send(sender, b"first")
        await anvil.wait_for_pool(1)
        await anvil.mine()
        await first.outcome
        await anvil.rpc("anvil_reorg", 1, [])
        second = send(sender, b"second")
        third = send(sender, b"third")
        await anvil.mine()

        async def are_mined() -> bool:
            await anvil.mine()
            return second.outcome.done() and third.outcome.done()

        await eventually(are_mined)
        assert (await second.outcome).success
        assert (await third.outcome).success
