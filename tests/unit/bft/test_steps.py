"""A height's ordinary course: propose, prevote, precommit, decide; time-outs; skipped rounds."""

from __future__ import annotations

import pytest

from metis_node.errors import BftError
from tests.unit.bft.scenario import (
    FRESH,
    PRECOMMIT_TIMER,
    PREVOTE_TIMER,
    PROPOSE_TIMER,
    Height,
    V,
    address,
    decide,
    precommit,
    prevote,
    signature,
    timer,
)

POWERS = (1, 2, 3)  # more than 2/3: 5, more than 1/3: 3


def test_proposer_decides() -> None:
    height = Height(POWERS, me=0)
    assert height.begin(0, 0) == [timer(PROPOSE_TIMER, 0), ("get_value", 0)]
    assert height.propose(0, V) == [("propose", 0, V, FRESH)]
    assert height.proposal(0, 0, V) == [prevote(0, V)]
    assert height.prevote(0, 0, V) == []
    assert height.driver.step == "prevote"
    assert height.prevote(0, 1, V) == []
    assert height.prevote(0, 2, V) == [precommit(0, V)]
    assert height.driver.locked == (0, V)
    assert height.driver.valid == (0, V)
    assert height.precommit(0, 0, V) == []
    assert height.precommit(0, 1, V) == []
    assert height.precommit(0, 2, V) == [decide(0, 0, V)]
    assert height.driver.step == "commit"
    assert height.driver.decided == (0, V)
    signed = height.driver.precommits(0, V)
    assert signed == height.signatures(2, 0, (0, 1, 2), V)


def test_proposer_without_a_value_votes_nil_when_time_is_up() -> None:
    height = Height(POWERS, me=0)
    height.begin(0, 0)
    assert height.timeout(PROPOSE_TIMER, 0) == [prevote(0, None)]
    assert height.propose(0, V) == []


def test_validator_decides_a_valid_block() -> None:
    height = Height(POWERS, me=1)
    assert height.begin(0, 0) == [timer(PROPOSE_TIMER, 0)]
    assert height.proposal(0, 0, V) == [prevote(0, V)]
    assert height.prevotes(0, (1, 0), V) == []
    assert height.prevote(0, 2, V) == [precommit(0, V)]
    assert height.precommits(0, (1, 0), V) == []
    assert height.precommit(0, 2, V) == [decide(0, 0, V)]


def test_invalid_block_gets_nil_and_then_the_next_round() -> None:
    height = Height(POWERS, me=1)
    height.begin(0, 0)
    assert height.proposal(0, 0, V, valid=False) == [prevote(0, None)]
    assert height.prevote(0, 1, None) == []
    assert height.prevote(0, 0, V) == []
    assert height.prevote(0, 2, V) == [timer(PREVOTE_TIMER, 0)]
    assert height.timeout(PREVOTE_TIMER, 0) == [precommit(0, None)]
    assert height.precommits(0, (1, 0), None) == []
    assert height.precommit(0, 2, None) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.timeout(PRECOMMIT_TIMER, 0) == [("new_round", 1)]
    entered, round, kind, votes = height.driver.round_certificate() or pytest.fail("none")
    assert (entered, round, kind) == (1, 0, "precommit")
    assert [vote[:3] for vote in votes] == [(2, None, address(who)) for who in range(3)]


def test_rounds_that_time_out_one_after_another() -> None:
    height = Height(POWERS, me=0)
    height.begin(0, 1)
    for round in range(4):
        assert height.timeout(PROPOSE_TIMER, round) == [prevote(round, None)]
        assert height.prevotes(round, (0, 1), None) == []
        assert height.prevote(round, 2, None) == [precommit(round, None)]
        assert height.precommits(round, (0, 1), None) == []
        assert height.precommit(round, 2, None) == [timer(PRECOMMIT_TIMER, round)]
        assert height.timeout(PRECOMMIT_TIMER, round) == [("new_round", round + 1)]
        assert height.begin(round + 1, 1) == [timer(PROPOSE_TIMER, round + 1)]


def test_timers_of_another_round_or_step_do_nothing() -> None:
    height = Height(POWERS, me=0)
    height.begin(0, 1)
    before = height.driver.dump()
    assert height.timeout(PROPOSE_TIMER, 1) == []
    assert height.timeout(PREVOTE_TIMER, 0) == []
    assert height.timeout(PRECOMMIT_TIMER, 7) == []
    assert height.driver.dump() == before


def test_proposal_of_another_round_waits() -> None:
    height = Height(POWERS, me=1)
    height.begin(0, 0)
    assert height.proposal(1, 2, V) == []
    assert height.driver.step == "propose"


def test_one_validator_alone_decides() -> None:
    height = Height((7,), me=0)
    height.begin(0, 0)
    height.propose(0, V)
    assert height.proposal(0, 0, V) == [prevote(0, V)]
    assert height.prevote(0, 0, V) == [precommit(0, V)]
    assert height.precommit(0, 0, V) == [decide(0, 0, V)]


def test_more_than_a_third_ahead_opens_their_round() -> None:
    height = Height((1, 1, 1, 1), me=0)
    height.begin(0, 1)
    assert height.prevote(3, 1, None) == []
    assert height.precommit(3, 2, V) == [("new_round", 3)]
    entered, round, kind, votes = height.driver.round_certificate() or pytest.fail("none")
    assert (entered, round, kind) == (3, 3, "skip")
    assert [(vote[0], vote[1], vote[2]) for vote in votes] == [
        (1, None, address(1)),
        (2, V, address(2)),
    ]
    assert height.begin(3, 2) == [timer(PROPOSE_TIMER, 3)]


