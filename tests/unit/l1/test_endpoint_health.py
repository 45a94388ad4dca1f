"""Failover is fast, the way back is slow, and who asks for patience gets it."""

from __future__ import annotations

import pytest

from metis_node.l1.endpoint_health import BACK_OFF_MOST_S, Health


def test_failures_double_the_time_until_it_is_asked_first_again() -> None:
    health = Health()
    waits = []
    for _ in range(12):
        health.on_failure("no answer", now=100.0, chance=0.0)
        waits.append(health.retry_at - 100.0)
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == BACK_OFF_MOST_S
    assert health.may_be_asked(100.0)  # where there is no other
    assert not health.is_good(100.0)
    assert health.state(100.0) == "failing"
    health.on_success()
    assert health.is_good(100.0)


@pytest.mark.parametrize("chance", [-1.0, 1.0])
def test_jitter_stays_within_a_quarter(chance: float) -> None:
    health = Health()
    health.on_failure("no answer", now=0.0, chance=chance)
    assert health.retry_at == 2.0 * (1 + 0.25 * chance)


def test_who_asks_for_patience_is_not_asked_at_all() -> None:
    health = Health(is_checked=True)
    health.on_limit("429", 30.0, now=0.0, chance=0.0)
    assert health.limited_until == 30.0
    assert (health.state(29.0), health.state(30.0)) == ("limited", "good")
    assert not health.may_be_asked(29.9)
    health.on_limit("429", None, now=30.0, chance=0.0)
    assert health.limited_until == 34.0  # doubled, since it says no time
    health.on_limit("429", 10.0**8, now=34.0, chance=0.0)
    assert health.limited_until == 34.0 + BACK_OFF_MOST_S


def test_trouble_puts_an_endpoint_behind_the_others() -> None:
    good, lagging, failing, lying = Health(), Health(), Health(), Health()
    lagging.on_head(90, agreed=100)
    failing.on_failure("no answer", now=0.0, chance=0.0)
    assert lying.on_compared(agrees=False)
    assert not lying.on_compared(agrees=False)  # no news
    ranked = sorted([lying, failing, lagging, good], key=lambda health: health.rank(1.0))
    assert ranked == [good, lagging, failing, lying]
    assert [health.state(1.0) for health in ranked] == [
        "unused",
        "lagging",
        "failing",
        "disagreeing",
    ]
    assert lying.on_compared(agrees=True)
    assert lying.disagreements == 2


def test_a_refused_endpoint_stays_refused() -> None:
    health = Health(refused="another chain")
    health.on_success()
    assert not health.may_be_asked(10.0**9)
    assert health.state(0.0) == "refused"
