"""Full blocks, of zeros and of bytes that do not compress, at seven validators: they go by hashes,
whoever lacks a transaction fetches the body, and no round fails for them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests import chains, factories
from tests.integration.consensus.village import Village, Villager, same_chain

SIZE = 7
DATA_BYTES = 120_000
TRANSACTIONS = 8  # together just below 1 MiB
GAS = 21_000 + 40 * DATA_BYTES  # the calldata floor of EIP-7623 for bytes that are not zero


def fill(villager: Villager, raws: list[bytes]) -> None:
    """Put transactions into its pool, as if gossip had brought them."""
    for transaction in chains.decode(raws):
        nonce, balance = villager.chain.engine.accounts(
            [transaction.sender], villager.chain.head.number
        )[0]
        villager.mempool.add(transaction, nonce=nonce, balance=balance)


@pytest.mark.parametrize("what", ["zeros", "noise"])
async def test_full_blocks_pass(tmp_path: Path, what: str) -> None:
    chance = random.Random(1)
    raws = [
        factories.sign_dynamic_fee(
            factories.key(sender),
            nonce=0,
            to=factories.key(sender).address,
            data=bytes(DATA_BYTES) if what == "zeros" else chance.randbytes(DATA_BYTES),
            gas_limit=GAS,
        )
        for sender in range(TRANSACTIONS)
    ]
    made = Village(tmp_path, SIZE, block_time_ms=1_000, gas_limit=100_000_000)
    villagers = [await made.enter(number) for number in range(1, SIZE + 1)]
    try:
        await made.height(1, 40)
        lacking = next(one for one in villagers if not one.host.is_active)
        for villager in villagers:
            if villager is not lacking:
                fill(villager, raws)
        await made.until(lambda: all(_largest(one) > 900_000 for one in villagers), 60)
        await made.height(max(one.head for one in villagers) + 1, 40)
        assert same_chain(villagers)
        assert lacking.bodies.fetched >= 1
        assert all(one.story.counts["reselections"] == 0 for one in villagers)
    finally:
        for villager in villagers:
            await made.leave(villager)


def _largest(villager: Villager) -> int:
    """Bytes of transactions in the biggest block so far."""
    numbers = range(1, villager.head + 1)
    return max(
        (
            sum(len(raw) for raw in block.transactions or ())
            for number in numbers
            if (block := villager.serving.decided(number, with_body=True)) is not None
        ),
        default=0,
    )
