"""The time a build gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metis_node.engine.block_pace import LEAST_BUDGET_MS, BlockPace


def test_a_build_gets_a_share_of_the_block_time() -> None:
    assert BlockPace(1_000).build_budget_ms(0) == 270
    assert BlockPace(200).build_budget_ms(0) == 54
    assert BlockPace(1_000).build_budget_ms(500) == 120
    assert BlockPace(1_000).build_budget_ms(5_000) == LEAST_BUDGET_MS


def test_the_budget_settles_where_a_full_block_just_fits() -> None:
    """Whatever the whole work is, as a multiple of the first execution."""
    for multiple in (2.2, 3.0, 5.0):
        pace = BlockPace(1_000)
        for _ in range(50):
            budget = pace.build_budget_ms(0)
            pace.observe(budget, budget * multiple, exhausted=True)
        assert 880 <= pace.build_budget_ms(0) * multiple <= 900


def test_a_block_past_its_time_shortens_the_next() -> None:
    pace = BlockPace(1_000)
    pace.observe(270, 1_800, exhausted=False)
    assert pace.build_budget_ms(0) < 270


def test_a_block_in_time_changes_nothing() -> None:
    pace = BlockPace(1_000)
    pace.observe(270, 500, exhausted=False)
    assert pace.build_budget_ms(0) == 270


@given(
    st.integers(200, 60_000),
    st.lists(st.tuples(st.floats(0, 100_000), st.booleans()), max_size=20),
    st.integers(0, 10**6),
)
def test_the_budget_stays_within_its_bounds(
    block_time: int, seen: list[tuple[float, bool]], late: int
) -> None:
    pace = BlockPace(block_time)
    for whole, exhausted in seen:
        pace.observe(pace.build_budget_ms(0), whole, exhausted=exhausted)
    assert LEAST_BUDGET_MS <= pace.build_budget_ms(late) <= max(LEAST_BUDGET_MS, block_time / 2)
