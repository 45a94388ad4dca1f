"""What the RPC says of epochs, turns and participation on a chain with validators."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from metis_node.chain.queries import Queries
from metis_node.codec.extra_data import decode_extra_data
from metis_node.errors import InvalidRequest
from metis_node.rpc.backend import Backend
from metis_node.rpc.methods.metis_epochs import MetisEpochs
from metis_node.rpc.session import Session
from metis_node.staking.rewards import record_hash
from tests.integration.test_sequenced_chain import play
from tests.sequenced import LENGTH, SequencedChain

LAST = 4 * LENGTH + 3
COUNTS = ("id", "blocksBuilt", "turnsMissed", "votesRecorded", "blockPay")


def caller(it: SequencedChain | None, chain: SequencedChain) -> Any:
    backend = SimpleNamespace(
        epochs=it.epochs if it is not None else None,
        blockchain=chain.chain,
        queries=Queries(chain.chain),
        staking=lambda: None,
    )
    methods = MetisEpochs(cast("Backend", backend)).methods()
    handlers = {method.name: method.handler for method in methods}
    return lambda name, *params: handlers[f"metis_{name}"](list(params), cast("Session", None))


@pytest.fixture(scope="module")
def it() -> SequencedChain:
    made = SequencedChain.new()
    play(made, last=LAST)
    return made


@pytest.fixture(scope="module")
def call(it: SequencedChain) -> Any:
    return caller(it, it)


def test_an_epoch_is_told_in_its_true_order(it: SequencedChain, call: Any) -> None:
    for number in range(5):
        epoch = it.epochs.epoch(number)
        assert epoch is not None
        told = call("epoch", hex(number))
        assert (told["firstBlock"], told["lastBlock"]) == (hex(epoch.start), hex(epoch.end))
        assert [v["id"] for v in told["order"]] == [hex(v.sequencer_id) for v in epoch.order]
        assert told["seed"] == "0x" + epoch.seed.hex()
    assert [v["id"] for v in call("epoch", "0x1")["order"]][-1] == "0x2"  # silent in epoch 0
    assert call("epoch") == call("epoch", "latest") == call("epoch", "0x4")
    assert call("epoch", "0x5") is None


def test_the_next_epoch_is_told_at_the_last_block_of_this_one() -> None:
    young = SequencedChain.new()
    call = caller(young, young)
    assert (call("epoch")["epoch"], call("epoch", "0x1")) == ("0x0", None)
    young.run(LENGTH - 1)
    assert call("epoch", "0x1") is None
    assert call("schedule", hex(LENGTH + 1)) is None
    young.run(1)
    assert call("epoch")["epoch"] == "0x1"
    assert call("schedule")["height"] == hex(LENGTH + 1)
    assert call("schedule")["base"] == "0x0"


def test_a_schedule_names_who_built(it: SequencedChain, call: Any) -> None:
    """With a turn that went past somebody, that of a later round."""
    queries = Queries(it.chain)
    for height in range(1, LAST + 1):
        sealed = queries.header_by_number(height)
        assert sealed is not None
        epoch = it.epochs.epoch_of(height)
        assert epoch is not None
        builder = epoch.order[decode_extra_data(sealed.header.extra_data).builder_index]
        rounds = call("schedule", hex(height))["rounds"]
        missed = {20: 1, 40: 2, LENGTH + 5: 1, LENGTH + 30: 3}.get(height, 0)
        assert rounds[missed]["signer"] == "0x" + builder.signer.hex()
        assert len({entry["id"] for entry in rounds}) == 4


def test_heights_to_come_are_told_as_far_as_they_are_decided(it: SequencedChain, call: Any) -> None:
    epoch = it.epochs.epoch_of(LAST)
    assert epoch is not None
    following = call("schedule")
    assert (following["height"], following["epoch"]) == (hex(LAST + 1), "0x4")
    later = call("schedule", hex(epoch.end))
    assert later["rounds"] == following["rounds"]
    assert call("schedule", hex(epoch.end + 1)) is None
    assert call("schedule", "0x0") is None


def test_participation_is_that_of_the_records(it: SequencedChain, call: Any) -> None:
    """Of old epochs from their events, of the newest two from the state."""
    for number in range(5):
        epoch = it.epochs.epoch(number)
        assert epoch is not None
        record = it.record(epoch)
        told = call("participation", hex(number))
        assert [
            tuple(
                int(v[key], 16)
                for key in ("id", "blocksBuilt", "turnsMissed", "votesRecorded", "blockPay")
            )
            for v in told["sequencers"]
        ] == [
            (d.sequencer_id, d.blocks_built, d.turns_missed, d.votes_recorded, d.block_pay)
            for d in record.sequencers
        ]
        assert told["closed"] == (number < 3)
        expected = "0x" + record_hash(number, record).hex() if number < 3 else None
        assert told["recordHash"] == expected
    assert call("participation") == call("participation", "0x4")
    assert call("participation", "0x5") is None


def test_a_chain_without_validators_has_none_of_it(it: SequencedChain) -> None:
    call = caller(None, it)
    for name in ("epoch", "schedule", "participation"):
        assert call(name) is None


@pytest.mark.parametrize("name", ["epoch", "schedule", "participation"])
@pytest.mark.parametrize("bad", ["9", "0x", "0x01", 9, True, "safe", "0x" + "f" * 17, [], {}])
def test_a_malformed_number_is_refused(call: Any, name: str, bad: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        call(name, bad)
    assert caught.value.code == -32602
