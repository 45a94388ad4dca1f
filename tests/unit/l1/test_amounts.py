"""Amounts as people write them: what is taken, what is refused, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.errors import InvalidRequest
from metis_node.l1.amounts import (
    MAX_AMOUNT,
    format_duration,
    format_ether,
    format_metis,
    format_time,
    parse_metis,
)

ONE = 10**18


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("20000", 20_000 * ONE),
        ("20,000.5", 20_000 * ONE + ONE // 2),
        (" 1 METIS ", ONE),
        ("1metis", ONE),
        ("0.000000000000000001", 1),
        ("0", 0),
        ("1,234,567", 1_234_567 * ONE),
    ],
)
def test_amounts_that_people_write(text: str, wei: int) -> None:
    assert parse_metis(text) == wei


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "+1", "1e5", "0x10", "1.", ".5", "1_000", "10,00", "1,2345", "NaN", "inf"),
        *("0.0000000000000000001", "9" * 40, "٣", "1 000", "20000 METIS METIS", "1 ETH"),
    ],
)
def test_what_is_no_amount_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidRequest, match="the amount"):
        parse_metis(text)


@given(st.integers(min_value=0, max_value=MAX_AMOUNT))
def test_each_amount_reads_back(wei: int) -> None:
    assert parse_metis(format_metis(wei)) == wei


def test_figures_for_people() -> None:
    assert format_metis(-ONE // 4) == "-0.25 METIS"
    assert format_ether(1) == "0.000001 ETH"
    assert format_duration(21 * 86_400) == "21 days"
    assert format_duration(86_400) == "1 day"
    assert format_duration(5_400) == "1 h 30 min"
    assert format_duration(0) == "0 s"
    assert format_time(2**63) == f"second {2**63}"
