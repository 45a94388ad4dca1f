"""What several endpoints agree on. Pure: votes in, verdict out.

An answer counts if at least `quorum` endpoints gave it and more than gave any other. An endpoint
that says that it does not know abstains.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Generic[V, T]):
    """`winner` is meaningful only with `is_agreed`."""

    is_agreed: bool
    winner: T | None
    agreeing: tuple[V, ...]
    dissenting: tuple[V, ...]  # those who gave another answer than the winner


def default_quorum(endpoints: int) -> int:
    """Half of them, rounded up: one of one or two, two of three or four. So one of two may fail;
    if both answer and differ, neither counts."""
    return (endpoints + 1) // 2


def verdict(votes: Mapping[V, T], quorum: int) -> Verdict[V, T]:
    """Of answers without abstentions."""
    counts: dict[T, list[V]] = {}
    for voter, value in votes.items():
        counts.setdefault(value, []).append(voter)
    ranked = sorted(counts.items(), key=lambda entry: len(entry[1]), reverse=True)
    if not ranked or len(ranked[0][1]) < quorum:
        return Verdict(is_agreed=False, winner=None, agreeing=(), dissenting=())
    if len(ranked) > 1 and len(ranked[1][1]) == len(ranked[0][1]):
        return Verdict(is_agreed=False, winner=None, agreeing=(), dissenting=())
    winner, agreeing = ranked[0]
    others = tuple(voter for _, voters in ranked[1:] for voter in voters)
    return Verdict(is_agreed=True, winner=winner, agreeing=tuple(agreeing), dissenting=others)


def differ(votes: Mapping[V, T]) -> bool:
    """Whether two voters say different things."""
    return len(set(votes.values())) > 1


def agreed_height(heights: Sequence[int], quorum: int) -> int | None:
    """The greatest height that at least `quorum` endpoints have reached."""
    ranked = sorted(heights, reverse=True)
    return ranked[quorum - 1] if len(ranked) >= quorum else None
