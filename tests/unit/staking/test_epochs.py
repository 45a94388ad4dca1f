"""Order, absence, turns: each rule, and the chances that follow from them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.hashes import keccak256
from metis_node.staking.epochs import (
    DEFAULT_LENGTH,
    Epoch,
    absent_last,
    absent_validators,
    epoch_length,
    make_epoch,
    weighted_order,
)
from metis_node.staking.seeds import EpochAnchors, SeedBlock
from metis_node.staking.static_epochs import StaticEpochs
from metis_node.staking.validators import Validator
from metis_node.types.primitives import Address, Hash32
from metis_node.types.rules import StaticSet

EPOCHS = 100_000
# Upper 0.001 quantiles of chi-square: a right build fails one run in a thousand seeds, and the
# seeds are fixed, so it fails never or always.
CHI_SQUARE_0_001 = {4: 18.47, 5: 20.52, 6: 22.46}


def validators(*powers: int, first_id: int = 1) -> tuple[Validator, ...]:
    return tuple(
        Validator(sequencer_id=i, signer=Address(i.to_bytes(20, "big")), power=power)
        for i, power in enumerate(powers, first_id)
    )


def seed(number: int) -> Hash32:
    return Hash32(keccak256(b"test seed" + number.to_bytes(8, "big")))


def ids(order: tuple[Validator, ...]) -> list[int]:
    return [validator.sequencer_id for validator in order]


def chi_square(counts: Counter[int], expected: dict[int, float]) -> float:
    return sum((counts[i] - wanted) ** 2 / wanted for i, wanted in expected.items())


SETS = st.lists(st.integers(1, 10**14), min_size=1, max_size=40).map(lambda p: validators(*p))


@given(SETS, st.binary(min_size=32, max_size=32))
def test_the_order_is_a_permutation(chosen: tuple[Validator, ...], raw: bytes) -> None:
    order = weighted_order(Hash32(raw), chosen)
    assert sorted(ids(order)) == ids(chosen)
    assert weighted_order(Hash32(raw), tuple(reversed(chosen))) == order


def test_the_draws_are_those_of_the_specification() -> None:
    """A slow twin that lays every unit of power on a line."""
    chosen = validators(3, 1, 4, 2)
    for number in range(50):
        line = [v.sequencer_id for v in chosen for _ in range(v.power)]
        expected = []
        for index in range(len(chosen)):
            digest = keccak256(seed(number) + index.to_bytes(32, "big"))
            expected.append(line[int.from_bytes(digest, "big") % len(line)])
            line = [i for i in line if i != expected[-1]]
        assert ids(weighted_order(seed(number), chosen)) == expected


@pytest.fixture(scope="module")
def first_two() -> tuple[tuple[Validator, ...], Counter[int], Counter[int]]:
    """Who came first and second in 100,000 epochs of a set with very different stakes."""
    chosen = validators(20_000, 25_000, 40_000, 60_000, 80_000, 100_000)
    first, second = Counter[int](), Counter[int]()
    for number in range(EPOCHS):
        order = weighted_order(seed(number), chosen)
        first[order[0].sequencer_id] += 1
        second[order[1].sequencer_id] += 1
    return chosen, first, second


def test_shares_of_elected_epochs_follow_stake(
    first_two: tuple[tuple[Validator, ...], Counter[int], Counter[int]],
) -> None:
    chosen, first, _ = first_two
    total = sum(v.power for v in chosen)
    expected = {v.sequencer_id: EPOCHS * v.power / total for v in chosen}
    assert chi_square(first, expected) < CHI_SQUARE_0_001[5]
    flat = dict.fromkeys(expected, EPOCHS / len(expected))
    assert chi_square(first, flat) > 1_000  # the measure sees a wrong share


def test_shares_of_first_backups_follow_stake(
    first_two: tuple[tuple[Validator, ...], Counter[int], Counter[int]],
) -> None:
    chosen, _, second = first_two
    total = sum(v.power for v in chosen)
    expected = {
        v.sequencer_id: EPOCHS
        * sum(o.power / total * v.power / (total - o.power) for o in chosen if o is not v)
        for v in chosen
    }
    assert chi_square(second, expected) < CHI_SQUARE_0_001[5]


@given(
    powers=st.lists(st.integers(2, 10**14), min_size=1, max_size=12),
    index=st.integers(0, 11),
    part=st.integers(1, 10**14),
    raw=st.binary(min_size=32, max_size=32),
)
def test_splitting_stake_over_neighbouring_ids_elects_the_same_owner(
    powers: list[int], index: int, part: int, raw: bytes
) -> None:
    """The line of powers is the same line, so the first draw is the same owner: exactly."""
    index %= len(powers)
    part = 1 + part % (powers[index] - 1)
    owners = list(range(len(powers)))
    split = [*powers[:index], part, powers[index] - part, *powers[index + 1 :]]
    split_owners = [*owners[: index + 1], index, *owners[index + 1 :]]
    whole = weighted_order(Hash32(raw), validators(*powers))[0]
    parts = weighted_order(Hash32(raw), validators(*split))[0]
    assert owners[whole.sequencer_id - 1] == split_owners[parts.sequencer_id - 1]


def test_splitting_stake_over_distant_ids_does_not_change_the_chance() -> None:
    """100,000 locked at once, or as 20,000 five times over with others' ids between."""
    whole = validators(50_000, 100_000, 70_000, 30_000)
    split = validators(20_000, 50_000, 20_000, 70_000, 20_000, 30_000, 20_000, 20_000)
    mine = {1, 3, 5, 7, 8}
    wins = Counter[str]()
    for number in range(EPOCHS):
        wins["whole"] += weighted_order(seed(number), whole)[0].sequencer_id == 2
        wins["split"] += weighted_order(seed(number), split)[0].sequencer_id in mine
    share = 100_000 / 250_000
    deviation = (EPOCHS * share * (1 - share)) ** 0.5
    assert abs(wins["whole"] - EPOCHS * share) < 3.3 * deviation
    assert abs(wins["split"] - EPOCHS * share) < 3.3 * deviation


