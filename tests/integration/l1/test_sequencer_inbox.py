"""Batches, settlement and evidence on a real Ethereum node: blobs, receipts, engine's proofs.

Blocks, state roots and proofs are those of contracts/test/fixtures/epochs_4.json; its sequencers
stand in the real pool, and sign here with the digests of metis_node/codec/signing.py.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode as abi_decode
from eth_account import Account

from metis_node.codec.signing import (
    PRECOMMIT,
    batch_digest,
    blobs_hash,
    calldata_hash,
    vote_digest,
)
from metis_node.l1.blobs import Sidecar, encode_blob, make_sidecar, pooled_encoding
from metis_node.l1.contract_abi import contract
from metis_node.types.primitives import Hash32
from metis_node.types.signing import SigningDomain
from tests.integration.l1.anvil import FUNDED_KEYS
from tests.integration.l1.staked_l1 import L2_CHAIN_ID, StakedL1, _key, owner_of, staked_l1

CHAIN = json.loads(
    (Path(__file__).parents[3] / "contracts/test/fixtures/epochs_4.json").read_text()
)
RECORD = "(uint64,uint64,uint64,(uint64,uint32,uint32,uint32,uint64)[])"
INBOX, SETTLEMENT, SLASHER = (
    contract("SequencerInbox"),
    contract("EpochSettlement"),
    contract("Slasher"),
)
GENESIS = 9_800  # the chain's epochs have the stake blocks 10,000 and 10,010
AFTER_STAKE_BLOCKS = 250
EXIT_DELAY = 21 * 86_400
SUBMITTER = Account.from_key(FUNDED_KEYS[1])
GWEI = 10**9


class Rollup:
    """The chain's batches on the way to a real L1."""

    def __init__(self, l1: StakedL1) -> None:
        self.l1 = l1
        self.inbox = bytes(l1.addresses["SequencerInbox"])
        self.domain = SigningDomain(chain_id=L2_CHAIN_ID, locking_pool=l1.pool)

    def submission(self, index: int, data: bytes, data_hash: Hash32) -> bytes:
        """Call that submits batch `index`, signed by sequencers 1 to 3 of 4 (66 of 90 power)."""
        batch = CHAIN["batches"][index]
        digest = batch_digest(
            self.domain,
            first=batch["first"],
            last=batch["last"],
            last_block_hash=Hash32(_raw(batch["blockHash"])),
            data_hash=data_hash,
        )
        signatures = b"".join(_sign(number, digest) for number in range(3))
        header = _raw(batch["header"])
        return INBOX.call(
            "submitBatch", batch["first"], batch["last"], header, data, [1, 2, 3], signatures
        )

    async def send(self, call: bytes, sidecar: Sidecar | None = None) -> dict[str, Any]:
        """The receipt of a transaction of the submitter's own."""
        transaction: dict[str, Any] = {
            "type": 2 if sidecar is None else 3,
            "chainId": 31_337,
            "nonce": await self._nonce(),
            "to": self.inbox,
            "value": 0,
            "data": call,
            "gas": 2_000_000,
            "maxFeePerGas": 20 * GWEI,
            "maxPriorityFeePerGas": GWEI,
        }
        if sidecar is not None:
            transaction["maxFeePerBlobGas"] = 100 * GWEI
            transaction["blobVersionedHashes"] = list(sidecar.versioned_hashes)
        signed = bytes(Account.sign_transaction(transaction, SUBMITTER.key).raw_transaction)
        raw = signed if sidecar is None else pooled_encoding(signed, sidecar)
        transaction_hash = await self.l1.anvil.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        await self.l1.anvil.mine()
        return await self._receipt(transaction_hash)

    async def ask(self, name: str, *arguments: Any) -> Any:
        answer = await self.l1.client.call_contract(
            self.l1.addresses["SequencerInbox"], INBOX.call(name, *arguments)
        )
        (value,) = INBOX.results(name, answer)
        return value

    async def _nonce(self) -> int:
        return int(
            await self.l1.anvil.rpc("eth_getTransactionCount", SUBMITTER.address, "latest"), 16
        )

    async def _receipt(self, transaction_hash: str) -> dict[str, Any]:
        receipt: dict[str, Any] = await self.l1.anvil.rpc(
            "eth_getTransactionReceipt", transaction_hash
        )
        return receipt


