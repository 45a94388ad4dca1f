"""What a lock binds, what early votes leave behind, and votes for another block than proposed.

The last are regressions of Malachite 0.5.0, where a polka was matched by its round alone.
"""

from __future__ import annotations

from tests.unit.bft.scenario import (
    FRESH,
    PRECOMMIT_TIMER,
    PREVOTE_TIMER,
    PROPOSE_TIMER,
    Height,
    V,
    W,
    decide,
    precommit,
    prevote,
    timer,
)

POWERS = (2, 3, 2)  # more than 2/3: 5, more than 1/3: 3
BOTH = (0, 1)  # a quorum without me


def locked_in_round_0() -> Height:
    """Locked on V in round 0, and then in round 1, whose proposer is 1."""
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(0, 0, V)
    height.prevote(0, 2, V)
    assert height.prevotes(0, BOTH, V) == [precommit(0, V)]
    height.precommit(0, 2, V)
    assert height.precommits(0, BOTH, None) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.timeout(PRECOMMIT_TIMER, 0) == [("new_round", 1)]
    return height


def test_locked_elsewhere_votes_nil_on_a_fresh_block() -> None:
    height = locked_in_round_0()
    height.begin(1, 1)
    assert height.proposal(1, 1, W) == [prevote(1, None)]


def test_locked_votes_for_its_block_though_it_comes_as_fresh() -> None:
    height = locked_in_round_0()
    height.begin(1, 1)
    assert height.proposal(1, 1, V) == [prevote(1, V)]


def test_locked_votes_for_its_block_proposed_again() -> None:
    height = locked_in_round_0()
    height.begin(1, 1)
    assert height.proposal(1, 1, V, pol=0) == [prevote(1, V)]


def test_a_later_polka_frees_the_lock() -> None:
    height = locked_in_round_0()
    height.begin(1, 1)
    height.timeout(PROPOSE_TIMER, 1)
    height.prevotes(1, BOTH, W)  # a polka for W, whose proposal is not here
    height.skip_to(2, 0, BOTH[1:])
    assert height.proposal(2, 0, W, pol=1) == [prevote(2, W)]
    assert height.driver.locked == (0, V)
    assert height.prevotes(2, (0, 2), W) == [timer(PREVOTE_TIMER, 2)]
    assert height.polka(2, BOTH, W) == [precommit(2, W)]
    assert height.driver.locked == (2, W)


def test_an_earlier_polka_does_not_free_the_lock() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.timeout(PROPOSE_TIMER, 0)
    height.prevotes(0, BOTH, W)  # W has a polka in round 0
    height.skip_to(1, 1, (1,))
    height.proposal(1, 1, V)
    height.polka(1, BOTH, V)
    assert height.driver.locked == (1, V)
    height.precommits(1, BOTH, None)
    assert height.timeout(PRECOMMIT_TIMER, 1) == [("new_round", 2)]
    height.begin(2, 0)
    assert height.proposal(2, 0, W, pol=0) == [prevote(2, None)]


def test_block_proposed_again_waits_for_its_polka() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.skip_to(1, 1, (1,))
    assert height.proposal(1, 1, V, pol=0) == []
    assert height.driver.step == "propose"
    assert height.prevotes(0, BOTH, V) == [prevote(1, V)]


def test_polka_certificate_lets_a_block_proposed_again_pass() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.skip_to(1, 1, (1,))
    assert height.proposal(1, 1, V, pol=0) == []
    assert height.polka(0, BOTH, V) == [prevote(1, V)]


def test_invalid_block_proposed_again_gets_nil() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.polka(0, BOTH, V)
    height.skip_to(1, 1, (1,))
    assert height.proposal(1, 1, V, pol=0, valid=False) == [prevote(1, None)]
    late = Height(POWERS, me=2)
    late.begin(0, 0)
    late.skip_to(1, 1, (1,))
    assert late.proposal(1, 1, V, pol=0, valid=False) == []
    assert late.polka(0, BOTH, V) == [prevote(1, None)]


def test_a_proposer_proposes_its_valid_block_again() -> None:
    height = locked_in_round_0()
    assert height.begin(1, 2) == [("propose", 1, V, 0)]
    assert height.proposal(1, 2, V, pol=0) == [prevote(1, V)]


def test_a_polka_seen_after_precommit_makes_a_block_valid_without_a_lock() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.timeout(PROPOSE_TIMER, 0)
    height.prevote(0, 2, None)
    assert height.prevote(0, 0, V) == []
    assert height.prevote(0, 1, V) == [timer(PREVOTE_TIMER, 0)]
    assert height.timeout(PREVOTE_TIMER, 0) == [precommit(0, None)]
    assert height.proposal(0, 0, V) == []
    assert height.driver.valid == (0, V)
    assert height.driver.locked is None
    height.precommits(0, BOTH, None)
    height.timeout(PRECOMMIT_TIMER, 0)
    assert height.begin(1, 2) == [("propose", 1, V, 0)]


