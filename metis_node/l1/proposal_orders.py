"""What an account may do with a proposal now, and what comes next. Reading it, and pure orders."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from metis_node.errors import InvalidRequest
from metis_node.l1.amounts import ONE_METIS, POWER_PER_METIS, format_metis, format_time
from metis_node.l1.contract_abi import contract
from metis_node.l1.contract_reader import ContractReader
from metis_node.l1.deployment.record import shown
from metis_node.l1.orders import ContractCall, Order
from metis_node.l1.proposals import Action, Proposal
from metis_node.l1.refusals import PROPOSAL_STATES
from metis_node.l1.stake_checks import refuse
from metis_node.types.primitives import Address

SUPPORT = {"against": 0, "for": 1, "abstain": 2}
WEI_PER_POWER = ONE_METIS // POWER_PER_METIS


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a proposal stands. Votes and power in gwei; `eta` seconds, 0 before it is queued."""

    proposal: Proposal
    state: str
    clock: int  # newest L1 block that the governor knows
    now: int
    votes_against: int
    votes_for: int
    votes_abstain: int
    quorum: int | None  # None before the snapshot is past
    eta: int

    @property
    def next_step(self) -> str:
        """For a person, with the command."""
        proposal, number = self.proposal, self.proposal.number
        match self.state:
            case "pending":
                return f"voting begins after L1 block {proposal.vote_start} (now {self.clock})"
            case "active":
                return (
                    f"`gov vote {number} for` until L1 block {proposal.vote_end} (now {self.clock})"
                )
            case "succeeded":
                return f"`gov queue {number}`"
            case "queued" if self.now < self.eta:
                return f"`gov execute {number}` from {format_time(self.eta)} on"
            case "queued":
                return f"`gov execute {number}`"
            case "defeated":
                return "nothing: it found no majority, or too few voted"
        return "nothing"


async def standing(governor: ContractReader, proposal: Proposal, *, head_time: int) -> Standing:
    """Ask the governor."""
    found = await asyncio.gather(
        governor.read("state", proposal.proposal_id),
        governor.read("clock"),
        governor.read("proposalVotes", proposal.proposal_id),
        governor.read("proposalEta", proposal.proposal_id),
    )
    clock: int = found[1]
    past = proposal.vote_start < clock
    return Standing(
        proposal=proposal,
        state=PROPOSAL_STATES[found[0]],
        clock=clock,
        now=max(head_time, int(time.time())),
        votes_against=found[2][0],
        votes_for=found[2][1],
        votes_abstain=found[2][2],
        quorum=await governor.read("quorum", proposal.vote_start) if past else None,
        eta=found[3],
    )


def propose(
    account: Address,
    governor: Address,
    actions: list[Action],
    description: str,
    *,
    power: int,
    threshold: int,
) -> Order:
    """`power` is the proposer's, `threshold` what it needs."""
    if not actions:
        refuse("a proposal must do something: name it with --change or --call")
    if not description.strip():
        refuse("say why with --description: it is what voters read")
    if power < threshold:
        refuse(
            f"{shown(account)} has {format_power(power)} of power, a proposal needs "
            f"{format_power(threshold)}: let an active sequencer's owner with more propose it"
        )
    data = contract("SequencerGovernor").call(
        "propose",
        [action.to for action in actions],
        [0] * len(actions),
        [action.data for action in actions],
        description,
    )
    effects = tuple(f"If it passes: {action.words}." for action in actions)
    return _order(account, governor, "propose", data, *effects)


def vote(
    account: Address,
    governor: Address,
    at: Standing,
    support: str,
    reason: str,
    *,
    weight: int,
    has_voted: bool,
) -> Order:
    """`weight`: the account's power at the proposal's block."""
    if support not in SUPPORT:
        raise InvalidRequest(f"{support!r} is no vote: use {', '.join(SUPPORT)}")
    _require(at, "active")
    if has_voted:
        refuse(f"{shown(account)} has voted on this proposal: a vote cannot be changed")
    if not weight:
        refuse(
            f"{shown(account)} had no power at L1 block {at.proposal.vote_start}, where it counts: "
            "owners of sequencers that were active then vote"
        )
    abi, number = contract("SequencerGovernor"), at.proposal.proposal_id
    data = (
        abi.call("castVoteWithReason", number, SUPPORT[support], reason)
        if reason
        else abi.call("castVote", number, SUPPORT[support])
    )
    words = f"{format_power(weight)} of power {_verb(support)} proposal {at.proposal.number}."
    return _order(account, governor, "vote", data, words)


def queue(account: Address, governor: Address, at: Standing, *, delay_s: int) -> Order:
    """Into the timelock. Anybody may."""
    _require(at, "succeeded")
    data = contract("SequencerGovernor").call("queue", *at.proposal.arguments)
    words = f"Proposal {at.proposal.number} can be executed {delay_s} s later."
    return _order(account, governor, "queue", data, words)


def execute(account: Address, governor: Address, at: Standing, words: tuple[str, ...]) -> Order:
    """After the timelock's delay. Anybody may. `words`: its calls."""
    _require(at, "queued")
    if at.now < at.eta:
        refuse(f"the timelock's delay ends at {format_time(at.eta)}: try again then")
    data = contract("SequencerGovernor").call("execute", *at.proposal.arguments)
    return _order(account, governor, "execute", data, *(f"{entry}." for entry in words))


def format_power(power: int) -> str:
    """Power is stake in gwei; people know METIS."""
    return format_metis(power * WEI_PER_POWER)


def _verb(support: str) -> str:
    return {"for": "vote for", "against": "vote against", "abstain": "abstain from"}[support]


def _require(at: Standing, state: str) -> None:
    if at.state != state:
        refuse(
            f"proposal {at.proposal.number} is {at.state}, not {state}; what comes next: "
            f"{at.next_step}"
        )


def _order(account: Address, governor: Address, label: str, data: bytes, *effects: Any) -> Order:
    call = ContractCall(label=label, to=governor, data=data)
    return Order(sender=account, calls=(call,), effects=effects)
