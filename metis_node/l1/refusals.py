"""Each error of the contracts in words for an operator, with the next step. Pure.

The words are in `refusal_words.py`; here they are filled in.
"""

from __future__ import annotations

from typing import Any

from metis_node.l1.amounts import POWER_PER_METIS, format_metis, format_time
from metis_node.l1.refusal_words import REFUSALS
from metis_node.l1.reverts import Revert

STATUS_NAMES = ("unavailable", "inactive", "active", "unlocked", "pending")
PROPOSAL_STATES = (
    "pending",
    "active",
    "canceled",
    "defeated",
    "succeeded",
    "queued",
    "expired",
    "executed",
)


def explain(revert: Revert) -> str:
    """What went wrong and what to do, in one sentence or two."""
    template = REFUSALS.get(revert.name)
    if template is None:
        shown = "0x" + revert.data[:68].hex() if revert.data else "no data"
        return (
            f"the contract refused without words that this version knows ({shown}): is this "
            "version older than the contracts? `l1 verify` tells"
        )
    return template.format_map({name: _Shown(value) for name, value in revert.arguments.items()})


class _Shown:
    """A value that knows how to print itself by the word after the colon."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __format__(self, how: str) -> str:
        value = self._value
        match how:
            case "address":
                return _address(value)
            case "metis":
                return format_metis(value)
            case "power":
                return format_metis(value * POWER_PER_METIS)
            case "time":
                return format_time(value) if value else "none"
            case "key":
                return bytes(value).rstrip(b"\0").decode(errors="replace")
            case "status":
                return _named(STATUS_NAMES, value)
            case "proposal_state":
                return _named(PROPOSAL_STATES, value)
        if how:
            raise ValueError(f"no way to show a value as {how!r}")
        return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _named(names: tuple[str, ...], index: int) -> str:
    return names[index] if index < len(names) else f"in state {index}"


def _address(value: str) -> str:
    from eth_utils.address import to_checksum_address

    return to_checksum_address(value)
