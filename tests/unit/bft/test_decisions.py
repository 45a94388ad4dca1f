"""Ways to a decision: late proposals, earlier and later rounds, certificates, changed validity."""

from __future__ import annotations

import pytest

from metis_node.errors import BftError
from tests.unit.bft.scenario import (
    PRECOMMIT_TIMER,
    PREVOTE_TIMER,
    PROPOSE_TIMER,
    Height,
    V,
    W,
    address,
    decide,
    precommit,
    prevote,
    timer,
)

POWERS = (2, 3, 2)
BOTH = (0, 1)


def in_round_1(*, me: int = 2) -> Height:
    height = Height(POWERS, me)
    height.begin(0, 0)
    height.skip_to(1, 1, (1,))
    return height


def test_precommits_before_the_proposal() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.precommits(0, BOTH, V) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.proposal(0, 0, V) == [decide(0, 0, V)]


def test_an_earlier_round_is_decided_by_its_late_proposal() -> None:
    height = in_round_1()
    assert height.precommits(0, BOTH, V) == []
    assert height.proposal(0, 0, V) == [decide(1, 0, V)]
    assert height.driver.decided == (0, V)


def test_an_earlier_round_is_decided_by_its_late_precommits() -> None:
    height = in_round_1()
    assert height.proposal(0, 0, V) == []
    assert height.precommits(0, BOTH, V) == [decide(1, 0, V)]


def test_an_earlier_round_is_decided_in_spite_of_a_lock() -> None:
    height = in_round_1()
    height.proposal(1, 1, W)
    height.prevote(1, 2, W)
    height.prevotes(1, (0,), W)
    assert height.polka(1, BOTH, W) == [precommit(1, W)]
    height.proposal(0, 0, V)
    assert height.precommits(0, BOTH, V) == [decide(1, 0, V)]


def test_a_later_round_is_decided_by_its_certificate() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(1, 1, V)
    assert height.commit(1, BOTH, V) == [decide(0, 1, V)]


def test_a_later_round_is_decided_by_its_votes() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(1, 1, V)
    assert height.precommit(1, 0, V) == []
    assert height.precommit(1, 1, V) == [("new_round", 1)]
    assert height.begin(1, 1) == [timer(PROPOSE_TIMER, 1), decide(1, 1, V)]


def test_votes_of_a_later_round_wait_for_its_proposal() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.precommits(1, BOTH, V)
    assert height.begin(1, 1) == [timer(PROPOSE_TIMER, 1), timer(PRECOMMIT_TIMER, 1)]
    assert height.proposal(1, 1, V) == [decide(1, 1, V)]


def test_certificate_of_a_later_round_without_proposal_opens_that_round() -> None:
    """The driver by itself would stay where it is, without so much as a timer."""
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.commit(3, BOTH, V) == [("new_round", 3)]
    entered, _, kind, _ = height.driver.round_certificate() or pytest.fail("none")
    assert (entered, kind) == (3, "skip")
    assert height.begin(3, 1) == [timer(PROPOSE_TIMER, 3), timer(PRECOMMIT_TIMER, 3)]
    assert height.proposal(3, 1, V) == [decide(3, 3, V)]
    assert height.driver.precommits(3, V) == height.signatures(2, 3, BOTH, V)


def test_rest_of_a_certificate_is_counted_once_its_round_is_open() -> None:
    height = Height((1, 1, 1, 1), me=3)
    height.begin(0, 0)
    assert height.commit(2, (0, 1, 2), V) == [("new_round", 2)]
    height.begin(2, 0)
    assert all(height.driver.has_vote(2, 2, V, address(who)) for who in range(3))
    assert height.timeout(PRECOMMIT_TIMER, 2) == [("new_round", 3)]


def test_certificate_of_an_invalid_block_opens_its_round_but_decides_nothing() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(1, 1, V, valid=False)
    assert height.commit(1, BOTH, V) == [("new_round", 1)]
    outputs = height.begin(1, 1)
    assert timer(PROPOSE_TIMER, 1) in outputs
    assert height.driver.decided is None


def test_certificate_of_this_round_starts_its_timer() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.commit(0, BOTH, V) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.proposal(0, 0, V) == [decide(0, 0, V)]
    assert height.driver.precommits(0, V) == height.signatures(2, 0, BOTH, V)


def test_certificate_of_an_earlier_round() -> None:
    height = in_round_1()
    assert height.commit(0, BOTH, V) == []
    assert height.proposal(0, 0, V) == [decide(1, 0, V)]


def test_certificate_and_votes_make_one_list_of_precommits() -> None:
    height = Height((1, 1, 1, 1), me=0)
    height.begin(0, 1)
    height.precommit(0, 3, V)
    height.commit(0, (2, 0, 1), V)
    assert height.driver.precommits(0, V) == height.signatures(2, 0, (0, 1, 2, 3), V)
    assert height.driver.prevotes(0, V) == []


def test_synced_block_is_decided_by_its_certificate() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    with pytest.raises(BftError, match="no commit certificate") as refusal:
        height.driver.sync_decision(0, V, address(0))
    assert refusal.value.kind == "certificate"
    height.commit(0, BOTH, V)
    assert height.driver.sync_decision(0, V, address(0)) == [decide(0, 0, V)]
    assert height.proposal(0, 0, V) == []


def test_invalid_block_that_becomes_valid_is_decided_by_precommits_at_hand() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.proposal(0, 0, V, valid=False) == [prevote(0, None)]
    assert height.precommits(0, BOTH, V) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.proposal(0, 0, V) == [decide(0, 0, V)]


def test_invalid_block_that_becomes_valid_is_decided_by_later_precommits() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(0, 0, V, valid=False)
    assert height.proposal(0, 0, V) == []
    assert height.precommits(0, BOTH, V) == [decide(0, 0, V)]


def test_invalid_block_that_becomes_valid_is_decided_by_its_certificate() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(0, 0, V, valid=False)
    assert height.commit(0, BOTH, V) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.proposal(0, 0, V) == [decide(0, 0, V)]


def test_no_second_decision() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(0, 0, V)
    height.precommits(0, BOTH, V)
    assert height.commit(1, BOTH, W) == []
    assert height.proposal(1, 1, W) == []
    assert height.driver.decided == (0, V)


def test_split_precommits_move_on_by_the_timer() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(0, 0, V)
    height.precommit(0, 0, V)
    assert height.precommit(0, 1, None) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.timeout(PREVOTE_TIMER, 0) == [precommit(0, None), timer(PRECOMMIT_TIMER, 0)][:1]
    assert height.timeout(PRECOMMIT_TIMER, 0) == [("new_round", 1)]
