"""The time a build gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metis_node.engine.block_pace import LEAST_BUILD_MS, BlockPace

times = st.floats(0, 10_000)


def test_a_build_gets_a_share_of_the_block_time() -> None:
    assert BlockPace(1_000).build_budget_ms(0) == 360
    assert BlockPace(200).build_budget_ms(0) == 72
    assert BlockPace(1_000).build_budget_ms(500) == 160
    assert BlockPace(1_000).build_budget_ms(5_000) == LEAST_BUILD_MS


def test_slow_imports_shorten_the_build() -> None:
    pace = BlockPace(1_000)
    for _ in range(50):
        pace.observe(100, 300)
    assert 220 <= pace.build_budget_ms(0) <= 230


def test_tiny_blocks_teach_nothing() -> None:
    pace = BlockPace(1_000)
    pace.observe(0.5, 20)
    assert pace.build_budget_ms(0) == 360


@given(
    st.integers(200, 60_000), st.lists(st.tuples(times, times), max_size=20), st.integers(0, 10**6)
)
def test_the_budget_always_leaves_time_to_import(
    block_time: int, seen: list[tuple[float, float]], late: int
) -> None:
    pace = BlockPace(block_time)
    for build, imported in seen:
        pace.observe(build, imported)
    budget = pace.build_budget_ms(late)
    assert LEAST_BUILD_MS <= budget <= max(LEAST_BUILD_MS, 0.6 * block_time)
