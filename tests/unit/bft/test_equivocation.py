"""Who says two things: the agreement goes on, and the two messages come out as evidence once."""

from __future__ import annotations

import pytest

from metis_node.errors import BftError
from tests.unit.bft.scenario import (
    PRECOMMIT,
    PREVOTE,
    Height,
    V,
    W,
    X,
    address,
    decide,
    precommit,
    prevote,
    signature,
)

POWERS = (2, 3, 2)
BOTH = (0, 1)


def vote_of(who: int, kind: int, value: bytes | None) -> tuple[object, ...]:
    return (kind, 0, value, address(who), signature(kind, 0, who, value))


def proposal_of(value: bytes, *, pol: int = -1) -> tuple[object, ...]:
    return (0, value, pol, address(0), signature("proposal", 0, value, pol, 0))


def begun() -> Height:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    return height


@pytest.mark.parametrize("kind", [PREVOTE, PRECOMMIT])
def test_second_vote_does_not_count_and_is_evidence(kind: int) -> None:
    height = begun()
    height.vote(kind, 0, 1, V)
    height.vote(kind, 0, 0, W)
    assert height.vote(kind, 0, 1, W) == []
    assert height.driver.take_evidence() == [("vote", vote_of(1, kind, V), vote_of(1, kind, W))]
    assert not height.driver.has_vote(kind, 0, W, address(1))
    assert height.driver.take_evidence() == []


def test_nil_beside_a_block_is_evidence() -> None:
    height = begun()
    height.prevote(0, 1, None)
    height.prevote(0, 1, V)
    pair = (vote_of(1, PREVOTE, None), vote_of(1, PREVOTE, V))
    assert height.driver.take_evidence() == [("vote", *pair)]


def test_evidence_comes_once_per_validator_round_and_kind() -> None:
    height = begun()
    for value in (V, W, X, None, W, X):
        height.prevote(0, 1, value)
    assert len(height.driver.take_evidence()) == 1
    height.prevote(0, 1, W)
    height.prevote(0, 1, X)
    assert height.driver.take_evidence() == []
    for value in (V, W):
        height.precommit(0, 1, value)
        height.prevote(0, 0, value)
    assert len(height.driver.take_evidence()) == 2


def test_a_vote_repeated_is_no_evidence() -> None:
    height = begun()
    height.prevote(0, 1, V)
    height.prevote(0, 1, V)
    height.driver.vote(PREVOTE, 0, V, address(1), signature("signed again"))
    assert height.driver.take_evidence() == []


def test_two_proposals_are_evidence_and_the_voted_one_is_decided() -> None:
    height = begun()
    assert height.proposal(0, 0, V) == [prevote(0, V)]
    assert height.proposal(0, 0, W) == []
    assert height.driver.take_evidence() == [("proposal", proposal_of(V), proposal_of(W))]
    height.prevote(0, 2, V)
    assert height.prevotes(0, BOTH, W) == [precommit(0, W)]
    height.precommit(0, 2, W)
    assert height.precommits(0, BOTH, W) == [decide(0, 0, W)]


def test_the_second_proposal_after_the_votes_is_the_decided_one() -> None:
    height = begun()
    assert height.proposal(0, 0, V) == [prevote(0, V)]
    height.prevotes(0, BOTH, W)
    assert height.proposal(0, 0, W) == [precommit(0, W)]
    assert height.precommits(0, BOTH, W) == [decide(0, 0, W)]


def test_a_polka_certificate_picks_among_two_proposals() -> None:
    height = begun()
    height.proposal(0, 0, V)
    height.proposal(0, 0, W)
    assert height.polka(0, BOTH, W) == [precommit(0, W)]


def test_one_block_with_two_proofs_of_lock_is_a_pair() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.skip_to(1, 1, (1,))
    height.proposal(1, 1, V)
    height.proposal(1, 1, V, pol=0)
    [(kind, first, second)] = height.driver.take_evidence()
    assert (kind, first[2], second[2]) == ("proposal", -1, 0)


def test_a_proposal_signed_again_is_no_evidence() -> None:
    height = begun()
    height.proposal(0, 0, V)
    height.proposal(0, 0, V, copy=1)
    height.proposal(0, 0, V, copy=2)
    assert height.driver.take_evidence() == []
    assert height.driver.dump()["proposals"] == [(0, V, -1, address(0), True)]


def test_proposals_repeated_in_either_order_are_one_pair() -> None:
    height = begun()
    for value in (V, W, V, W, W):
        height.proposal(0, 0, value)
    assert len(height.driver.take_evidence()) == 1
    height.proposal(0, 0, V)
    height.proposal(0, 0, W)
    assert height.driver.take_evidence() == []


def test_a_third_proposal_is_dropped() -> None:
    height = begun()
    for value in (V, W, X):
        height.proposal(0, 0, value)
    assert [kept[1] for kept in proposals(height)] == [V, W]
    assert height.precommits(0, BOTH, X) == [("timeout", 2, 0)]


def test_a_third_proposal_with_a_quorum_is_decided() -> None:
    height = begun()
    for value in (V, W):
        height.proposal(0, 0, value)
    height.precommits(0, BOTH, X)
    assert height.proposal(0, 0, X) == [decide(0, 0, X)]


def test_a_third_proposal_with_a_polka_is_precommitted() -> None:
    height = begun()
    for value in (V, W):
        height.proposal(0, 0, value)
    height.polka(0, BOTH, X)
    assert height.proposal(0, 0, X) == [precommit(0, X)]


def test_two_proposers_in_a_round_are_refused() -> None:
    """The driver would panic."""
    height = begun()
    height.proposal(1, 1, V)
    for round, proposer in ((0, 1), (1, 0)):
        with pytest.raises(BftError, match="belongs to") as refusal:
            height.proposal(round, proposer, W)
        assert refusal.value.kind == "proposer"
    assert not height.driver.poisoned
    assert height.proposal(0, 0, V) == [prevote(0, V)]


def proposals(height: Height) -> list[tuple[object, ...]]:
    kept = height.driver.dump()["proposals"]
    assert isinstance(kept, list)
    return kept
