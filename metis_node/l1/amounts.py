"""Amounts of METIS and figures of governance, as people write and read them; wei inside. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from metis_node.errors import InvalidRequest

DECIMALS = 18
ONE_METIS = 10**DECIMALS
POWER_PER_METIS = 10**9  # power is stake in gwei
MAX_AMOUNT = (1 << 128) - 1
_AMOUNT = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?")


def parse_metis(text: str, *, what: str = "the amount") -> int:
    """Wei of `20000`, `20,000.5` or `20000 METIS`. InvalidRequest says what is wrong."""
    bare = re.sub(r"\s*metis$", "", text.strip(), flags=re.IGNORECASE)
    match = _AMOUNT.fullmatch(bare)
    if match is None:
        raise InvalidRequest(
            f"{what} {text!r} is no amount of METIS: write it like 20000 or 20,000.5 (no sign, "
            "no exponent)"
        )
    whole, fraction = match.group(1).replace(",", ""), match.group(2) or ""
    if len(fraction) > DECIMALS:
        raise InvalidRequest(f"{what} {text!r} has more than {DECIMALS} decimals, METIS has not")
    wei: int = int(whole) * ONE_METIS + int(fraction.ljust(DECIMALS, "0"))
    if wei > MAX_AMOUNT:
        raise InvalidRequest(f"{what} {text!r} is more METIS than can exist")
    return wei


def format_metis(wei: int) -> str:
    """`20,000.5`: all digits that there are, none more."""
    return _format(wei, "METIS")


def format_ether(wei: int, digits: int = 6) -> str:
    """`0.001234 ETH`, rounded up: what something costs at most."""
    unit = 10 ** (DECIMALS - digits)
    return _format(-(-wei // unit) * unit, "ETH")


def _format(wei: int, symbol: str) -> str:
    sign, wei = ("-", -wei) if wei < 0 else ("", wei)
    whole, rest = divmod(wei, ONE_METIS)
    fraction = f".{rest:018d}".rstrip("0").rstrip(".")
    return f"{sign}{whole:,}{fraction} {symbol}"


def format_time(seconds: int) -> str:
    """A moment in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"  # further than calendars go


def format_duration(seconds: int) -> str:
    """`21 days`, `1 h 30 min`, `45 s`: the two greatest units."""
    units = (("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:,} {'day' if count == 1 and name == 'days' else name}")
    return " ".join(parts[:2]) or "0 s"
