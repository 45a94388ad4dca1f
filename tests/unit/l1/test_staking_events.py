"""Logs of the staking contracts become facts, or are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi import encode

from metis_node.l1.answers import Log, Malformed
from metis_node.l1.contract_abi import contract
from metis_node.l1.staking_events import (
    PARAMETER_TOPIC,
    SEAT_TOPIC,
    STAKE_TOPIC,
    TOTAL_POWER_AT,
    decode_log,
)
from metis_node.staking.facts import ParameterSet, SeatChanged, StakeChanged, Status
from metis_node.types.blocks import BlockRef
from metis_node.types.primitives import Address, Hash32

POOL, PARAMETERS = Address(b"\x01" * 20), Address(b"\x02" * 20)
SIGNER = Address(bytes(range(20)))


def word(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


def log(address: Address, topics: tuple[Hash32, ...], data: bytes) -> Log:
    block = BlockRef(number=7, hash=Hash32(bytes(32)))
    return Log(address=address, topics=topics, data=data, block=block, index=0)


SEAT = log(
    POOL,
    (SEAT_TOPIC, word(3), Hash32(bytes(12) + SIGNER)),
    encode(["uint64", "uint64"], [20_000 * 10**9, 2**64 - 1]),
)
STAKE = log(
    POOL,
    (STAKE_TOPIC, word(3)),
    encode(["uint8", "bool", "bool", "uint256", "uint256"], [4, True, False, 10**22, 2**256 - 1]),
)
PARAMETER = log(
    PARAMETERS,
    (PARAMETER_TOPIC, Hash32(b"epochLength".ljust(32, b"\0"))),
    encode(["uint256"], [300]),
)


def decoded(entry: Log) -> object:
    return decode_log(entry, pool=POOL, parameters=PARAMETERS)


def test_our_events_become_facts() -> None:
    assert decoded(SEAT) == SeatChanged(
        sequencer_id=3, signer=SIGNER, power=20_000 * 10**9, total_power=2**64 - 1
    )
    assert decoded(STAKE) == StakeChanged(
        sequencer_id=3,
        status=Status.PENDING,
        jailed=True,
        tombstoned=False,
        locked=10**22,
        unbonding=2**256 - 1,
    )
    assert decoded(PARAMETER) == ParameterSet(key="epochLength", value=300)


@pytest.mark.parametrize(
    "other",
    [
        replace(SEAT, address=PARAMETERS),
        replace(PARAMETER, address=POOL),
        replace(SEAT, topics=()),
        replace(SEAT, topics=(word(1),)),
    ],
)
def test_other_events_are_passed_over(other: Log) -> None:
    assert decoded(other) is None


@pytest.mark.parametrize(
    "bad",
    [
        replace(SEAT, data=SEAT.data[:-1]),
        replace(SEAT, data=SEAT.data + bytes(32)),
        replace(SEAT, topics=SEAT.topics[:2]),
        replace(SEAT, topics=(*SEAT.topics[:2], Hash32(b"\x01" * 32))),
        replace(SEAT, data=word(2**64) + word(1)),
        replace(STAKE, data=word(5) + STAKE.data[32:]),
        replace(STAKE, data=STAKE.data[:32] + word(2) + STAKE.data[64:]),
        replace(PARAMETER, topics=(PARAMETER_TOPIC, Hash32(b"\xff" * 32))),
        replace(PARAMETER, topics=(PARAMETER_TOPIC, Hash32(b"a\0b".ljust(32, b"\0")))),
        replace(PARAMETER, data=b""),
    ],
)
def test_a_malformed_event_of_ours_is_refused(bad: Log) -> None:
    with pytest.raises(Malformed):
        decoded(bad)


def test_the_events_are_those_of_the_contracts() -> None:
    pool, parameters = contract("LockingPool").events, contract("NetworkParameters").events
    assert pool["SeatChanged"].topic == SEAT_TOPIC
    assert pool["StakeChanged"].topic == STAKE_TOPIC
    assert parameters["ParameterSet"].topic == PARAMETER_TOPIC
    assert contract("LockingPool").functions["totalPowerAt"].selector == TOTAL_POWER_AT
