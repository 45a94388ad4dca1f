"""Polled filters: bounded, expiring, and deaf while nobody asks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from metis_node.engine.heads import PendingTransactions
from metis_node.errors import InvalidRequest
from metis_node.rpc.filters import Filter, Filters
from metis_node.rpc.limits import RpcLimits


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def transactions(*hashes: bytes) -> list[Any]:
    return [SimpleNamespace(hash=one) for one in hashes]


def filters(clock: Clock, **limits: Any) -> tuple[Filters, PendingTransactions]:
    feed = PendingTransactions()
    return Filters(RpcLimits(**limits), feed, clock), feed


def test_a_filter_nobody_asks_for_expires() -> None:
    clock = Clock()
    held, _ = filters(clock, filter_idle_s=300)
    kept, forgotten = held.add(Filter("blocks", 0)), held.add(Filter("blocks", 0))
    clock.seconds = 299
    held.get(kept)
    clock.seconds = 301
    held.get(kept)
    with pytest.raises(InvalidRequest, match="filter not found"):
        held.get(forgotten)
    assert len(held) == 1


def test_filters_are_bounded_in_number() -> None:
    clock = Clock()
    held, _ = filters(clock, filters=2)
    first = held.add(Filter("blocks", 0))
    held.add(Filter("blocks", 0))
    with pytest.raises(InvalidRequest, match="too many filters: at most 2") as refused:
        held.add(Filter("blocks", 0))
    assert refused.value.code == -32005
    assert held.remove(first)
    held.add(Filter("blocks", 0))


def test_the_pending_feed_is_heard_only_while_a_filter_wants_it() -> None:
    clock = Clock()
    held, feed = filters(clock)
    heard = []
    held.add(Filter("blocks", 0))
    heard.append(feed.has_subscribers)
    one, two = held.add(Filter("pending", 0)), held.add(Filter("pending", 0))
    heard.append(feed.has_subscribers)
    held.remove(one)
    heard.append(feed.has_subscribers)
    held.remove(two)
    heard.append(feed.has_subscribers)
    assert heard == [False, True, True, False]


def test_an_expired_pending_filter_stops_the_feed() -> None:
    clock = Clock()
    held, feed = filters(clock, filter_idle_s=10)
    held.add(Filter("pending", 0))
    clock.seconds = 11
    held._on_pending(transactions(b"\1"))
    assert not feed.has_subscribers


def test_what_a_pending_filter_keeps_is_bounded() -> None:
    clock = Clock()
    held, _ = filters(clock, filter_changes=2)
    found = held.get(held.add(Filter("pending", 0)))
    held._on_pending(transactions(b"\1", b"\2", b"\3"))
    assert found.drain() == ["0x02", "0x03"]
    assert found.drain() == []


def test_blocks_are_told_once_and_in_portions() -> None:
    found = Filter("blocks", 10)
    assert found.advance(10, 100) == (11, 10)
    assert found.advance(12, 100) == (11, 12)
    assert found.advance(50, 3) == (13, 15)
    assert found.advance(50, 100) == (16, 50)
    assert found.advance(50, 100) == (51, 50)
