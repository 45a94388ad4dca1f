"""`metis-node gov`: governance by stake: parameters, proposals, votes, the timelock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metis_node.errors import InvalidRequest
from metis_node.node.cli.operator_command import Desk, operator_command

if TYPE_CHECKING:
    from metis_node.l1.orders import Order
    from metis_node.l1.proposal_orders import Standing
    from metis_node.l1.proposals import Proposal
    from metis_node.node.operator_desk import Session
    from metis_node.types.primitives import Address

app = typer.Typer(
    help="Governance by stake: parameters, proposals, votes. Owners of active sequencers vote.",
    no_args_is_help=True,
)

ProposalArgument = Annotated[
    str, typer.Argument(metavar="PROPOSAL", help="Number in `gov list`, or the id.")
]


@operator_command(app, "params", sends=False)
def params(desk: Desk) -> None:
    """Show all governed parameters with their bounds."""
    from metis_node.l1.parameters import PARAMETERS, format_value
    from metis_node.node.cli.printing import print_json, print_rows

    found = asyncio.run(desk.l1().look(_parameters, _nobody()))
    if desk.json:
        print_json(
            {key: {"value": str(v), "least": str(a), "greatest": str(b)} for key, v, a, b in found}
        )
        return
    rows = [
        (
            key,
            format_value(key, value),
            f"{format_value(key, least)} to {format_value(key, greatest)}",
            PARAMETERS[key].about if key in PARAMETERS else "",
        )
        for key, value, least, greatest in found
    ]
    print_rows(("PARAMETER", "VALUE", "BOUNDS", "ABOUT"), rows)


@operator_command(app, "list", sends=False)
def list_proposals(desk: Desk) -> None:
    """List all proposals, and what comes next for each."""
    from metis_node.node.cli import gov_printing

    found = asyncio.run(desk.l1().look(_standings, _nobody()))
    gov_printing.print_list(found, json=desk.json)


@operator_command(app, "show", sends=False)
def show(desk: Desk, proposal: ProposalArgument) -> None:
    """Show one proposal: what it calls, votes, quorum, what comes next."""
    from metis_node.node.cli import gov_printing

    at = desk.l1()
    found = asyncio.run(at.look(lambda session: _standing(session, proposal), _nobody()))
    gov_printing.print_one(found, at.record.addresses, json=desk.json)


@operator_command(app, "propose")
def propose(
    desk: Desk,
    settings: Annotated[
        list[str] | None,
        typer.Option("--change", metavar="KEY=VALUE", help="Parameter, e.g. maxLock=120000."),
    ] = None,
    calls: Annotated[
        list[str] | None,
        typer.Option(
            "--call",
            metavar="CONTRACT.FUNCTION=ARGUMENT,...",
            help="Any call, e.g. LockingPool.setPause=true.",
        ),
    ] = None,
    description: Annotated[
        str, typer.Option("--description", help="Why; this is what voters read.")
    ] = "",
) -> None:
    """Propose changes. Needs power above the proposal threshold."""
    from metis_node.l1 import proposal_orders
    from metis_node.l1.proposals import MAX_ACTIONS, call_action, set_action

    at = desk.l1()
    addresses = at.record.addresses
    actions = [set_action(addresses, text) for text in settings or ()]
    actions += [call_action(addresses, text) for text in calls or ()]
    if len(actions) > MAX_ACTIONS:
        raise InvalidRequest(f"a proposal has at most {MAX_ACTIONS} actions")

    async def prepare(session: Session) -> Order:
        governor = session.reader("SequencerGovernor")
        clock = await governor.read("clock")
        return proposal_orders.propose(
            session.account,
            governor.address,
            actions,
            description,
            power=await governor.read("getVotes", session.account, clock - 1),
            threshold=await governor.read("proposalThreshold"),
        )

    _run(desk, prepare, "")


@operator_command(app, "vote")
def vote(
    desk: Desk,
    proposal: ProposalArgument,
    support: Annotated[str, typer.Argument(metavar="for|against|abstain")],
    reason: Annotated[str, typer.Option("--reason", help="Stands on chain for ever.")] = "",
) -> None:
    """Vote, once, with the power at the proposal's block."""
    from metis_node.l1 import proposal_orders

    async def prepare(session: Session) -> Order:
        governor, at = session.reader("SequencerGovernor"), await _standing(session, proposal)
        start, number = at.proposal.vote_start, at.proposal.proposal_id
        weight = 0
        if at.state == "active":
            weight = await governor.read("getVotes", session.account, start)
        return proposal_orders.vote(
            session.account,
            governor.address,
            at,
            support,
            reason,
            weight=weight,
            has_voted=await governor.read("hasVoted", number, session.account),
        )

    _run(desk, prepare, proposal)


