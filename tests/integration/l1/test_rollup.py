"""From blocks to batches on a real L1, and back to the same chain from that L1 alone."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from metis_node.chain.blockchain import Blockchain
from metis_node.l1.publisher import DataMode
from metis_node.storage.memory import MemoryStore
from tests.integration.l1.anvil import Anvil, running_anvil
from tests.integration.l1.rollup import genesis_on, mixed_transactions, rollup_on, sync_from


@pytest.fixture
async def anvil() -> AsyncIterator[Anvil]:
    async with running_anvil("--slots-in-an-epoch", "1") as l1:
        await l1.mine(2)
        yield l1


@pytest.mark.parametrize("mode", ["calldata", "blobs"])
async def test_a_chain_is_rebuilt_from_l1_alone(anvil: Anvil, mode: DataMode) -> None:
    """Mixed transactions, the submitter killed and started again between, both kinds of data."""
    genesis = await genesis_on(anvil)
    chain = Blockchain.initialise(MemoryStore(), genesis)
    raws = mixed_transactions()
    for round_number in range(3):
        async with rollup_on(anvil, chain, mode=mode) as rollup:
            for _ in range(5):
                await rollup.make_block(list(itertools.islice(raws, 70)))
                await rollup.make_block()
                await anvil.mine()
            if round_number < 2:
                await rollup.kill("host")  # whatever it was doing
            else:
                await rollup.until_safe(chain.head.number)
                await anvil.mine(4)
    report, rebuilt = await sync_from(anvil, genesis)
    assert rebuilt.head.hash == chain.head.hash
    assert report.head == 30
    assert report.batches >= 2
    assert rebuilt.safe_number == 30