@asynccontextmanager
async def rollup() -> AsyncIterator[Rollup]:
    """Sequencers 1 to 4 have the chain's stakes, and seats since long before its stake blocks."""
    async with staked_l1("--number", str(GENESIS)) as l1:
        await l1.govern("exitDelay", EXIT_DELAY)
        for number, metis in enumerate(CHAIN["stakes"]):
            await l1.lock(number, metis)
            await l1.anvil.mine()
        await l1.anvil.rpc("evm_increaseTime", 2)  # the activation delay
        for sequencer_id in range(1, 5):
            await l1.act(owner_of(9), "activate", sequencer_id, 0)
        await l1.anvil.mine(AFTER_STAKE_BLOCKS)
        assert await l1.total_power_at(10_000) == 90_000 * GWEI
        yield Rollup(l1)


@pytest.fixture(scope="module")
def sidecar() -> Sidecar:
    return make_sidecar([encode_blob(b"one"), encode_blob(b"two")], version=1)


async def test_blobs_and_calldata_are_accepted_and_paid_back(sidecar: Sidecar) -> None:
    async with rollup() as world:
        call = world.submission(0, b"", blobs_hash(tuple(sidecar.versioned_hashes)))
        receipt = await world.send(call, sidecar)
        assert int(receipt["status"], 16) == 1
        paid = _cost(receipt)
        owed = await world.ask("creditOf", SUBMITTER.address)
        assert (
            paid * 90 // 100 < owed < paid
        )  # a first batch writes words that later ones only change
        data = b"\x01" + bytes(range(1, 256)) * 8
        receipt = await world.send(world.submission(1, data, calldata_hash(data)))
        assert int(receipt["status"], 16) == 1
        owed_now = await world.ask("creditOf", SUBMITTER.address)
        paid = _cost(receipt)
        assert paid * 103 // 100 < owed_now - owed <= paid * 110 // 100  # a margin of 10 %
        assert await world.ask("lastBlock") == 80


async def test_other_blobs_than_signed_are_refused(sidecar: Sidecar) -> None:
    async with rollup() as world:
        signed = blobs_hash((sidecar.versioned_hashes[1], sidecar.versioned_hashes[0]))
        receipt = await world.send(world.submission(0, b"", signed), sidecar)
        assert int(receipt["status"], 16) == 0
        spelt = b"".join(sidecar.versioned_hashes)  # the hashes as calldata, no blob posted
        call = world.submission(0, spelt, blobs_hash(tuple(sidecar.versioned_hashes)))
        assert int((await world.send(call))["status"], 16) == 0
        assert await world.ask("lastBlock") == 0


async def test_an_epoch_is_settled_and_an_equivocation_punished() -> None:
    async with rollup() as world:
        data = b"\x01 data"
        for index in (0, 1):
            await world.send(world.submission(index, data, calldata_hash(data)))
        assert await world.ask("lastBlock") == 80
        await _settle(world)
        for sequencer_id in range(1, 5):
            assert (await world.l1.sequencer(sequencer_id))["reward"] > 0
        await _report(world, number=1, height=30)
        culprit = await world.l1.sequencer(2)
        assert culprit["jailed"]
        assert culprit["amount"] == 22_000 * 10**18 * 95 // 100


async def _settle(world: Rollup) -> None:
    (record,) = abi_decode([RECORD], _raw(CHAIN["record"]))
    call = SETTLEMENT.call("settleEpoch", 0, record, _proof(CHAIN["recordProof"]))
    await world.l1.send(owner_of(9), world.l1.addresses["EpochSettlement"], call)
    await world.l1.anvil.mine()


async def _report(world: Rollup, *, number: int, height: int) -> None:
    votes = []
    for block_hash in (Hash32(b"\x0a" * 32), Hash32(b"\x0b" * 32)):
        digest = vote_digest(
            world.domain, kind=PRECOMMIT, height=height, round=0, block_hash=block_hash
        )
        votes += [(PRECOMMIT, height, 0, 0, block_hash), _sign(number, digest)]
    call = SLASHER.call("reportEquivocation", *votes, 0, _proof(CHAIN["entryProofs"][0]))
    await world.l1.send(owner_of(9), world.l1.addresses["Slasher"], call)
    await world.l1.anvil.mine()


def _proof(proof: dict[str, Any]) -> tuple[int, list[bytes], list[bytes]]:
    """Against the second batch."""
    nodes = ([_raw(node) for node in proof[kind]] for kind in ("account", "storage"))
    account, storage = nodes
    return 1, account, storage


def _cost(receipt: dict[str, Any]) -> int:
    def number(key: str) -> int:
        return int(receipt.get(key) or "0x0", 16)

    execution = number("gasUsed") * number("effectiveGasPrice")
    return execution + number("blobGasUsed") * number("blobGasPrice")


def _sign(number: int, digest: Hash32) -> bytes:
    return bytes(Account.from_key(_key(number)).unsafe_sign_hash(digest).signature)


def _raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
