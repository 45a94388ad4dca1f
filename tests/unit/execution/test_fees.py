"""Fee arithmetic against the execution specs, and its floors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ethereum.forks.osaka import fork as osaka_fork
from ethereum.forks.prague import fork as prague_fork
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.headers import decode_header
from metis_node.execution import fees
from metis_node.types.rules import ChainRules, Fork
from tests import factories

RULES = ChainRules(
    chain_id=1,
    forks=(
        Fork(timestamp=0, name="cancun"),
        Fork(timestamp=100, name="prague"),
        Fork(timestamp=200, name="osaka"),
    ),
    gas_limit=30_000_000,
    blobs=True,
)
BASE = decode_header(factories.header_rlp())


def test_forks_hold_from_their_time() -> None:
    assert [fees.fork_at(RULES, t) for t in (0, 99, 100, 199, 200, 10**10)] == [
        "cancun",
        "cancun",
        "prague",
        "prague",
        "osaka",
        "osaka",
    ]
    assert [fees.is_osaka(RULES, t) for t in (199, 200)] == [False, True]


@given(
    gas_limit=st.integers(5_000, 2**40),
    share=st.fractions(0, 1),
    base_fee=st.integers(7, 2**60),
)
def test_the_base_fee_equals_the_specs(gas_limit: int, share: object, base_fee: int) -> None:
    used = int(gas_limit * share)  # type: ignore[call-overload]
    parent = replace(BASE, gas_limit=gas_limit, gas_used=used, base_fee_per_gas=base_fee)
    expected = prague_fork.calculate_base_fee_per_gas(
        prague_fork.Uint(gas_limit),
        prague_fork.Uint(gas_limit),
        prague_fork.Uint(used),
        prague_fork.Uint(base_fee),
    )
    assert fees.next_base_fee(parent, RULES) == int(expected)


def test_the_base_fee_keeps_above_the_floor() -> None:
    parent = replace(BASE, base_fee_per_gas=100, gas_used=0)
    assert fees.next_base_fee(parent, RULES) == 88
    assert fees.next_base_fee(parent, replace(RULES, min_base_fee_per_gas=95)) == 95


@pytest.mark.parametrize(("fork", "time"), [("prague", 150), ("osaka", 250)])
@given(
    excess=st.integers(0, 200 * 2**17),
    blobs=st.integers(0, 9),
    base_fee=st.integers(0, 2**50),
)
def test_excess_blob_gas_equals_the_specs(
    fork: str, time: int, excess: int, blobs: int, base_fee: int
) -> None:
    module = {"prague": prague_fork, "osaka": osaka_fork}[fork]
    parent = replace(
        BASE, excess_blob_gas=excess, blob_gas_used=blobs * 2**17, base_fee_per_gas=base_fee
    )
    spec_parent = _spec_header(module, excess, blobs * 2**17, base_fee)
    assert fees.next_excess_blob_gas(parent, RULES, time) == int(
        module.calculate_excess_blob_gas(spec_parent)
    )
    price = module.calculate_blob_gas_price(module.U64(excess))
    assert fees.blob_base_fee(excess, fees.BLOB_SCHEDULES[fork]) == int(price)


def test_effective_tips() -> None:
    assert fees.effective_tip(100, 10, 50) == 10
    assert fees.effective_tip(100, 60, 50) == 50
    assert fees.effective_tip(40, 10, 50) == -10


def _spec_header(module: object, excess: int, used: int, base_fee: int) -> object:
    class Parent(module.Header):  # type: ignore[name-defined,misc]
        """A header of the specs with the three fields that count."""

        def __init__(self) -> None:
            object.__setattr__(self, "excess_blob_gas", module.U64(excess))  # type: ignore[attr-defined]
            object.__setattr__(self, "blob_gas_used", module.U64(used))  # type: ignore[attr-defined]
            object.__setattr__(self, "base_fee_per_gas", module.Uint(base_fee))  # type: ignore[attr-defined]

    return Parent()
