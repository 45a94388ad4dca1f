"""What the RPC says of stake, and how it refuses."""

from __future__ import annotations

from typing import Any, cast

import pytest

from metis_node.engine.epoch_book import EpochBook
from metis_node.errors import InvalidRequest
from metis_node.rpc.backend import Backend, StakingView
from metis_node.rpc.methods.metis_epochs import MetisEpochs
from metis_node.rpc.methods.metis_staking import MetisStaking
from metis_node.rpc.session import Session
from metis_node.storage.memory import MemoryStore
from metis_node.types.primitives import Address
from tests.fakes.staking_l1 import StakingL1
from tests.unit.engine.test_staking_follower import settle, started

POOL = Address(b"\x01" * 20)


class Shape:
    epochs = None

    def __init__(self, view: StakingView | None) -> None:
        self._view = view

    def staking(self) -> StakingView | None:
        return self._view


def caller(view: StakingView | None) -> Any:
    backend = cast("Backend", Shape(view))
    methods = [*MetisStaking(backend).methods(), *MetisEpochs(backend).methods()]
    handlers = {method.name: method.handler for method in methods}
    return lambda name, *params: handlers[f"metis_{name}"](list(params), cast("Session", None))


@pytest.fixture
async def call() -> Any:
    """Two sequencers: at L1 blocks 1 and 3; the second left at 5. The head is 9."""
    l1 = StakingL1()
    for number in range(1, 10):
        l1.grow(1)
        if number == 1:
            l1.set_seat(1, 0, 50)
            l1.set_parameter("epochLength", 70)
        elif number == 3:
            l1.set_seat(2, 0, 70)
        elif number == 5:
            l1.set_seat(2, 0, 0)
    node = started(l1, MemoryStore())
    await settle(node)
    start_ms = l1.headers[-1].timestamp * 1000
    epochs = EpochBook(
        book=node.book,
        chain_id=7,
        origin_max_lag_s=60,
        time_of=lambda number: start_ms + number if number < 300 else None,
    )
    return caller(StakingView(pool=POOL, follower=node.follower, epochs=epochs))


async def test_validators_are_those_of_the_l1_block(call: Any) -> None:
    both = call("validators", "0x3")
    assert (both["l1Block"], both["totalPower"]) == ("0x3", hex(120))
    assert [(v["id"], v["power"]) for v in both["validators"]] == [("0x1", "0x32"), ("0x2", "0x46")]
    assert both["validators"][0]["signer"] == "0x" + "00" * 18 + "0100"
    latest = call("validators")
    assert latest["l1Block"] == "0x9"
    assert [v["id"] for v in latest["validators"]] == ["0x1"]
    assert call("validators", "latest") == latest
    assert call("validators", "0x0")["validators"] == []


async def test_sequencers_have_stake_and_status(call: Any) -> None:
    entries = call("sequencers", "0x9")["sequencers"]
    assert [(e["id"], e["status"], e["locked"]) for e in entries] == [
        ("0x1", "active", hex(50 * 10**9)),
        ("0x2", "inactive", "0x0"),
    ]
    assert [(e["jailed"], e["tombstoned"], e["unbonding"]) for e in entries] == [
        (False, False, "0x0")
    ] * 2


async def test_parameters_are_those_of_the_l1_block(call: Any) -> None:
    assert call("parameters", "0x0")["parameters"] == {}
    assert call("parameters")["parameters"] == {"epochLength": hex(70)}


async def test_epochs_are_told_once_they_are_decided(call: Any) -> None:
    first, second = call("epoch", "0x0"), call("epoch", "0x1")
    assert (first["firstBlock"], first["order"], first["carried"]) == ("0x1", [], True)
    assert int(second["firstBlock"], 16) == int(first["lastBlock"], 16) + 1
    assert second["stakeBlock"] == "0x0"  # K is 4, one interval above it
    assert second["seedBlock"] == "0x4"
    assert call("epoch", "0xffff") is None
    assert call("epoch")["epoch"] == call("epoch", "latest")["epoch"]


async def test_the_status_tells_how_far_it_is(call: Any) -> None:
    status = call("stakingStatus")
    assert status["lockingPool"] == "0x" + "01" * 20
    assert (status["l1Block"], status["behind"], status["problem"]) == ("0x9", "0x0", None)
    assert (status["validators"], status["totalPower"]) == ("0x1", "0x32")


@pytest.mark.parametrize("name", ["validators", "sequencers", "parameters", "epoch"])
@pytest.mark.parametrize("bad", ["9", "0x", "0x01", 9, True, "safe", "0x" + "f" * 17, [], {}])
async def test_a_malformed_number_is_refused(call: Any, name: str, bad: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(name, bad)
    assert caught.value.code == -32602


@pytest.mark.parametrize("name", ["validators", "sequencers", "parameters"])
async def test_an_l1_block_to_come_is_refused(call: Any, name: str) -> None:
    with pytest.raises(InvalidRequest, match="L1 block 10 has not been followed yet") as caught:
        call(name, "0xa")
    assert caught.value.code == -32000
    with pytest.raises(InvalidRequest, match="too many arguments"):
        call(name, "0x1", "0x2")


@pytest.mark.parametrize(
    "name", ["validators", "sequencers", "parameters", "epoch", "stakingStatus"]
)
def test_a_network_without_contracts_answers_null(name: str) -> None:
    assert caller(None)(name) is None
