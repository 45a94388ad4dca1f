"""The gas that a block is offered: less after a late one, more again after those in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metis_node.engine.gas_target import LEAST_SHARE, GasTarget

LIMIT = 60_000_000
BLOCK_MS = 1_000


def settled(ms_per_gas: float, fixed_ms: float, blocks: int = 200) -> tuple[GasTarget, float]:
    """Under full load on nodes of this speed; and how long its last block took."""
    target = GasTarget(LIMIT, BLOCK_MS)
    for _ in range(20):
        target.observe(0, fixed_ms)
    took = 0.0
    for _ in range(blocks):
        took = fixed_ms + target.gas * ms_per_gas
        target.observe(target.gas, took)
    return target, took


def test_a_fast_network_fills_its_blocks() -> None:
    target, took = settled(300 / LIMIT, 60)
    assert target.gas == LIMIT
    assert took <= BLOCK_MS / 2


def test_a_loaded_network_settles_at_half_the_block_time() -> None:
    target, took = settled(3_000 / LIMIT, 60)
    assert 0.8 * BLOCK_MS / 2 <= took <= 1.2 * BLOCK_MS / 2
    assert target.gas < LIMIT / 4


def test_a_slow_wire_is_no_reason_for_small_blocks() -> None:
    target, _ = settled(100 / LIMIT, 700)
    assert target.gas == LIMIT


def test_what_is_little_of_a_high_limit_may_be_much_for_the_network() -> None:
    """A fifth of a second for each hundredth of the limit: the least target takes 0.6 s."""
    target, _ = settled(20_000 / LIMIT, 60)
    assert target.gas <= 1.1 * LEAST_SHARE * LIMIT
    assert target.budget_ms == BLOCK_MS / 2  # nothing of it was taken for what wires cost


def test_one_late_block_is_forgiven() -> None:
    target = GasTarget(LIMIT, BLOCK_MS)
    target.observe(LIMIT, 2_000)
    assert target.gas == LIMIT // 2
    for _ in range(8):
        target.observe(target.gas, 100)
    assert target.gas == LIMIT


def test_light_blocks_that_are_late_cut_nothing() -> None:
    target = GasTarget(LIMIT, BLOCK_MS)
    target.observe(LIMIT // 100, 5_000)
    assert target.gas == LIMIT


@given(st.lists(st.tuples(st.integers(0, LIMIT), st.floats(0, 1e7))))
def test_it_never_leaves_its_bounds(blocks: list[tuple[int, float]]) -> None:
    target = GasTarget(LIMIT, BLOCK_MS)
    for gas_used, took_ms in blocks:
        target.observe(gas_used, took_ms)
        assert int(LEAST_SHARE * LIMIT) <= target.gas <= LIMIT