@operator_command(app, "queue")
def queue(desk: Desk, proposal: ProposalArgument) -> None:
    """Put a proposal that passed into the timelock. Any account may."""
    from metis_node.l1 import proposal_orders

    async def prepare(session: Session) -> Order:
        at = await _standing(session, proposal)
        delay = await session.reader("TimelockController").read("getMinDelay")
        governor = session.record.addresses["SequencerGovernor"]
        return proposal_orders.queue(session.account, governor, at, delay_s=delay)

    _run(desk, prepare, proposal)


@operator_command(app, "execute")
def execute(desk: Desk, proposal: ProposalArgument) -> None:
    """Carry out a queued proposal after the timelock's delay. Any account may."""
    from metis_node.l1 import proposal_orders
    from metis_node.l1.proposals import describe

    async def prepare(session: Session) -> Order:
        at = await _standing(session, proposal)
        addresses = session.record.addresses
        calls = zip(at.proposal.targets, at.proposal.calldatas, strict=True)
        words = tuple(describe(addresses, to, data) for to, data in calls)
        governor = addresses["SequencerGovernor"]
        return proposal_orders.execute(session.account, governor, at, words)

    _run(desk, prepare, proposal)


# --- on the way --------------------------------------------------------------------------------


def _run(desk: Desk, prepare: Any, proposal: str) -> None:
    """Send it, then show the proposal as it is now; the newest where none was named."""
    from metis_node.node.cli import gov_printing, order_printing
    from metis_node.node.cli.printing import print_json

    at = desk.l1()
    done = order_printing.place(desk, at, prepare)
    if done is None:
        return
    found = asyncio.run(at.look(lambda session: _standing(session, proposal), _nobody()))
    if desk.json:
        print_json(done | {"proposal": gov_printing.standing_json(found, at.record.addresses)})
    else:
        gov_printing.print_one(found, at.record.addresses, json=False)


async def _parameters(session: Session) -> list[tuple[str, int, int, int]]:
    from metis_node.l1.parameters import parameter_of_bytes

    reader = session.reader("NetworkParameters")
    keys = await reader.read("keys")
    values = await asyncio.gather(*(reader.read("get", key) for key in keys))
    bounds = await asyncio.gather(*(reader.read("bounds", key) for key in keys))
    return [
        (parameter_of_bytes(key), value, *limits)
        for key, value, limits in zip(keys, values, bounds, strict=True)
    ]


async def _proposals(session: Session) -> tuple[list[Proposal], int]:
    """All, and the time of the L1's head."""
    from metis_node.errors import Temporary
    from metis_node.l1.proposals import find_proposals

    head = await session.client.header("latest")
    if head is None:
        raise Temporary("the L1 has no head")
    governor, first = session.record.addresses["SequencerGovernor"], session.record.first_block
    found = await find_proposals(session.client, governor, first=first, last=head.number)
    return found, head.timestamp


async def _standings(session: Session) -> list[Standing]:
    from metis_node.l1.proposal_orders import standing

    proposals, now = await _proposals(session)
    governor = session.reader("SequencerGovernor")
    return [await standing(governor, entry, head_time=now) for entry in proposals]


async def _standing(session: Session, text: str) -> Standing:
    from metis_node.l1.proposal_orders import standing
    from metis_node.l1.proposals import choose

    proposals, now = await _proposals(session)
    chosen = choose(proposals, text) if text else proposals[-1]
    return await standing(session.reader("SequencerGovernor"), chosen, head_time=now)


def _nobody() -> Address:
    from metis_node.types.primitives import ZERO_ADDRESS

    return ZERO_ADDRESS
