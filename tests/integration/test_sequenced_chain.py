"""A chain with four validators over three epochs: what the contract answers, by its own record and
by `metis_node.staking`'s."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_hash.auto import keccak

from metis_node._native import TransactionRecord
from metis_node.chain.blockchain import Blockchain
from metis_node.chain.queries import Queries
from metis_node.chain.verification import verify_store
from metis_node.codec.extra_data import decode_extra_data
from metis_node.codec.sequencer_transactions import SEQUENCER_SET, participation_of
from metis_node.staking.rewards import record_hash
from metis_node.storage.leveldb import open_store
from metis_node.storage.tables import record_key
from tests import chains, factories
from tests.sequenced import LENGTH, SequencedChain, places_of

LAST = 3 * LENGTH + 8  # the record of epoch 2 is closed
STEPS = {20: 1, 40: 2, LENGTH + 5: 1, LENGTH + 30: 3}  # turns that went past somebody
NEW_EPOCH = keccak(b"NewEpoch(uint256,uint256,uint256,address)")
RESELECTED = keccak(b"ReCommitEpoch(uint256,uint256,uint256,uint256,uint256,address)")
CLOSED = keccak(
    b"EpochClosed(uint256,bytes32,(uint64,uint64,uint64,(uint64,uint32,uint32,uint32,uint64)[]))"
)


def play(it: SequencedChain, last: int = LAST) -> None:
    """One sequencer is silent through epoch 0; votes come late now and then."""
    nonce = 0
    for number in range(it.chain.head.number + 1, last + 1):
        silent = {2} if number <= LENGTH else set()
        votes = it.votes(silent=silent if number % 10 else silent | {3})
        if number % 10 == 2 and number > 12:  # what was left out two blocks ago
            votes = (*votes, 0, places_of(it.window.order_at(number - 3), [3]))
        raws = [chains.transfer(0, nonce)] if number % 7 == 0 else []
        nonce += len(raws)
        it.extend(raws, steps=STEPS.get(number, 0), participation=votes)


@pytest.fixture(scope="module")
def it() -> SequencedChain:
    made = SequencedChain.new()
    play(made)
    return made


def ask(
    chain: Blockchain, signature: str, *values: int, returns: str, at: int | None = None
) -> object:
    types = signature[signature.index("(") + 1 : -1]
    data = keccak(signature.encode())[:4] + abi_encode(types.split(",") if types else [], values)
    request = {"to": "0x" + SEQUENCER_SET.hex(), "data": "0x" + data.hex()}
    number = chain.head.number if at is None else at
    sealed = Queries(chain).header_by_number(number)
    assert sealed is not None
    answer = chain.engine.call(orjson.dumps(request), sealed.rlp, number)
    assert answer is not None
    assert answer.success, answer.error
    return abi_decode([returns], answer.output)[0]


def index_at(chain: Blockchain, number: int) -> int:
    sealed = Queries(chain).header_by_number(number)
    assert sealed is not None
    return decode_extra_data(sealed.header.extra_data).builder_index


def test_everybody_who_built_is_told_by_the_contract(it: SequencedChain) -> None:
    for number in range(1, LAST + 1):
        epoch = it.epochs.epoch_of(number)
        assert epoch is not None
        builder = epoch.order[index_at(it.chain, number)].signer
        told = ask(it.chain, "getMetisSequencer(uint256)", number, returns="address")
        assert told == "0x" + builder.hex()
        number_told = ask(it.chain, "getEpochByBlock(uint256)", number, returns="uint256")
        assert number_told == epoch.number


def test_epochs_lie_where_the_schedule_says(it: SequencedChain) -> None:
    shape = "(uint256,address,uint256,uint256)"
    for number in range(4):
        epoch = it.epochs.epoch(number)
        assert epoch is not None
        assert (epoch.start, epoch.end) == (1 + number * LENGTH, (number + 1) * LENGTH)
        last = epoch.order[index_at(it.chain, min(epoch.end, LAST))].signer
        expected = (number, "0x" + last.hex(), epoch.start, epoch.end)
        told = ask(it.chain, "epochs(uint256)", number, returns="uint256")
        assert told == number
        if number == 3:
            assert ask(it.chain, "currentEpoch()", returns=shape) == expected
        elif number == 2:
            assert ask(it.chain, "finalizedEpoch()", returns=shape) == expected
    assert it.epochs.epoch(4) is None
    assert ask(it.chain, "currentEpochNumber()", returns="uint256") == 3


def logs(chain: Blockchain, number: int, topic: bytes) -> list[TransactionRecord]:
    return [r for r in Queries(chain).records(number) if any(e.topics[0] == topic for e in r.logs)]


def test_events_are_in_the_receipts_of_system_transactions(it: SequencedChain) -> None:
    starts = [number for number in range(1, LAST + 1) if logs(it.chain, number, NEW_EPOCH)]
    assert starts == [1 + number * LENGTH for number in range(4)]
    again = [number for number in range(1, LAST + 1) if logs(it.chain, number, RESELECTED)]
    assert again == sorted(STEPS)
    record = logs(it.chain, 20, RESELECTED)[0]
    assert (record.type, record.success) == (0x7E, True)
    values = abi_decode(["uint256", "uint256", "uint256", "address"], record.logs[0].data)
    order = it.epochs.epoch(0).order  # type: ignore[union-attr]
    assert values == (0, 20, LENGTH, "0x" + order[1].signer.hex())


def test_closed_records_are_what_the_rules_count(it: SequencedChain) -> None:
    for number in range(3):
        epoch = it.epochs.epoch(number)
        assert epoch is not None
        expected = record_hash(number, it.record(epoch))
        closing = logs(it.chain, epoch.end + 8, CLOSED)
        assert len(closing) == 1
        assert abi_decode(["bytes32"], closing[0].logs[-1].data[:32])[0] == expected
        assert ask(it.chain, "recordHash(uint256)", number, returns="bytes32") == expected
    assert ask(it.chain, "recordHash(uint256)", 3, returns="bytes32") == bytes(32)
    missed = [done.turns_missed for done in it.record(it.epochs.epoch(0)).sequencers]  # type: ignore[arg-type]
    assert sum(missed) == 3


def test_who_was_silent_goes_behind_all_others_and_comes_back(it: SequencedChain) -> None:
    orders = [[v.sequencer_id for v in it.epochs.epoch(number).order] for number in range(4)]  # type: ignore[union-attr]
    assert all(sorted(order) == [1, 2, 3, 4] for order in orders)
    assert orders[1][-1] == 2
    assert ask(it.chain, "hasParticipated(uint256)", 2, returns="bool") is True


def test_the_record_of_a_block_is_read_from_its_body(it: SequencedChain) -> None:
    for number in (2, 20, LENGTH + 1, LAST):
        votes = participation_of(Queries(it.chain).transactions(number))
        shown = ask(it.chain, "precommitsOf(uint256)", number - 1, returns="uint256", at=number)
        assert votes[0] == shown
    assert participation_of(Queries(it.chain).transactions(1)) == ()


def test_a_chain_that_is_opened_again_knows_its_epochs(tmp_path: Path) -> None:
    """Also those whose state is long gone, and the next one at the last block of an epoch."""
    store = open_store(tmp_path / "db", create=True)
    it = SequencedChain.new(store=store)
    play(it, last=5 * LENGTH)
    known = [it.epochs.epoch(number) for number in range(7)]
    assert known[5] is not None
    assert known[6] is None
    store.close()
    store = open_store(tmp_path / "db", create=False)
    again = SequencedChain.on(Blockchain.open(store))
    assert [again.epochs.epoch(number) for number in range(7)] == known
    assert again.epochs.newest() == known[5]
    for number in (1, LENGTH, LENGTH + 1, 5 * LENGTH, 5 * LENGTH + 1, 6 * LENGTH):
        assert again.epochs.epoch_of(number) == known[(number - 1) // LENGTH]
    for number in (-1, 0, 6 * LENGTH + 1):
        assert again.epochs.epoch_of(number) is None
    again.extend()
    assert again.epochs.epoch(6) is None
    store.close()


def test_db_verify_finds_such_a_chain_sound_and_a_changed_one_not() -> None:
    it = SequencedChain.new()
    play(it, last=LENGTH + 3)
    assert verify_store(it.chain.store).findings == []
    key = record_key(LENGTH + 1, 1)
    value = it.chain.store.get(key)
    assert value is not None
    changed = value.replace((20_000 + 1_000).to_bytes(32, "big"), (20_001).to_bytes(32, "big"))
    assert changed != value
    it.chain.store.write([(key, changed)])
    assert any(
        f"block {LENGTH + 1}" in finding for finding in verify_store(it.chain.store).findings
    )


@pytest.mark.parametrize(
    ("size", "first", "later", "ordinary", "second", "closing"),
    [
        (1, 170_466, 78_478, 64_979, 87_636, 106_576),
        (4, 312_243, 118_455, 65_582, 188_600, 122_026),
        (32, 1_800_735, 526_447, 111_630, 928_320, 314_447),
    ],
)
def test_gas_is_what_the_documentation_says(
    size: int, first: int, later: int, ordinary: int, second: int, closing: int
) -> None:
    it = SequencedChain.new(size, alloc={}, gas_limit=factories.GAS_LIMIT)
    used = {0: [0, 0]}
    for number in range(1, 2 * LENGTH + 2):
        used[number] = [record.gas_used for record in it.extend().prepared.records()]
    assert (used[1][1], used[2 * LENGTH + 1][1]) == (first, later)
    assert used[LENGTH][-1] == ordinary
    assert (used[LENGTH + 1][-1], used[LENGTH + 8][-1]) == (second, closing)
    text = (Path(__file__).parents[2] / "docs/protocol/blocks.md").read_text()
    assert all(f"{figure:,}" in text for figure in (first, later, ordinary, second, closing))


def test_a_block_with_three_system_transactions_is_traced(it: SequencedChain) -> None:
    number = 2 * LENGTH + 1
    sealed = Queries(it.chain).header_by_number(number)
    assert sealed is not None
    raws = Queries(it.chain).transactions(number)
    config = orjson.dumps({"tracer": "callTracer"})
    traces = orjson.loads(it.chain.engine.trace_block(sealed.rlp, raws, index=None, config=config))
    called = [trace["result"]["input"][:10] for trace in traces]
    assert len(set(called)) == 3
    assert [trace["result"]["to"] for trace in traces[1:]] == ["0x" + SEQUENCER_SET.hex()] * 2
    assert not any("error" in trace["result"] for trace in traces)
    one = it.chain.engine.trace_block(sealed.rlp, raws, index=2, config=config)
    assert orjson.loads(one) == traces[2]["result"]