# --- participation ----------------------------------------------------------------------------


def absent_by_text(chosen: tuple[Validator, ...], records: dict[int, set[int]]) -> frozenset[int]:
    """E4 as it is written. `records`: each builder, with the ids that its blocks name."""
    absent = set()
    for v in chosen:
        others = [named for builder, named in records.items() if builder != v.sequencer_id]
        if len(others) >= 2 and not any(v.sequencer_id in named for named in others):
            absent.add(v.sequencer_id)
    return frozenset(absent)


def absent_as_kept(chosen: tuple[Validator, ...], records: dict[int, set[int]]) -> frozenset[int]:
    """From what the contract keeps of the same records."""
    named = {i for builder, places in records.items() for i in places if i != builder}
    return absent_validators(chosen, builders=set(records), named=named)


@given(
    st.dictionaries(st.integers(1, 8), st.sets(st.integers(1, 8)), max_size=8), st.integers(1, 7)
)
def test_what_the_contract_keeps_is_enough(records: dict[int, set[int]], size: int) -> None:
    chosen = validators(*[1] * size)
    assert absent_as_kept(chosen, records) == absent_by_text(chosen, records)


@pytest.mark.parametrize(
    ("records", "absent"),
    [
        ({}, set()),  # nothing was built
        ({1: {1, 2}}, set()),  # one other builder is no witness
        ({1: {1, 2}, 2: {1, 2}}, {3, 4}),
        ({1: {1, 2}, 2: {1, 2, 3}}, {4}),  # one record is enough
        ({1: {1, 2}, 3: {3}}, {4}),  # for 1 and 3 there is but one other builder
        ({1: {4}, 2: {1}, 3: {1}}, {2, 3}),
        ({2: {2}, 1: {1}, 3: {3}}, {1, 2, 3, 4}),  # naming oneself does not help
    ],
)
def test_who_was_never_recorded_by_two_other_builders_is_absent(
    records: dict[int, set[int]], absent: set[int]
) -> None:
    assert absent_as_kept(validators(1, 1, 1, 1), records) == absent


def test_the_absent_go_behind_in_their_order() -> None:
    order = validators(1, 1, 1, 1)
    assert ids(absent_last(order, {1, 3})) == [2, 4, 1, 3]
    assert ids(absent_last(order, set())) == [1, 2, 3, 4]


def test_if_all_are_absent_the_order_stands() -> None:
    order = validators(1, 1, 1)
    assert absent_last(order, {1, 2, 3}) == order


