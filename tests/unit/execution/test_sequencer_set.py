"""`SequencerSet` under the engine: its storage read natively, and what a failing call does."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_hash.auto import keccak

from metis_node.codec.sequencer_transactions import (
    SEQUENCER_SET,
    encode_record_block,
    open_epoch_gas,
    record_block_gas,
)
from metis_node.engine.block_template import BlockTemplate
from metis_node.errors import Fatal, InvalidBlock
from metis_node.execution.sequencer_set import Entry, SequencerSetState
from metis_node.staking.epochs import absent_validators
from tests import chains
from tests.sequenced import LENGTH, SequencedChain, places_of


def ask(it: SequencedChain, signature: str, *values: int, returns: list[str]) -> tuple[object, ...]:
    types = signature[signature.index("(") + 1 : -1]
    data = keccak(signature.encode())[:4] + abi_encode(types.split(",") if types else [], values)
    request = {"to": "0x" + SEQUENCER_SET.hex(), "data": "0x" + data.hex()}
    head = it.chain.head
    answer = it.chain.engine.call(orjson.dumps(request), head.rlp, head.number)
    assert answer is not None
    assert answer.success, answer.error
    return tuple(abi_decode(returns, answer.output))


def state(it: SequencedChain) -> SequencerSetState:
    return SequencerSetState(it.chain.engine, it.chain.head.number)


def test_entries_are_those_that_the_contract_tells() -> None:
    it = SequencedChain.new()
    assert state(it).entry(0) is None
    it.run(LENGTH + 1)
    assert state(it).entry(1) == Entry(start=LENGTH + 1, end=2 * LENGTH, stake_block=0, version=1)
    told = ask(it, "entryOf(uint256)", 1, returns=["uint64"] * 4)
    assert told == (LENGTH + 1, 2 * LENGTH, 0, 1)
    assert state(it).entry(2) is None


@pytest.mark.parametrize("size", [1, 2, 4, 7])
def test_who_is_absent_is_what_the_contract_says_at_the_last_block_of_an_epoch(size: int) -> None:
    """Three builders in each epoch; one sequencer never votes, one only in the first epoch, and one
    only late, over the boundary."""
    it = SequencedChain.new(size)
    silent = {size} | ({1} if size > 2 else set())
    for number in range(1, 3 * LENGTH + 1):
        never = silent - ({1} if number <= LENGTH else set())
        votes = it.votes(silent=never)
        if number == LENGTH + 3:  # of the last block of the epoch before
            order = it.window.order_at(LENGTH)
            votes = (*votes, 0, places_of(order, [1]))
        it.extend(steps=1 if number % 20 == 0 else 0, participation=votes)
        if number % LENGTH == 0:
            order = it.window.current.order
            shown = state(it).participation()
            absent = absent_validators(order, builders=shown.builders, named=shown.named)
            told = {
                v.sequencer_id
                for v in order
                if ask(it, "hasParticipated(uint256)", v.sequencer_id, returns=["bool"]) == (False,)
            }
            assert absent == told
            assert (size in absent) == (size > 2)


@pytest.fixture(scope="module")
def running() -> SequencedChain:
    it = SequencedChain.new()
    it.run(3)
    return it


def failing(it: SequencedChain) -> BlockTemplate:
    """A vote of a place that nobody has."""
    number = it.chain.head.number + 1
    template = it.template()
    raw = encode_record_block(place=it.place(), participation=(1 << 4,), seats=4, height=number)
    return replace(template, system=(template.system[0], raw))


def test_a_builder_whose_system_transaction_fails_stops(running: SequencedChain) -> None:
    template, engine = failing(running), running.chain.engine
    with pytest.raises(Fatal, match=r"no block can be built: system transaction 1 .* reverted"):
        engine.build(template.header, template.system, [], max_bytes=1 << 20)
    with pytest.raises(InvalidBlock, match=r"system transaction 1 to 0x4200.* failed: reverted"):
        engine.build(template.header, template.system, [], max_bytes=1 << 20, strict=True)
    right = running.template()
    assert engine.build(right.header, right.system, [], max_bytes=1 << 20).header


def test_a_block_whose_system_transaction_fails_is_invalid(running: SequencedChain) -> None:
    header, _ = running.sealed()
    template = failing(running)
    with pytest.raises(InvalidBlock, match=r"system transaction 1 to 0x4200.* failed: reverted"):
        running.chain.engine.verify(header, list(template.system))
    assert running.chain.engine.verify(*running.sealed()).number == running.chain.head.number + 1


def test_one_that_runs_out_of_gas_is_one_that_fails(running: SequencedChain) -> None:
    number = running.chain.head.number + 1
    template = running.template()
    raw = encode_record_block(place=running.place(), participation=(), seats=-7, height=number)
    with pytest.raises(InvalidBlock, match="failed: stopped with OutOfGas"):
        running.chain.engine.verify(running.sealed()[0], [template.system[0], raw])


def test_without_validators_a_failing_system_transaction_still_has_its_receipt() -> None:
    """As the OP Stack has it, and as it was here before there were validators."""
    chain = chains.new_blockchain()
    template = chains.next_template(chain)
    raw = encode_record_block(place=0, participation=(), seats=-7, height=1)
    built = chain.engine.build(template.header, [*template.system, raw], [], max_bytes=1 << 20)
    assert [r.success for r in chain.engine.verify(built.header, built.transactions).records()] == [
        True,
        False,
    ]


@pytest.mark.parametrize("size", [1, 4, 32, 256])
def test_the_gas_limits_hold_the_worst_that_a_block_can_say(size: int) -> None:
    """All votes of eight heights at once, all of the epoch before named late, everybody's turn
    missed, and a record closed: with a tenth of the limit to spare."""
    it = SequencedChain.new(size)
    it.run(LENGTH - 7, participation=())
    openings, records = [], []
    for number in range(LENGTH - 6, 2 * LENGTH + 10):
        most = it.window.recordable(number)
        votes: tuple[int, ...] = ()
        if number in (LENGTH + 1, LENGTH + 8, LENGTH + 9, 2 * LENGTH, 2 * LENGTH + 8):
            votes = tuple((1 << len(it.window.order_at(number - 1 - k))) - 1 for k in range(most))
        done = it.extend(steps=size - 1, participation=votes).prepared.records()
        records.append(done[-1].gas_used)
        openings += [done[1].gas_used] if len(done) == 3 else []
    assert max(openings) < 0.9 * open_epoch_gas(size)
    assert max(records) < 0.9 * record_block_gas(size)
