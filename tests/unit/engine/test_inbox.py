"""A host's inbox: order, bound, waiting."""

from __future__ import annotations

import asyncio

import pytest

from metis_node.engine.inbox import Inbox
from metis_node.errors import Temporary


async def test_items_come_out_in_order() -> None:
    inbox: Inbox[int] = Inbox("host", 3)
    inbox.put(1)
    inbox.put(2)
    assert await inbox.take() == 1
    inbox.put(3)
    assert await inbox.take_all() == [2, 3]
    assert len(inbox) == 0


async def test_taking_waits_for_an_item() -> None:
    inbox: Inbox[int] = Inbox("host", 1)
    taking = asyncio.ensure_future(inbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    inbox.put(7)
    assert await taking == 7


async def test_a_full_inbox_refuses() -> None:
    inbox: Inbox[int] = Inbox("batching", 1)
    inbox.put(1)
    with pytest.raises(Temporary, match=r"inbox of batching is full \(1\)"):
        inbox.put(2)
    assert await inbox.take() == 1
    inbox.put(2)
