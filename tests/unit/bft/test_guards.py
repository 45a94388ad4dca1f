"""What the wrapper refuses before the driver sees it, each beside what it accepts.

After every refusal the driver is as it was, and goes on.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metis_node._native import BftDriver
from metis_node.errors import BftError, MetisError
from tests.unit.bft.scenario import (
    PRECOMMIT_TIMER,
    PREVOTE,
    PREVOTE_TIMER,
    PROPOSE_TIMER,
    Height,
    V,
    W,
    address,
    decide,
    precommit,
    prevote,
    signature,
    timer,
)

FOUR = (1, 1, 1, 1)
SIGNATURE = signature("any")
LARGEST = (2**64 - 1) // 3
WINDOW = 100


def refused(
    height: Height, kind: str, call: Callable[[], object], words: str | None = None
) -> None:
    """`call` is refused with `kind` and leaves no trace."""
    before = height.driver.dump()
    with pytest.raises(BftError, match=words) as refusal:
        call()
    assert refusal.value.kind == kind
    assert isinstance(refusal.value, MetisError)
    assert height.driver.dump() == before
    assert not height.driver.poisoned


def begun(me: int = 0, proposer: int = 1) -> Height:
    height = Height(FOUR, me)
    height.begin(0, proposer)
    return height


@pytest.mark.parametrize(
    "early",
    [
        lambda h: h.prevote(0, 1, V),
        lambda h: h.proposal(0, 1, V),
        lambda h: h.propose(0, V),
        lambda h: h.timeout(PROPOSE_TIMER, 0),
        lambda h: h.polka(0, (1, 2, 3), V),
        lambda h: h.commit(0, (1, 2, 3), V),
        lambda h: h.driver.round_votes(1, [(PREVOTE, None, address(w), SIGNATURE) for w in (1, 2)]),
        lambda h: h.driver.sync_decision(0, V, address(1)),
    ],
)
def test_nothing_comes_before_the_first_round(early: Callable[[Height], object]) -> None:
    height = Height(FOUR, me=0)
    assert (height.driver.round, height.driver.step) == (-1, "unstarted")
    assert (height.driver.proposer, height.driver.owed) == (None, 0)
    refused(height, "order", lambda: early(height), "new_round.0. must come first")
    height.begin(0, 1)
    assert height.driver.owed is None
    assert (height.driver.round, height.driver.proposer) == (0, address(1))


def test_votes_before_the_first_round_would_have_been_lost() -> None:
    """They come again after it, and count."""
    height = Height(FOUR, me=0)
    refused(height, "order", lambda: height.prevotes(0, (1, 2, 3), V))
    height.begin(0, 1)
    assert height.prevotes(0, (1, 2, 3), V) == []
    assert height.proposal(0, 1, V) == [prevote(0, V), precommit(0, V)]


def test_the_first_round_is_round_0() -> None:
    height = Height(FOUR, me=0)
    refused(height, "order", lambda: height.begin(1, 1), "round 0 is due, not 1")
    assert height.begin(0, 1) == [timer(PROPOSE_TIMER, 0)]


def test_a_new_round_only_answers_an_output() -> None:
    height = begun()
    refused(height, "order", lambda: height.begin(1, 1), "nothing asked for round 1")
    refused(height, "order", lambda: height.begin(0, 1), "nothing asked for round 0")
    height.prevotes(2, (1, 2), None)
    assert height.driver.owed == 2
    refused(height, "order", lambda: height.begin(1, 1), "round 2 is due, not 1")
    refused(height, "order", lambda: height.prevote(2, 3, V), "new_round.2. must come first")
    assert height.begin(2, 1) == [timer(PROPOSE_TIMER, 2)]


def test_an_unknown_proposer_does_not_cost_the_lock() -> None:
    height = begun()
    height.proposal(0, 1, V)
    height.prevotes(0, (0, 1, 2), V)
    height.precommits(0, (1, 2, 3), None)
    height.timeout(PRECOMMIT_TIMER, 0)
    assert height.driver.locked == (0, V)
    refused(height, "unknown_validator", lambda: height.begin(1, 9), "no validator of height 1")
    assert height.driver.locked == (0, V)
    height.begin(1, 2)
    assert height.proposal(1, 2, W) == [prevote(1, None)]


def test_messages_of_strangers_are_refused() -> None:
    height = begun()
    for call in (
        lambda: height.prevote(0, 9, V),
        lambda: height.precommit(0, 9, None),
        lambda: height.proposal(0, 9, V),
        lambda: height.polka(0, (0, 1, 9), V),
        lambda: height.commit(0, (0, 1, 9), V),
    ):
        refused(height, "unknown_validator", call, "no validator of height 1")


def test_only_the_rounds_proposer_proposes() -> None:
    height = begun(me=0, proposer=1)
    refused(height, "proposer", lambda: height.propose(0, V), "not our turn")
    refused(height, "proposer", lambda: height.proposal(0, 2, V), "belongs to")
    assert height.proposal(0, 1, V) == [prevote(0, V)]


def test_a_round_is_opened_for_the_proposer_it_has_a_proposal_of() -> None:
    height = begun()
    height.proposal(2, 3, V)
    height.prevotes(2, (1, 2), None)
    refused(height, "proposer", lambda: height.begin(2, 1), "belongs to")
    assert height.begin(2, 3)[0] == timer(PROPOSE_TIMER, 2)


def test_one_value_per_round() -> None:
    """The driver itself would propose a second block: equivocation by our own hand."""
    height = begun(me=0, proposer=0)
    refused(height, "order", lambda: height.propose(1, V), "has not begun")
    assert height.propose(0, V) == [("propose", 0, V, -1)]
    refused(height, "twice", lambda: height.propose(0, W), "has our proposal already")
    refused(height, "twice", lambda: height.propose(0, V))


def test_no_value_beside_a_block_proposed_again() -> None:
    height = Height(FOUR, me=0)
    height.begin(0, 1)
    height.proposal(0, 1, V)
    height.prevotes(0, (0, 1, 2), V)
    height.precommits(0, (1, 2, 3), None)
    height.timeout(PRECOMMIT_TIMER, 0)
    assert height.begin(1, 0) == [("propose", 1, V, 0)]
    refused(height, "twice", lambda: height.propose(1, W))


def test_a_value_that_comes_too_late_changes_nothing() -> None:
    height = begun(me=0, proposer=0)
    height.timeout(PROPOSE_TIMER, 0)
    assert height.propose(0, V) == []
    height.skip_to(1, 1, (1, 2))
    assert height.propose(0, V) == []
    height.proposal(1, 1, W)
    height.precommits(1, (1, 2, 3), W)
    assert height.driver.decided == (1, W)
    assert height.propose(1, V) == []


@pytest.mark.parametrize("round", [-1, 2**31, 2**32, 2**70, -(2**70)])
def test_rounds_fit_31_bits(round: int) -> None:
    height = begun(proposer=0)
    for call in (
        lambda: height.begin(round, 1),
        lambda: height.propose(round, V),
        lambda: height.proposal(round, 1, V),
        lambda: height.prevote(round, 1, V),
        lambda: height.timeout(PROPOSE_TIMER, round),
        lambda: height.polka(round, (1, 2, 3), V),
        lambda: height.commit(round, (1, 2, 3), V),
        lambda: height.driver.precommits(round, V),
        lambda: height.driver.sync_decision(round, V, address(1)),
        lambda: height.driver.round_votes(round, []),
    ):
        refused(height, "argument", call, "round")


def test_the_last_round_is_accepted() -> None:
    height = begun()
    last = 2**31 - 1
    assert height.timeout(PRECOMMIT_TIMER, last) == []
    assert height.commit(last, (1, 2, 3), V) == [("new_round", last)]
    assert timer(PROPOSE_TIMER, last) in height.begin(last, 1)


@pytest.mark.parametrize(("round", "pol"), [(0, 0), (1, 1), (1, 2), (0, -2), (0, 2**31)])
def test_a_proof_of_lock_is_of_an_earlier_round(round: int, pol: int) -> None:
    height = begun()
    refused(height, "argument", lambda: height.proposal(round, 1, V, pol=pol))
    assert height.proposal(1, 2, V, pol=0) == []


def test_lengths_and_kinds_are_checked() -> None:
    height = begun()
    driver = height.driver
    me = address(1)
    for call in (
        lambda: driver.vote(1, 0, b"short", me, SIGNATURE),
        lambda: driver.vote(1, 0, V, b"short", SIGNATURE),
        lambda: driver.vote(1, 0, V, me, SIGNATURE[:64]),
        lambda: driver.vote(0, 0, V, me, SIGNATURE),
        lambda: driver.vote(3, 0, V, me, SIGNATURE),
        lambda: driver.timeout(3, 0),
        lambda: driver.timeout(-1, 0),
        lambda: driver.proposal(0, V + b"v", -1, me, SIGNATURE, True),
        lambda: driver.polka_certificate(0, V, [(me, b"")]),
        lambda: driver.commit_certificate(0, V, [(b"", SIGNATURE)]),
    ):
        refused(height, "argument", call)
    with pytest.raises(TypeError):
        driver.vote(1, 0, "v" * 32, me, SIGNATURE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("powers", "words"),
    [
        ([], "1 to 1024 validators"),
        ([1] * 1025, "1 to 1024 validators"),
        ([1, 0, 1], "has no power"),
        ([LARGEST, 1], "add up to more than"),
        ([2**62, 2**62], "add up to more than"),
        ([2**63 - 1, 2**63 - 1, 2**63 - 1], "add up to more than"),
    ],
)
def test_powers_are_bounded(powers: list[int], words: str) -> None:
    members = [(place.to_bytes(20), power) for place, power in enumerate(powers)]
    with pytest.raises(BftError, match=words) as refusal:
        BftDriver(1, members, address(0))
    assert refusal.value.kind == "validators"


def test_largest_set_and_largest_power_decide() -> None:
    members = [(place.to_bytes(20), LARGEST // 1024) for place in range(1024)]
    driver = BftDriver(2**63 - 1, members, address(0))
    proposer = members[0][0]
    driver.new_round(0, proposer)
    driver.proposal(0, V, -1, proposer, SIGNATURE, True)
    outputs = [o for who, _ in members for o in driver.vote(2, 0, V, who, SIGNATURE)]
    assert decide(0, 0, V) in outputs
    alone = Height((LARGEST,), me=0)
    alone.begin(0, 0)
    assert alone.proposal(0, 0, V) == [prevote(0, V)]
    assert alone.prevote(0, 0, V) == [precommit(0, V)]


@pytest.mark.parametrize(
    ("height", "validators", "kind", "words"),
    [
        (0, [(address(0), 1)], "argument", "a height is at least 1"),
        (2**63, [(address(0), 1)], "argument", "63 bits"),
        (1, [(address(0), -1)], "argument", "not negative"),
        (1, [(address(0), 2**64)], "argument", "63 bits"),
        (1, [(b"", 1)], "argument", "20 bytes"),
        (1, [(address(0), 1), (address(1), 1), (address(0), 1)], "validators", "named twice"),
    ],
)
def test_a_height_and_its_validators_are_checked(
    height: int, validators: list[tuple[bytes, int]], kind: str, words: str
) -> None:
    with pytest.raises(BftError, match=words) as refusal:
        BftDriver(height, validators, address(0))
    assert refusal.value.kind == kind


def test_a_timer_is_scheduled_once() -> None:
    height = begun()
    height.timeout(PROPOSE_TIMER, 0)
    height.prevote(0, 1, V)
    height.prevote(0, 2, None)
    assert height.prevote(0, 3, W) == [timer(PREVOTE_TIMER, 0)]
    assert height.polka(0, (1, 2, 3), W) == []
    height.precommit(0, 1, V)
    height.precommit(0, 2, None)
    assert height.precommit(0, 3, W) == [timer(PRECOMMIT_TIMER, 0)]
    assert height.commit(0, (1, 2, 3), W) == []


def test_validity_is_not_taken_back() -> None:
    height = begun()
    assert height.proposal(0, 1, V) == [prevote(0, V)]
    refused(height, "validity", lambda: height.proposal(0, 1, V, valid=False), "was valid before")
    refused(height, "validity", lambda: height.proposal(1, 2, V, valid=False), "was valid before")
    assert height.proposal(1, 2, W, valid=False) == []
    assert height.proposal(1, 2, W) == []


def test_single_messages_far_ahead_are_refused() -> None:
    height = begun()
    assert height.prevote(WINDOW, 1, V) == []
    assert height.proposal(WINDOW, 1, V) == []
    refused(height, "window", lambda: height.prevote(WINDOW + 1, 1, V), "more than 100 ahead")
    refused(height, "window", lambda: height.proposal(WINDOW + 1, 1, V), "more than 100 ahead")
    height.skip_to(5, 1, (1, 2))
    assert height.prevote(WINDOW + 5, 1, V) == []


def test_a_round_certificate_may_be_far_ahead() -> None:
    height = begun()
    far = 100_000
    votes = [(PREVOTE, None, address(who), SIGNATURE) for who in (1, 2, 3)]
    assert height.driver.round_votes(far, votes) == [("new_round", far)]
    assert height.begin(far, 1) == [timer(PROPOSE_TIMER, far)]
    assert height.driver.has_vote(PREVOTE, far, None, address(3))
    assert height.timeout(PROPOSE_TIMER, far) == [prevote(far, None), precommit(far, None)]


def test_a_precommit_certificate_of_this_round_starts_its_timer() -> None:
    height = begun()
    votes = [(2, None, address(who), SIGNATURE) for who in (1, 2, 3)]
    assert height.driver.round_votes(0, votes) == [timer(PRECOMMIT_TIMER, 0)]


def test_a_round_certificate_needs_a_third_and_distinct_votes() -> None:
    height = begun()
    one = (PREVOTE, None, address(1), SIGNATURE)
    both = (2, None, address(1), SIGNATURE)
    stranger = (PREVOTE, None, address(9), SIGNATURE)
    for votes, kind in (
        ([], "certificate"),
        ([one], "certificate"),
        ([one, both], "certificate"),
        ([one, one], "certificate"),
        ([one, stranger], "unknown_validator"),
    ):
        refused(height, kind, lambda votes=votes: height.driver.round_votes(2, votes))  # type: ignore[misc]


@pytest.mark.parametrize("certificate", ["polka", "commit"])
def test_certificates_need_distinct_signers_and_a_quorum(certificate: str) -> None:
    height = begun()
    feed = getattr(height, certificate)
    refused(height, "certificate", lambda: feed(0, (), V), "no more than 2/3")
    refused(height, "certificate", lambda: feed(0, (1, 2), V), "no more than 2/3")
    refused(height, "certificate", lambda: feed(0, (1, 2, 2, 3), V), "twice")
    height.proposal(0, 1, V)
    height.prevote(0, 0, V)
    expected = {"polka": precommit(0, V), "commit": decide(0, 0, V)}
    assert feed(0, (1, 2, 3), V) == [expected[certificate]]


def test_a_certificate_repeated_changes_nothing() -> None:
    height = begun()
    height.commit(0, (1, 2, 3), V)
    assert height.commit(0, (0, 1, 2), V) == []
    assert height.driver.precommits(0, V) == height.signatures(2, 0, (1, 2, 3), V)
    height.polka(0, (1, 2, 3), V)
    before = height.driver.dump()
    height.polka(0, (0, 1, 2), V)
    assert height.driver.dump() == before


def test_the_object_stays_sound_through_every_refusal() -> None:
    height = begun()
    assert height.driver.poisoned is False
    assert height.proposal(0, 1, V) == [prevote(0, V)]
    assert height.prevotes(0, (0, 1), V) == []
    assert height.prevote(0, 2, V) == [precommit(0, V)]
    assert height.precommits(0, (0, 1, 2), V) == [decide(0, 0, V)]
    refused(height, "order", lambda: height.begin(1, 1))
