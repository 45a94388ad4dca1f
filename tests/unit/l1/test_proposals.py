"""Proposals: from what is typed to calls, from calls to words, and what comes next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode

from metis_node.errors import InvalidRequest
from metis_node.l1.contract_abi import contract
from metis_node.l1.proposal_orders import Standing, execute, propose, queue, vote
from metis_node.l1.proposals import Action, Proposal, call_action, choose, describe, set_action
from metis_node.types.primitives import Address

ADDRESSES = {
    "NetworkParameters": Address(b"\x01" * 20),
    "LockingPool": Address(b"\x02" * 20),
    "SequencerGovernor": Address(b"\x03" * 20),
}
GOVERNOR = ADDRESSES["SequencerGovernor"]
VOTER = Address(b"\x09" * 20)
METIS = 10**18
GWEI_OF_METIS = 10**9


def proposal(number: int = 1, **changes: Any) -> Proposal:
    action = set_action(ADDRESSES, "maxLock=150000")
    first = Proposal(
        number=number,
        proposal_id=10**76 + number,
        proposer=VOTER,
        targets=(action.to,),
        values=(0,),
        calldatas=(action.data,),
        vote_start=100,
        vote_end=200,
        description="Room to grow",
        block=99,
    )
    return replace(first, **changes)


def standing(state: str, **changes: Any) -> Standing:
    found = Standing(
        proposal=proposal(),
        state=state,
        clock=150,
        now=1_000,
        votes_against=0,
        votes_for=0,
        votes_abstain=0,
        quorum=None,
        eta=0,
    )
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("typed", "words", "value"),
    [
        ("maxLock=150000", "maxLock = 150,000 METIS", 150_000 * METIS),
        ("exitDelay=14 days", "exitDelay = 14 days", 1_209_600),
        ("exitDelay=90", "exitDelay = 1 min 30 s", 90),
        ("slashFraction=2.5%", "slashFraction = 2.5 %", 250),
        ("slashFraction=300", "slashFraction = 3 %", 300),
        ("maxSequencers=20", "maxSequencers = 20 seats", 20),
        ("submitCap=1.5", "submitCap = 1.5 ETH", 3 * METIS // 2),
    ],
)
def test_a_change_becomes_a_call_and_reads_back(typed: str, words: str, value: int) -> None:
    action = set_action(ADDRESSES, typed)
    assert action.to == ADDRESSES["NetworkParameters"]
    key, number = decode(("bytes32", "uint256"), action.data[4:])
    assert key.rstrip(b"\0").decode() == typed.partition("=")[0]
    assert number == value
    assert action.words == words


def test_any_call_can_be_written_and_reads_back() -> None:
    typed = "LockingPool.setWhitelist=0x" + "ab" * 20 + ",true"
    action = call_action(ADDRESSES, typed)
    assert action.to == ADDRESSES["LockingPool"]
    assert action.words.lower() == "lockingpool.setwhitelist(0x" + "ab" * 20 + ", true)"
    upgrade = "LockingPool.upgradeToAndCall=0x" + "cd" * 20 + ",0x"
    assert "upgradeToAndCall(0x" in call_action(ADDRESSES, upgrade).words
    delay = call_action(ADDRESSES, "SequencerGovernor.setVotingDelay=7200")
    assert delay.words == "SequencerGovernor.setVotingDelay(7200)"


def test_calls_that_nobody_knows_are_shown_as_they_are() -> None:
    pool = ADDRESSES["LockingPool"]
    assert describe(ADDRESSES, Address(b"\x77" * 20), b"\x01\x02").endswith("with 0x0102")
    assert describe(ADDRESSES, pool, b"\xff\xff\xff\xff") == "LockingPool with 0xffffffff"
    cut = contract("LockingPool").call("setPause", True)[:10]
    assert describe(ADDRESSES, pool, cut).startswith("LockingPool.setPause with 0x")


def test_a_proposal_is_named_by_number_or_by_the_beginning_of_its_id() -> None:
    several = [proposal(1), proposal(2, proposal_id=987_654_321)]
    assert choose(several, "2") is several[1]
    assert choose(several, "9876543") is several[1]
    for text, words in (
        ("3", "there is no proposal 3"),
        ("1234567", "there is no proposal"),
        ("x", "is no proposal"),
        ("٣", "is no proposal"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            choose(several, text)
    twins = [proposal(1, proposal_id=12_345_678), proposal(2, proposal_id=12_345_679)]
    with pytest.raises(InvalidRequest, match="2 proposals begin with 1234567"):
        choose(twins, "1234567")


def test_a_proposer_needs_power_and_a_reason() -> None:
    actions = [set_action(ADDRESSES, "maxLock=150000")]

    def order(acts: list[Action], why: str, power: int) -> Any:
        return propose(VOTER, GOVERNOR, acts, why, power=power, threshold=1_000 * GWEI_OF_METIS)

    made = order(actions, "why", 1_000 * GWEI_OF_METIS)
    assert made.effects == ("If it passes: maxLock = 150,000 METIS.",)
    kinds = contract("SequencerGovernor").functions["propose"].inputs
    targets, values, calldatas, why = decode(kinds, made.calls[0].data[4:])
    assert targets == ("0x" + "01" * 20,)
    assert values == (0,)
    assert calldatas == (actions[0].data,)
    assert why == "why"
    with pytest.raises(InvalidRequest, match="999 METIS of power, a proposal needs 1,000 METIS"):
        order(actions, "why", 999 * GWEI_OF_METIS)
    with pytest.raises(InvalidRequest, match="must do something"):
        order([], "why", 10**18)
    with pytest.raises(InvalidRequest, match="say why"):
        order(actions, "  ", 10**18)


def test_a_vote_counts_once_while_voting_is_open() -> None:
    def order(at: Standing, weight: int = 5, *, voted: bool = False, how: str = "for") -> Any:
        return vote(VOTER, GOVERNOR, at, how, "", weight=weight, has_voted=voted)

    made = order(standing("active"))
    assert decode(("uint256", "uint8"), made.calls[0].data[4:])[1] == 1
    reasoned = vote(VOTER, GOVERNOR, standing("active"), "abstain", "hm", weight=5, has_voted=False)
    assert decode(("uint256", "uint8", "string"), reasoned.calls[0].data[4:])[1:] == (2, "hm")
    for at, options, words in (
        (standing("pending"), {}, "is pending, not active; what comes next: voting begins"),
        (standing("active"), {"voted": True}, "cannot be changed"),
        (standing("active"), {"weight": 0}, "had no power at L1 block 100"),
        (standing("active"), {"how": "yes"}, "use against, for, abstain"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            order(at, **options)


def test_the_timelock_waits_its_time() -> None:
    assert queue(VOTER, GOVERNOR, standing("succeeded"), delay_s=10).calls
    with pytest.raises(InvalidRequest, match="is defeated, not succeeded"):
        queue(VOTER, GOVERNOR, standing("defeated"), delay_s=10)
    due = standing("queued", eta=1_000)
    assert execute(VOTER, GOVERNOR, due, ("done",)).effects == ("done.",)
    with pytest.raises(InvalidRequest, match="the timelock's delay ends at"):
        execute(VOTER, GOVERNOR, standing("queued", eta=1_001), ())
    with pytest.raises(InvalidRequest, match="is executed, not queued"):
        execute(VOTER, GOVERNOR, standing("executed"), ())


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        ("pending", {}, "voting begins after L1 block 100"),
        ("active", {}, "`gov vote 1 for` until L1 block 200"),
        ("succeeded", {}, "`gov queue 1`"),
        ("queued", {"eta": 2_000}, "`gov execute 1` from 1970"),
        ("queued", {"eta": 500}, "`gov execute 1`"),
        ("defeated", {}, "nothing: it found no majority"),
        ("executed", {}, "nothing"),
        ("canceled", {}, "nothing"),
    ],
)
def test_each_state_tells_what_comes_next(state: str, changes: Any, words: str) -> None:
    assert standing(state, **changes).next_step.startswith(words)
