"""What `gov` prints: proposals, their votes, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metis_node.l1.proposal_orders import Standing
    from metis_node.types.primitives import Address

MAX_TITLE = 50


def print_list(found: list[Standing], *, json: bool) -> None:
    from metis_node.node.cli.printing import print_json, print_rows

    if json:
        print_json([_brief(entry) for entry in found])
    elif not found:
        print("There are no proposals: `metis-node gov propose` makes one.")
    else:
        rows = [
            (entry.proposal.number, entry.state, _title(entry), entry.next_step) for entry in found
        ]
        print_rows(("NO", "STATE", "DESCRIPTION", "NEXT"), rows)


def print_one(found: Standing, addresses: Mapping[str, Address], *, json: bool) -> None:
    from metis_node.l1.deployment.record import shown
    from metis_node.l1.proposal_orders import format_power
    from metis_node.node.cli.printing import print_facts, print_json

    if json:
        print_json(standing_json(found, addresses))
        return
    proposal = found.proposal
    quorum = format_power(found.quorum) if found.quorum is not None else "known once voting begins"
    lines: dict[str, object] = {
        "proposal": proposal.number,
        "id": proposal.proposal_id,
        "state": found.state,
        "next": found.next_step,
        "description": proposal.description,
        "proposer": shown(proposal.proposer),
    }
    for number, words in enumerate(_calls(found, addresses), start=1):
        lines[f"call {number}"] = words
    lines["votes for"] = format_power(found.votes_for)
    lines["against"] = format_power(found.votes_against)
    lines["abstain"] = format_power(found.votes_abstain)
    lines["quorum"] = f"{quorum}, of for and abstain"
    print_facts(lines)


def standing_json(found: Standing, addresses: Mapping[str, Address]) -> dict[str, Any]:
    from metis_node.l1.deployment.record import shown

    return _brief(found) | {
        "proposer": shown(found.proposal.proposer),
        "calls": _calls(found, addresses),
        "votes_for": found.votes_for,
        "votes_against": found.votes_against,
        "votes_abstain": found.votes_abstain,
        "quorum": found.quorum,
        "vote_start": found.proposal.vote_start,
        "vote_end": found.proposal.vote_end,
        "eta": found.eta or None,
    }


def _brief(found: Standing) -> dict[str, Any]:
    return {
        "number": found.proposal.number,
        "id": str(found.proposal.proposal_id),
        "state": found.state,
        "description": found.proposal.description,
        "next": found.next_step,
    }


def _calls(found: Standing, addresses: Mapping[str, Address]) -> list[str]:
    from metis_node.l1.proposals import describe

    proposal = found.proposal
    return [
        describe(addresses, to, data)
        for to, data in zip(proposal.targets, proposal.calldatas, strict=True)
    ]


def _title(found: Standing) -> str:
    line = found.proposal.description.splitlines()[0] if found.proposal.description else ""
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 3] + "..."
