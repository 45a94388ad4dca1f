"""The follower against the real contracts: every answer is the one that the contracts give."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from metis_node.engine.clock import SystemClock
from metis_node.engine.l1_follower import L1Follower
from metis_node.engine.staking_book import StakingBook, StakingSource
from metis_node.engine.staking_follower import StakingFollower
from metis_node.errors import Temporary
from metis_node.l1.client import L1Client
from metis_node.l1.staking_logs import L1StakingLogs
from metis_node.staking.seeds import SeedBlock
from metis_node.storage.kv import KeyValueStore
from metis_node.storage.memory import MemoryStore
from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import ZERO_HASH
from tests.integration.l1.anvil import CHAIN_ID, eventually
from tests.integration.l1.staked_l1 import METIS, StakedL1, owner_of, staked_l1

DEPTH = 12
PARAMETERS = ("minLock", "maxLock", "epochLength", "maxSequencers", "exitDelay")


class Headers:
    """`L1Source` of a client alone: batches are no part of this."""

    def __init__(self, client: L1Client) -> None:
        self._client = client

    async def header(self, block: int | str) -> L1Header | None:
        return await self._client.header(block)

    async def payloads(self, header: L1Header) -> list[bytes]:
        raise AssertionError(f"nobody asks for the batches of {header.number}")


@dataclass
class Node:
    l1: L1Follower
    follower: StakingFollower
    book: StakingBook

    async def look(self) -> None:
        await self.l1.look()
        await self.follower.look()

    async def settle(self) -> None:
        """Until the head is read. An L1 that changes meanwhile is looked at again."""

        async def is_read() -> bool:
            try:
                await self.look()
            except Temporary:
                return False
            head = self.l1.head
            return head is not None and self.book.cursor.hash == head.hash

        await eventually(is_read)


def started(l1: StakedL1, client: L1Client, store: KeyValueStore) -> Node:
    source = StakingSource(pool=l1.pool, parameters=l1.parameters, start=0)
    book = StakingBook(
        store,
        source=source,
        genesis=SeedBlock(number=0, timestamp=0, prev_randao=ZERO_HASH),
        seed_interval=4,
        dense_marks=DEPTH,
    )
    headers = Headers(client)
    anchor = BlockRef(number=0, hash=ZERO_HASH)
    follower = L1Follower(source=headers, clock=SystemClock(), anchor=anchor)
    logs = L1StakingLogs(client, pool=l1.pool, parameters=l1.parameters)
    staking = StakingFollower(l1=follower, source=headers, logs=logs, book=book, reorg_depth=DEPTH)
    return Node(l1=follower, follower=staking, book=book)


@asynccontextmanager
async def two_endpoints(l1: StakedL1) -> AsyncIterator[L1Client]:
    """The same L1 under two names, so that answers are compared."""
    other = l1.anvil.url.replace("127.0.0.1", "localhost")
    client = L1Client([l1.anvil.url, other], chain_id=CHAIN_ID, quorum=2, timeout_s=60)
    try:
        yield client
    finally:
        await client.aclose()


async def agrees_with_the_contracts(node: Node, l1: StakedL1, first: int) -> None:
    """Seats, power and parameters at every block below the head; stake and status at the head."""
    registry, head = node.book.registry, node.book.cursor.number
    count = await l1.count()
    for block in range(first, head):
        assert registry.total_power_at(block) == await l1.total_power_at(block), block
        for sequencer_id in range(1, count + 1):
            found = await l1.seat_at(sequencer_id, block)
            assert registry.seat_at(sequencer_id, block) == found, (sequencer_id, block)
        known = registry.parameters_at(block)
        for name in PARAMETERS:
            assert known[name] == await l1.value_at(name, block), (name, block)
    assert len(registry.sequencers_at(head)) == count
    for sequencer in registry.sequencers_at(head):
        facts = await l1.sequencer(sequencer.sequencer_id)
        assert (sequencer.locked, sequencer.unbonding) == (facts["amount"], facts["unbonding"])
        assert sequencer.status == facts["status"]
        assert (sequencer.jailed, sequencer.tombstoned) == (facts["jailed"], facts["tombstoned"])


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_life_of_the_pool_is_followed_to_the_block(seed: int) -> None:
    """Locks, seats, keys, exits, governance, reorganisations and restarts, at random."""
    dice = random.Random(seed)
    async with staked_l1() as l1, two_endpoints(l1) as client:
        store = MemoryStore()
        node = started(l1, client, store)
        deployed_at = (await l1.client.header("latest")).number  # type: ignore[union-attr]
        await l1.anvil.mine(2)
        await node.settle()
        keys, undone = 500, 0
        for step in range(40):
            keys += 1
            await one_thing(dice, l1, step, keys)
            await l1.anvil.mine(dice.randint(1, 3))
            if dice.random() < 0.25:
                depth = dice.randint(1, DEPTH - 4)
                head = await l1.client.header("latest")
                assert head is not None
                depth = min(depth, head.number - deployed_at - 1)
                await node.settle()
                await l1.anvil.rpc("anvil_reorg", depth, [])
                await l1.anvil.mine(1)
            if dice.random() < 0.15:
                undone += node.follower.reorganisations
                node = started(l1, client, store)
            if dice.random() < 0.6:
                await node.settle()
        await l1.anvil.mine(1)
        await node.settle()
        assert node.follower.contradictions == 0
        assert undone + node.follower.reorganisations > 0
        assert node.book.registry.total_power_at(node.book.cursor.number) > 0
        await agrees_with_the_contracts(node, l1, deployed_at)
        clean = started(l1, client, MemoryStore())
        await clean.settle()
        await agrees_with_the_contracts(clean, l1, node.book.cursor.number - 1)


async def one_thing(dice: random.Random, l1: StakedL1, step: int, key: int) -> None:
    """Some of what is tried is refused by the contracts, as in life."""
    number = step if step < 4 else dice.randint(0, 5)
    sequencer_id = dice.randint(1, 5)
    owner = owner_of(sequencer_id - 1)
    kind = "lock" if step < 4 else dice.choice(KINDS)
    match kind:
        case "lock":
            await l1.lock(number, dice.randint(20_000, 60_000))
        case "activate":
            for entry in range(1, 6):
                await l1.act(owner_of(99), "activate", entry, 0)
        case "relock":
            await l1.relock(sequencer_id - 1, sequencer_id, dice.randint(1, 9_000))
        case "rotate":
            await l1.rotate(sequencer_id - 1, sequencer_id, key)
        case "withdraw":
            await l1.act(owner, "withdraw", sequencer_id, dice.randint(1, 5_000) * METIS)
        case "unlock":
            await l1.act(owner, "unlock", sequencer_id)
        case "claim":
            await l1.anvil.rpc("evm_increaseTime", 61)
            await l1.act(owner, "unlockClaim", sequencer_id)
        case "govern":
            await l1.govern("epochLength", dice.randint(64, 400))
            await l1.govern("maxLock", dice.randint(30_000, 100_000) * METIS)
        case "poke":
            await l1.act(owner_of(99), "poke", sequencer_id)


KINDS = (
    *("activate",) * 4,
    "relock",
    "rotate",
    "rotate",
    "withdraw",
    "unlock",
    "claim",
    "govern",
    "poke",
    "lock",
)


async def test_a_lock_that_l1_took_back_never_was() -> None:
    async with staked_l1() as l1:
        node = started(l1, l1.client, MemoryStore())
        await l1.lock(0, 30_000)
        await l1.anvil.mine(2)
        await l1.anvil.rpc("evm_increaseTime", 2)  # the activation delay
        await l1.act(owner_of(99), "activate", 1, 0)
        await l1.anvil.mine(2)
        await node.settle()
        head = node.book.cursor.number
        assert node.book.registry.total_power_at(head) == 30_000 * 10**9
        await l1.lock(1, 40_000)
        await l1.anvil.mine(2)
        await node.settle()
        assert len(node.book.registry.sequencers_at(node.book.cursor.number)) == 2
        await l1.anvil.rpc("anvil_reorg", 3, [])
        await l1.anvil.mine(1)
        await node.settle()
        assert node.follower.reorganisations == 1
        assert len(node.book.registry.sequencers_at(node.book.cursor.number)) == 1
        await agrees_with_the_contracts(node, l1, head - 1)


async def test_a_pool_that_is_not_there_is_told() -> None:
    async with staked_l1() as l1:
        l1.pool = owner_of(7)
        node = started(l1, l1.client, MemoryStore())
        with pytest.raises(Temporary, match="there is no LockingPool at 0x"):
            await node.look()
