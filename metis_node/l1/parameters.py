"""The governed parameters as people write and read them; their units as `ParameterKeys` says. Pure.

Bounds and values are the contract's; nothing here repeats them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from metis_node.errors import InvalidRequest
from metis_node.l1.amounts import format_duration, format_metis, parse_metis

BPS = 10_000
DURATION_UNITS = {"s": 1, "min": 60, "h": 3_600, "hours": 3_600, "day": 86_400, "days": 86_400}
_DURATION = re.compile(r"([0-9]{1,12})\s*([a-z]*)")
_COUNT = re.compile(r"[0-9]{1,30}")
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?\s*%")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """`unit`: metis (wei), seconds, share (1/10,000), or the plural of what is counted."""

    key: str
    unit: str
    about: str

    @property
    def key_bytes(self) -> bytes:
        return self.key.encode().ljust(32, b"\0")


PARAMETERS: Mapping[str, Parameter] = {
    entry.key: entry
    for entry in (
        Parameter(key="minLock", unit="metis", about="least stake"),
        Parameter(key="maxLock", unit="metis", about="most stake, and most that gives power"),
        Parameter(key="exitDelay", unit="seconds", about="from leaving to being paid"),
        Parameter(key="activationDelay", unit="seconds", about="from a lock to a seat"),
        Parameter(key="maxSequencers", unit="seats", about="sequencers active at once"),
        Parameter(key="epochLength", unit="blocks", about="L2 blocks of an epoch"),
        Parameter(key="rewardPerBlock", unit="metis", about="for a block built"),
        Parameter(key="rewardPerVote", unit="metis", about="per height for the votes of all power"),
        Parameter(key="voteFine", unit="metis", about="per height if all power missed it"),
        Parameter(key="slashFraction", unit="share", about="of the stake, for equivocation"),
        Parameter(key="reporterShare", unit="share", about="of what is slashed, to the reporter"),
        Parameter(key="reporterCap", unit="metis", about="most that a report pays"),
        Parameter(key="jailTerm", unit="seconds", about="before a jailed sequencer may return"),
        Parameter(key="recoveryDelay", unit="seconds", about="without a batch, before a restart"),
        Parameter(key="submitMargin", unit="share", about="on top of a submitter's cost"),
        Parameter(key="submitCap", unit="metis", about="most ether that a batch credits"),
    )
}


def parameter_of_bytes(key: bytes) -> str:
    """The name in a bytes32 key."""
    return key.rstrip(b"\0").decode(errors="replace")


def require_parameter(key: str) -> Parameter:
    """InvalidRequest names the nearest one."""
    if key in PARAMETERS:
        return PARAMETERS[key]
    near = get_close_matches(key, PARAMETERS, n=1, cutoff=0.5)
    hint = f": did you mean {near[0]}?" if near else f": there are {', '.join(PARAMETERS)}"
    raise InvalidRequest(f"there is no parameter {key}{hint}")


def parse_value(parameter: Parameter, text: str) -> int:
    """`20000 METIS`, `21 days`, `5%`, `200`, by the parameter's unit. InvalidRequest explains."""
    match parameter.unit:
        case "metis":
            return parse_metis(text, what=parameter.key)
        case "seconds":
            return _duration(parameter, text)
        case "share":
            return _share(parameter, text)
    if not _COUNT.fullmatch(text.strip()):
        raise InvalidRequest(f"{parameter.key} {text!r} is no number of {parameter.unit}")
    return int(text)


def format_value(key: str, value: int) -> str:
    """As people read it, with its unit."""
    parameter = PARAMETERS.get(key)
    match parameter.unit if parameter is not None else "":
        case "metis":
            return format_metis(value).replace("METIS", "ETH" if key == "submitCap" else "METIS")
        case "seconds":
            return format_duration(value)
        case "share":
            return f"{value / 100:g} %"
        case "":
            return str(value)
        case unit:
            return f"{value:,} {unit}"


def _duration(parameter: Parameter, text: str) -> int:
    match = _DURATION.fullmatch(text.strip())
    if match is None or (match.group(2) or "s") not in DURATION_UNITS:
        raise InvalidRequest(
            f"{parameter.key} {text!r} is no time: write it like 21 days, 6 h, 30 min or 90 s"
        )
    return int(match.group(1)) * DURATION_UNITS[match.group(2) or "s"]


def _share(parameter: Parameter, text: str) -> int:
    match = _PERCENT.fullmatch(text.strip())
    if match is not None:
        return int(match.group(1)) * 100 + int((match.group(2) or "").ljust(2, "0"))
    if not _COUNT.fullmatch(text.strip()):
        raise InvalidRequest(
            f"{parameter.key} {text!r} is no share: write it like 5% or 500 (of {BPS})"
        )
    return int(text)
