"""The feeds: order, failing subscribers, waiting for the next block, grouping per loop turn."""

from __future__ import annotations

import asyncio
from typing import Any

from metis_node.chain.blockchain import Imported
from metis_node.engine.heads import Heads, PendingTransactions
from tests.chains import extend, new_blockchain


def blocks(count: int) -> list[Imported]:
    chain = new_blockchain()
    return [extend(chain) for _ in range(count)]


async def test_subscribers_see_every_block_in_order() -> None:
    heads, seen = Heads(), list[int]()
    unsubscribe = heads.subscribe(lambda imported: seen.append(imported.number))
    first, second, third = blocks(3)
    heads.publish(first)
    heads.publish(second)
    unsubscribe()
    unsubscribe()
    heads.publish(third)
    assert seen == [1, 2]


async def test_a_failing_subscriber_does_not_stop_the_others() -> None:
    heads, seen = Heads(), list[int]()

    def fail(imported: Imported) -> None:
        raise RuntimeError(f"no room for {imported.number}")

    heads.subscribe(fail)
    heads.subscribe(lambda imported: seen.append(imported.number))
    heads.publish(blocks(1)[0])
    assert seen == [1]


async def test_waiting_for_the_next_block() -> None:
    heads = Heads()
    waiting = [asyncio.ensure_future(heads.next()) for _ in range(2)]
    cancelled = asyncio.ensure_future(heads.next())
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.sleep(0)
    imported = blocks(1)[0]
    heads.publish(imported)
    assert await asyncio.gather(*waiting) == [imported, imported]


async def test_pending_transactions_come_in_groups() -> None:
    feed, groups = PendingTransactions(), list[list[Any]]()
    feed.push("lost: nobody listens")  # type: ignore[arg-type]
    assert not feed.has_subscribers
    unsubscribe = feed.subscribe(groups.append)
    assert feed.has_subscribers
    for name in ("a", "b", "c"):
        feed.push(name)  # type: ignore[arg-type]
    assert groups == []
    await asyncio.sleep(0)
    feed.push("d")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    unsubscribe()
    feed.push("lost")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert groups == [["a", "b", "c"], ["d"]]