# --- epochs in a row --------------------------------------------------------------------------


def anchors(number: int) -> EpochAnchors:
    return EpochAnchors(
        stake_block=number,
        seed_block=SeedBlock(number=number, timestamp=number, prev_randao=seed(number)),
    )


def epoch(
    number: int,
    *powers: int,
    previous: Epoch | None = None,
    length: int = 64,
    absent: frozenset[int] = frozenset(),
) -> Epoch:
    return make_epoch(
        number=number,
        chain_id=7,
        anchors=anchors(1000 + number),
        validators=validators(*powers),
        length=length,
        previous=previous,
        absent=absent,
    )


def test_epochs_follow_each_other_without_gap() -> None:
    first = epoch(0, 5, 6)
    second = epoch(1, 5, 6, previous=first, length=100)
    assert (first.start, first.end) == (1, 64)
    assert (second.start, second.end, second.total_power) == (65, 164, 11)
    assert first.seed != second.seed


def test_a_set_without_power_leaves_the_last_one_in_place() -> None:
    first = epoch(0, 5, 6)
    second = epoch(1, previous=first)
    assert second.is_carried
    assert second.stake_block == first.stake_block  # votes are checked against it
    assert second.seed != first.seed
    assert sorted(ids(second.order)) == [1, 2]
    assert not first.is_carried


def test_where_there_never_was_a_set_nobodys_turn_comes() -> None:
    first = epoch(0)
    second = epoch(1, previous=first, length=70)
    assert (first.order, first.elected, first.is_carried) == ((), None, True)
    assert (second.start, second.length, second.order) == (65, 70, ())
    third = epoch(2, 5, previous=second)
    assert (third.start, ids(third.order), third.is_carried) == (135, [1], False)


def test_an_absent_validator_is_not_elected() -> None:
    for number in range(40):
        found = epoch(number, 100, 1, absent=frozenset({1}))
        assert ids(found.order) == [2, 1]


@given(
    powers=st.lists(st.integers(1, 100), min_size=1, max_size=9),
    builder=st.integers(0, 8),
    rounds=st.integers(0, 30),
)
def test_the_pen_stays_with_the_builder_and_moves_on_by_rounds(
    powers: list[int], builder: int, rounds: int
) -> None:
    found = epoch(3, *powers, previous=epoch(2, *powers))
    builder %= len(powers)
    assert found.proposer(found.base(found.start, builder), 0) == found.elected
    base = found.base(found.start + 1, builder)
    assert found.proposer(base, 0) == found.order[builder]
    assert found.proposer(base, rounds) == found.order[(builder + rounds) % len(powers)]
    in_turn = {found.proposer(base, r).sequencer_id for r in range(len(powers))}
    assert len(in_turn) == len(powers)  # everybody's turn comes
    assert [found.index_of(v.sequencer_id) for v in found.order] == list(range(len(powers)))
    assert found.index_of(99) is None


def test_the_length_is_governed_within_bounds() -> None:
    assert epoch_length(None) == DEFAULT_LENGTH == 200
    assert [epoch_length(value) for value in (0, 64, 500, 10**6)] == [64, 64, 500, 86_400]


# --- static sets --------------------------------------------------------------------------------


def test_a_static_set_has_an_order_of_its_own_in_every_epoch_and_chain() -> None:
    static = StaticSet(validators=validators(5, 6, 7, 8), epoch_length=70)
    epochs = StaticEpochs(static, chain_id=9, genesis_hash=seed(1))
    for number in range(5):
        epoch = epochs.epoch(number)
        assert (epoch.number, epoch.start, epoch.end) == (number, 1 + 70 * number, 70 * number + 70)
        assert (epoch.stake_block, epoch.seed_block, epoch.is_carried) == (0, 0, False)
        raw = b"metis/epoch" + (9).to_bytes(32, "big") + number.to_bytes(32, "big") + seed(1)
        assert epoch.seed == keccak256(raw)
        assert epoch.order == weighted_order(epoch.seed, static.validators)
    orders = [tuple(ids(epochs.epoch(number).order)) for number in range(40)]
    assert len(set(orders)) > 10
    other = StaticEpochs(static, chain_id=9, genesis_hash=seed(2))
    assert [tuple(ids(other.epoch(number).order)) for number in range(40)] != orders
