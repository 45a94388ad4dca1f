"""A history answers as a list of all changes would, and forgets exactly what is undone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metis_node.staking.history import History

CHANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=40).map(
    lambda changes: sorted(changes, key=lambda change: change[0])
)


def filled(changes: list[tuple[int, int]]) -> History[int]:
    history = History[int](-1)
    for block, value in changes:
        history.set(block, value)
    return history


def plain(changes: list[tuple[int, int]], block: int) -> int:
    values = [value for changed, value in changes if changed <= block]
    return values[-1] if values else -1


@given(CHANGES, st.integers(0, 31))
def test_any_block_gets_the_last_change_up_to_it(
    changes: list[tuple[int, int]], block: int
) -> None:
    assert filled(changes).at(block) == plain(changes, block)


@given(CHANGES, st.integers(0, 31))
def test_what_is_undone_never_was(changes: list[tuple[int, int]], block: int) -> None:
    history = filled(changes)
    history.undo_to(block)
    kept = filled([change for change in changes if change[0] <= block])
    assert [history.at(n) for n in range(32)] == [kept.at(n) for n in range(32)]
    assert history.last == kept.last
    assert bool(history) == bool(kept)