def test_polka_for_nil_before_the_step() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.prevotes(0, BOTH, None) == []
    assert height.timeout(PROPOSE_TIMER, 0) == [prevote(0, None), precommit(0, None)]


def test_polka_for_the_block_before_its_proposal() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.prevotes(0, BOTH, V) == []
    assert height.proposal(0, 0, V) == [prevote(0, V), precommit(0, V)]


def test_mixed_prevotes_before_the_proposal_start_the_timer() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.prevote(0, 0, V) == []
    assert height.prevote(0, 1, None) == []
    assert height.proposal(0, 0, V) == [prevote(0, V), timer(PREVOTE_TIMER, 0)]


def test_certificate_before_the_proposal() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.polka(0, BOTH, V) == []
    assert height.proposal(0, 0, V) == [prevote(0, V), precommit(0, V)]
    assert height.driver.locked == (0, V)


def test_votes_of_a_later_round_act_once_it_is_open() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.prevote(1, 0, None) == []
    assert height.prevote(1, 1, None) == [("new_round", 1)]
    height.begin(1, 1)
    assert height.timeout(PROPOSE_TIMER, 1) == [prevote(1, None), precommit(1, None)]


def test_precommits_of_a_later_round_start_its_timer() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.precommit(1, 0, None)
    assert height.precommit(1, 1, V) == [("new_round", 1)]
    assert height.begin(1, 1) == [timer(PROPOSE_TIMER, 1), timer(PRECOMMIT_TIMER, 1)]


def test_polka_without_proposal_ends_by_the_timer() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.timeout(PROPOSE_TIMER, 0)
    assert height.prevotes(0, BOTH, V) == [timer(PREVOTE_TIMER, 0)]
    assert height.timeout(PREVOTE_TIMER, 0) == [precommit(0, None)]


def test_polka_for_another_block_gives_no_precommit() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    assert height.proposal(0, 0, V) == [prevote(0, V)]
    height.prevote(0, 2, V)
    assert height.prevotes(0, BOTH, W) == [timer(PREVOTE_TIMER, 0)]
    assert height.driver.locked is None
    assert height.driver.valid is None
    early = Height(POWERS, me=2)
    early.begin(0, 0)
    early.polka(0, BOTH, W)
    assert early.proposal(0, 0, V) == [prevote(0, V)]
    assert early.driver.locked is None


def test_polka_for_another_block_makes_nothing_valid() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(0, 0, V)
    height.prevote(0, 2, V)
    height.prevote(0, 0, None)
    assert height.prevote(0, 1, W) == [timer(PREVOTE_TIMER, 0)]
    height.timeout(PREVOTE_TIMER, 0)
    assert height.polka(0, BOTH, W) == []
    assert height.driver.step == "precommit"
    assert height.driver.valid is None


def test_polka_for_another_block_carries_no_proposal() -> None:
    for valid in (True, False):
        height = Height(POWERS, me=2)
        height.begin(0, 0)
        height.prevotes(0, BOTH, W)
        height.skip_to(1, 1, (1,))
        assert height.proposal(1, 1, V, pol=0, valid=valid) == []
        certified = Height(POWERS, me=2)
        certified.begin(0, 0)
        certified.polka(0, BOTH, W)
        certified.skip_to(1, 1, (1,))
        assert certified.proposal(1, 1, V, pol=0, valid=valid) == []


def test_my_own_lock_survives_many_rounds() -> None:
    height = locked_in_round_0()
    for round in range(1, 6):
        height.begin(round, 0)
        assert height.proposal(round, 0, W) == [prevote(round, None)]
        height.prevotes(round, BOTH, None)
        height.precommits(round, BOTH, None)
        assert height.timeout(PRECOMMIT_TIMER, round) == [("new_round", round + 1)]
        assert height.driver.locked == (0, V)
    assert height.begin(6, 2) == [("propose", 6, V, 0)]


def test_the_fresh_proposal_has_no_proof_of_lock() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 2)
    assert height.propose(0, V) == [("propose", 0, V, FRESH)]


def test_decision_needs_the_block_that_was_voted_for() -> None:
    height = Height(POWERS, me=2)
    height.begin(0, 0)
    height.proposal(0, 0, V)
    assert decide(0, 0, V) not in height.precommits(0, BOTH, W)
    assert height.driver.decided is None
