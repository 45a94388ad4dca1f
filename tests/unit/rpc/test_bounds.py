"""Owners of bounded things: reader threads, encoded blocks, receipt waiters; uvicorn's shape."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from metis_node.errors import InvalidRequest
from metis_node.rpc import uvicorn_shape
from metis_node.rpc.block_cache import BlockCache
from metis_node.rpc.readers import Readers
from metis_node.rpc.receipt_waiters import ReceiptWaiters


def imported(*hashes: bytes) -> Any:
    return SimpleNamespace(prepared=SimpleNamespace(transaction_hashes=list(hashes)))


async def test_readers_refuse_more_than_may_wait() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        readers = Readers(executor, queue=2)
        waiting = [readers.run(gate.wait), readers.run(gate.wait)]
        with pytest.raises(InvalidRequest, match="server busy: 2 calls are waiting"):
            readers.run(gate.wait)
        gate.set()
        await asyncio.gather(*waiting)
        await asyncio.sleep(0)
        assert await readers.run(lambda: 5) == 5


async def test_readers_hand_errors_on() -> None:
    with ThreadPoolExecutor(1) as executor:
        readers = Readers(executor, queue=2)
        with pytest.raises(ZeroDivisionError):
            await readers.run(lambda: 1 // 0)
        await asyncio.sleep(0)
        assert readers.waiting == 0


def test_the_block_cache_forgets_what_was_used_longest_ago() -> None:
    cache = BlockCache(100)
    for name in (b"a", b"b"):
        cache.put(("full", name), b"x" * 40)
    assert cache.get(("full", b"a")) is not None
    cache.put(("full", b"c"), b"x" * 40)
    assert cache.get(("full", b"b")) is None
    assert cache.get(("full", b"a")) is not None
    cache.put(("full", b"big"), b"x" * 90)
    assert cache.get(("full", b"big")) is None
    cache.put(("full", b"a"), b"y" * 40)
    assert cache.get(("full", b"a")) == b"y" * 40
    assert cache.get(("full", b"c")) is not None


async def test_all_who_wait_for_a_receipt_are_woken() -> None:
    waiters = ReceiptWaiters(bound=2)
    waiting = [asyncio.create_task(waiters.wait(b"\1", 10)) for _ in range(2)]
    other = asyncio.create_task(waiters.wait(b"\2", 0.01))
    await asyncio.sleep(0)
    with pytest.raises(InvalidRequest, match="server busy"):
        await waiters.wait(b"\3", 10)
    waiters.on_head(imported(b"\7", b"\1"))
    assert await asyncio.gather(*waiting) == [True, True]
    assert await other is False
    assert not waiters._waiting
    assert not waiters._counts


def test_another_uvicorn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    uvicorn_shape.check_uvicorn()
    monkeypatch.setattr("uvicorn.__version__", "9.9.9")
    with pytest.raises(ImportError, match=r"needs uvicorn 0\.54\.0, found 9\.9\.9"):
        uvicorn_shape.check_uvicorn()
    monkeypatch.undo()
    monkeypatch.delattr(HttpToolsProtocol, "_get_upgrade")
    with pytest.raises(ImportError, match="missing: _get_upgrade"):
        uvicorn_shape.check_uvicorn()
