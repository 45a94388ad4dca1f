"""What an epoch pays: by example, by property, and as the contract has it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.hashes import keccak256
from metis_node.staking.rewards import (
    ONE,
    EpochRecord,
    Rates,
    SequencerRecord,
    Settled,
    fine_factor,
    record_hash,
    settle_epoch,
)

SCRIPT = Path(__file__).parents[3] / "contracts" / "test" / "fixtures" / "rewards.py"
GWEI = 10**9
RATES = Rates(per_block=761_000 * GWEI, per_vote=20_000 * GWEI, per_miss=10_000 * GWEI)
HEIGHTS = 200


def done(sequencer_id: int, *, votes: int = HEIGHTS, pay: int = 0) -> SequencerRecord:
    return SequencerRecord(
        sequencer_id=sequencer_id,
        blocks_built=0,
        turns_missed=0,
        votes_recorded=votes,
        block_pay=pay,
    )


def record(*sequencers: SequencerRecord) -> EpochRecord:
    return EpochRecord(start=1, end=HEIGHTS, stake_block=7, sequencers=sequencers)


def test_the_fixture_that_the_contract_is_tested_with_is_what_this_computes() -> None:
    finished = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout) == (0, "")


def test_a_flawless_epoch_pays_the_whole_rates() -> None:
    epoch = record(done(1, pay=ONE * HEIGHTS), done(2))
    first, second = settle_epoch(epoch, powers=[30, 10], total=40, rates=RATES)
    assert (first.credit, first.fine) == (HEIGHTS * 776_000 * GWEI, 0)
    assert (second.credit, second.fine) == (HEIGHTS * 5_000 * GWEI, 0)


@pytest.mark.parametrize(("missing", "factor"), [(0, 10_000), (20, 16_000), (100, 40_000)])
def test_a_missed_vote_costs_more_the_more_are_missing(missing: int, factor: int) -> None:
    epoch = record(done(1), done(2, votes=0))
    powers = [100 - missing, missing]
    assert fine_factor(epoch, powers=powers, total=100) == factor
    fine = settle_epoch(epoch, powers=powers, total=100, rates=RATES)[1].fine
    assert fine == HEIGHTS * 10_000 * GWEI * missing // 100 * factor // ONE


def test_who_had_no_power_is_neither_paid_nor_fined() -> None:
    epoch = record(done(1, pay=ONE * HEIGHTS, votes=0), done(2, pay=ONE * HEIGHTS))
    first, second = settle_epoch(epoch, powers=[0, 10], total=10, rates=RATES)
    assert first == Settled(sequencer_id=1, credit=0, fine=0)
    assert second.credit == HEIGHTS * 781_000 * GWEI  # the first one's claim left all of it


def test_a_static_set_is_not_settled() -> None:
    epoch = record(done(1, pay=ONE))
    assert settle_epoch(epoch, powers=[5], total=0, rates=RATES) == (
        Settled(sequencer_id=1, credit=0, fine=0),
    )


def test_fines_never_go_below_zero() -> None:
    assert Settled(sequencer_id=1, credit=3, fine=10).owed_after(5) == 0
    assert Settled(sequencer_id=1, credit=3, fine=7).owed_after(5) == 1


SEQUENCERS = st.lists(
    st.tuples(st.integers(1, 10**6), st.integers(0, 300), st.integers(0, 3_000_000)),
    min_size=1,
    max_size=6,
)


@given(SEQUENCERS)
def test_an_epoch_never_pays_more_than_its_rates(rows: list[tuple[int, int, int]]) -> None:
    powers = [power for power, _, _ in rows]
    epoch = record(*(done(i, votes=v, pay=p) for i, (_, v, p) in enumerate(rows, 1)))
    settled = settle_epoch(epoch, powers=powers, total=sum(powers), rates=RATES)
    most = HEIGHTS * (RATES.per_block + RATES.per_vote)
    assert 0 <= sum(entry.credit for entry in settled) <= most
    assert all(entry.fine >= 0 for entry in settled)


@given(power=st.integers(2, 10**6), part=st.integers(1, 10**6), votes=st.integers(0, HEIGHTS))
def test_splitting_a_stake_changes_what_votes_pay_by_roundings_alone(
    power: int, part: int, votes: int
) -> None:
    part = 1 + part % (power - 1)
    total = power + 1_000
    whole = settle_epoch(record(done(1, votes=votes)), powers=[power], total=total, rates=RATES)[0]
    parts = settle_epoch(
        record(done(1, votes=votes), done(2, votes=votes)),
        powers=[part, power - part],
        total=total,
        rates=RATES,
    )
    assert 0 <= whole.credit - sum(entry.credit for entry in parts) <= 1
    assert 0 <= whole.fine - sum(entry.fine for entry in parts) <= 1


def test_the_hash_of_a_record_is_that_of_its_abi_encoding() -> None:
    epoch = record(done(1, pay=5), replace(done(2), blocks_built=3, turns_missed=4))
    rows = [(1, 0, 0, HEIGHTS, 5), (2, 3, 4, HEIGHTS, 0)]
    encoded = encode(
        ["uint256", "(uint64,uint64,uint64,(uint64,uint32,uint32,uint32,uint64)[])"],
        [9, (1, HEIGHTS, 7, rows)],
    )
    assert record_hash(9, epoch) == keccak256(encoded)
