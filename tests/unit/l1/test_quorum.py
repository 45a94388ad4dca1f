"""When several endpoints' word counts."""

from __future__ import annotations

import pytest

from metis_node.l1.quorum import agreed_height, default_quorum, differ, verdict


@pytest.mark.parametrize(
    ("votes", "quorum", "winner", "dissenting"),
    [
        ({"a": 1}, 1, 1, ()),
        ({"a": 1, "b": 1}, 2, 1, ()),
        ({"a": 1, "b": 1, "c": 2}, 2, 1, ("c",)),
        ({"a": 2, "b": 1, "c": 1}, 2, 1, ("a",)),
    ],
)
def test_a_majority_counts(
    votes: dict[str, int], quorum: int, winner: int, dissenting: tuple[str, ...]
) -> None:
    found = verdict(votes, quorum)
    assert (found.is_agreed, found.winner, found.dissenting) == (True, winner, dissenting)


@pytest.mark.parametrize(
    ("votes", "quorum"),
    [
        ({}, 1),
        ({"a": 1}, 2),
        ({"a": 1, "b": 2}, 1),  # a tie: neither may be believed
        ({"a": 1, "b": 1, "c": 2, "d": 2}, 2),
        ({"a": 1, "b": 2, "c": 3}, 2),
    ],
)
def test_without_a_majority_nothing_counts(votes: dict[str, int], quorum: int) -> None:
    assert not verdict(votes, quorum).is_agreed


def test_half_of_the_endpoints_are_asked_for_by_default() -> None:
    assert [default_quorum(n) for n in range(1, 7)] == [1, 1, 2, 2, 3, 3]


def test_the_agreed_height_is_one_that_enough_have_reached() -> None:
    assert agreed_height([7, 9, 8], 2) == 8
    assert agreed_height([7, 1_000, 8], 2) == 8  # one alone cannot run away
    assert agreed_height([7], 2) is None
    assert differ({"a": 1, "b": 2})
    assert not differ({"a": 1, "b": 1})
