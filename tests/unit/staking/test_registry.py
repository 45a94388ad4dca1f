"""The registry repeats what the pool announced, at every block, and notices what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.staking.facts import (
    Fact,
    ParameterSet,
    SeatChanged,
    StakeChanged,
    Status,
)
from metis_node.staking.registry import InconsistentFacts, Registry, UnseenL1Block, feed
from metis_node.staking.validators import Validator
from metis_node.types.primitives import Address

START = 100
TOKEN = 10**18
GWEI_OF_TOKEN = 10**9


def signer(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


def seat(sequencer_id: int, key: int, power: int, total: int) -> SeatChanged:
    return SeatChanged(
        sequencer_id=sequencer_id, signer=signer(key), power=power, total_power=total
    )


def stake(
    sequencer_id: int, locked: int, status: Status = Status.ACTIVE, *, jailed: bool = False
) -> StakeChanged:
    return StakeChanged(
        sequencer_id=sequencer_id,
        status=status,
        jailed=jailed,
        tombstoned=False,
        locked=locked,
        unbonding=0,
    )


@pytest.fixture
def registry() -> Registry:
    """Two lock at 101 and 105, the first rotates at 110, the second leaves at 120."""
    return feed(
        Registry(START),
        [
            (101, [ParameterSet(key="epochLength", value=200), seat(1, 11, 5, 5)]),
            (105, [stake(2, 7 * TOKEN), seat(2, 22, 7, 12)]),
            (110, [seat(1, 12, 5, 12)]),
            (115, [ParameterSet(key="epochLength", value=300)]),
            (120, [stake(2, 0, Status.UNLOCKED), seat(2, 22, 0, 5)]),
        ],
    )


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (100, []),
        (101, [(1, 11, 5)]),
        (104, [(1, 11, 5)]),
        (105, [(1, 11, 5), (2, 22, 7)]),
        (110, [(1, 12, 5), (2, 22, 7)]),
        (119, [(1, 12, 5), (2, 22, 7)]),
        (120, [(1, 12, 5)]),
    ],
)
def test_the_set_is_known_at_every_block(
    registry: Registry, block: int, expected: list[tuple[int, int, int]]
) -> None:
    assert registry.validators_at(block) == tuple(
        Validator(sequencer_id=i, signer=signer(key), power=power) for i, key, power in expected
    )
    assert registry.total_power_at(block) == sum(power for _, _, power in expected)


def test_parameters_hold_from_the_block_that_set_them(registry: Registry) -> None:
    assert registry.parameter_at("epochLength", 100) is None
    assert registry.parameter_at("epochLength", 114) == 200
    assert registry.parameters_at(115) == {"epochLength": 300}
    assert registry.parameter_at("unheard", 115) is None


def test_a_sequencer_is_told_with_stake_and_status(registry: Registry) -> None:
    registry.apply(121, [stake(1, 1, Status.PENDING, jailed=True)])
    second = registry.sequencer_at(2, 105)
    assert second is not None
    assert (second.locked, second.status) == (7 * TOKEN, Status.ACTIVE)
    assert registry.sequencer_at(2, 104) is None
    assert registry.sequencer_at(3, 121) is None
    states = registry.sequencers_at(121)
    assert [(s.sequencer_id, s.status, s.jailed) for s in states] == [
        (1, Status.PENDING, True),
        (2, Status.UNLOCKED, False),
    ]
    assert registry.sequencer_of(signer(11)) == registry.sequencer_of(signer(12)) == 1
    assert registry.sequencer_of(signer(99)) is None


def test_a_block_that_was_not_followed_is_refused(registry: Registry) -> None:
    with pytest.raises(UnseenL1Block, match="L1 block 121 has not been followed yet"):
        registry.validators_at(121)
    registry.advance(121)
    assert len(registry.validators_at(121)) == 1


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([seat(3, 33, 4, 10)], "the total becomes 10, but it would be 9"),
        ([seat(3, 33, 4, 9), seat(1, 12, 6, 9)], "the total becomes 9, but it would be 10"),
        ([seat(3, 12, 4, 9)], "of sequencer 1 turns up at sequencer 3"),
        ([seat(3, 33, 1 << 64, 5 + (1 << 64))], "gets power 18446744073709551616"),
    ],
)
def test_facts_that_do_not_add_up_change_nothing(
    registry: Registry, facts: list[Fact], words: str
) -> None:
    before = everything(registry, 121)
    with pytest.raises(InconsistentFacts, match=words):
        registry.apply(121, [ParameterSet(key="epochLength", value=1), *facts])
    assert registry.block == 120
    assert everything(registry, 121) == before


def everything(registry: Registry, upto: int) -> list[object]:
    """All that can be asked, without the blocks that are not there yet."""
    blocks = [n for n in range(START, upto + 1) if n <= registry.block]
    return [
        (
            registry.validators_at(n),
            registry.total_power_at(n),
            registry.sequencers_at(n),
            registry.parameters_at(n),
        )
        for n in blocks
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, list[Fact]]]:
    """Blocks with facts that add up, as a pool would announce them."""
    powers: dict[int, int] = {}
    keys: dict[int, int] = {}
    blocks: list[tuple[int, list[Fact]]] = []
    number = START
    for _ in range(draw(st.integers(0, 12))):
        number += draw(st.integers(1, 3))
        facts: list[Fact] = []
        for _ in range(draw(st.integers(1, 3))):
            i = draw(st.integers(1, 4))
            kind = draw(st.sampled_from(["seat", "stake", "parameter"]))
            if kind == "seat":
                powers[i] = draw(st.integers(0, 9))
                keys[i] = 10 * i + draw(st.integers(0, 2))
                facts.append(seat(i, keys[i], powers[i], sum(powers.values())))
            elif kind == "stake":
                status = draw(st.sampled_from(list(Status)))
                facts.append(stake(i, draw(st.integers(0, 9)), status))
            else:
                facts.append(ParameterSet(key="p", value=draw(st.integers(0, 9))))
        blocks.append((number, facts))
    return blocks


@given(histories(), st.integers(0, 40))
def test_undoing_equals_never_having_seen(blocks: list[tuple[int, list[Fact]]], depth: int) -> None:
    registry = feed(Registry(START), blocks)
    cut = max(START, registry.block - depth)
    registry.undo_to(cut)
    clean = feed(Registry(START), [block for block in blocks if block[0] <= cut])
    clean.advance(cut)
    assert everything(registry, cut) == everything(clean, cut)
    rest = [block for block in blocks if block[0] > cut]
    assert everything(feed(registry, rest), 200) == everything(feed(Registry(START), blocks), 200)