def test_two_votes_of_one_validator_count_once_for_a_skip() -> None:
    height = Height((1, 1, 1, 1), me=0)
    height.begin(0, 1)
    assert height.prevote(2, 3, V) == []
    assert height.precommit(2, 3, V) == []
    assert height.driver.round == 0


def test_a_quorum_ahead_opens_their_round_at_the_first_third() -> None:
    height = Height((1, 1, 1), me=0)
    height.begin(0, 1)
    assert height.precommit(1, 1, V) == []
    assert height.precommit(1, 2, V) == [("new_round", 1)]


def test_old_timers_stay_silent_after_a_skip() -> None:
    height = Height((1, 1, 1, 1), me=0)
    height.begin(0, 1)
    height.timeout(PROPOSE_TIMER, 0)
    height.skip_to(2, 3, (1, 2))
    assert [height.timeout(kind, 0) for kind in range(3)] == [[], [], []]
    assert height.driver.round == 2


def test_after_the_decision_votes_are_still_kept() -> None:
    height = Height((1, 1, 1, 1), me=0)
    height.begin(0, 1)
    height.proposal(0, 1, V)
    height.precommits(0, (1, 2, 3), V)
    assert height.driver.decided == (0, V)
    assert height.precommit(0, 0, V) == []
    assert [who for who, _ in height.driver.precommits(0, V)] == [address(w) for w in range(4)]
    assert height.timeout(PRECOMMIT_TIMER, 0) == []
    assert height.prevotes(5, (1, 2, 3), None) == []


def test_who_is_no_validator_follows_without_voting() -> None:
    height = Height((1, 1, 1, 1), me=9)
    assert height.begin(0, 0) == [timer(PROPOSE_TIMER, 0)]
    assert height.proposal(0, 0, V) == []
    assert height.prevotes(0, (0, 1, 2), V) == []
    assert height.driver.locked == (0, V)
    assert height.precommits(0, (0, 1, 2), V) == [decide(0, 0, V)]


def test_votes_are_known_by_what_they_say() -> None:
    height = Height(POWERS, me=0)
    height.begin(0, 1)
    height.prevote(0, 1, V)
    assert height.driver.has_vote(1, 0, V, address(1))
    assert not height.driver.has_vote(1, 0, None, address(1))
    assert not height.driver.has_vote(2, 0, V, address(1))
    assert not height.driver.has_vote(1, 1, V, address(1))
    again = height.driver.vote(1, 0, V, address(1), signature("another copy"))
    assert again == []
    assert height.driver.prevotes(0, V) == height.signatures(1, 0, (1,), V)


def test_equal_inputs_give_equal_states() -> None:
    def run(order: tuple[int, ...]) -> dict[str, object]:
        height = Height((1, 1, 1, 1), me=0)
        height.begin(0, 1)
        height.proposal(0, 1, V)
        height.prevotes(0, order, V)
        return height.driver.dump()

    assert run((1, 2, 3)) == run((3, 1, 2))
    assert run((1, 2, 3)) != run((1, 2))


@pytest.mark.parametrize(
    ("powers", "signers", "enough"),
    [
        ((1, 1, 1), (0, 1), False),  # exactly 2/3
        ((1, 1, 1), (0, 1, 2), True),
        ((1, 1, 1, 1), (0, 1), False),
        ((1, 1, 1, 1), (0, 1, 2), True),
        ((2, 3, 2), (0, 2), False),
        ((2, 3, 2), (0, 1), True),
        ((2_000, 999, 1), (0,), False),
        ((2_000, 999, 1), (0, 2), True),
        ((2_049_638_230_412_172_401,) * 3, (0, 1), False),
        ((2_049_638_230_412_172_401,) * 3, (0, 1, 2), True),
    ],
)
def test_a_quorum_is_more_than_two_thirds(
    powers: tuple[int, ...], signers: tuple[int, ...], enough: bool
) -> None:
    height = Height(powers, me=0)
    height.begin(0, 1)
    height.proposal(0, 1, V)
    assert (decide(0, 0, V) in height.precommits(0, signers, V)) == enough
    assert (height.driver.polka(0, V) is not None) is False
    other = Height(powers, me=0)
    other.begin(0, 1)
    if enough:
        other.polka(0, signers, V)
        assert other.driver.polka(0, V) == other.signatures(1, 0, signers, V)
    else:
        with pytest.raises(BftError, match="no more than 2/3"):
            other.polka(0, signers, V)
    other.prevotes(0, signers, V)
    assert (other.driver.polka(0, V) is not None) == enough


@pytest.mark.parametrize(
    ("powers", "ahead", "enough"),
    [
        ((1, 1, 1), (1,), False),  # exactly 1/3
        ((1, 1, 1), (1, 2), True),
        ((2, 3, 2), (2,), False),
        ((2, 3, 2), (1,), True),
        ((2_000, 1_000, 1), (1,), False),
        ((2_000, 1_000, 1), (1, 2), True),
    ],
)
def test_a_round_is_skipped_for_more_than_one_third(
    powers: tuple[int, ...], ahead: tuple[int, ...], enough: bool
) -> None:
    height = Height(powers, me=0)
    height.begin(0, 1)
    assert (height.prevotes(1, ahead, None) == [("new_round", 1)]) == enough
