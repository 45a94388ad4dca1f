"""Properties of state and tries: what the store holds is what a full rebuild says, always."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metis_node import _native
from metis_node.errors import InvalidRequest
from metis_node.storage import tables
from metis_node.storage.kv import Reader
from metis_node.storage.leveldb import open_store
from tests.factories import Chain, header_fields
from tests.vectors.state_model import CONTRACTS, StateModel, address

Step = Callable[[StateModel], None]


def check(model: StateModel) -> None:
    """Root, flat values and trie nodes against the model."""
    root, nodes = model.expected_nodes()
    assert header_fields(model.chain.head)["state_root"] == root
    assert rebuilt_root(model.chain.store) == root
    for index, slots in enumerate(model.contracts):
        for slot, value in (slots or {}).items():
            word = slot.to_bytes(32, "big")
            held = model.chain.engine.storage(address(index), word, model.chain.number)
            assert int.from_bytes(held, "big") == value
    expected = {
        prefix + path: encoded for prefix, table in nodes.items() for path, encoded in table.items()
    }
    assert stored_nodes(model.chain.store) == expected


def stored_nodes(store: Reader) -> dict[bytes, bytes]:
    """Every trie node in the store."""
    prefixes = (tables.ACCOUNT_TRIE, tables.STORAGE_TRIE)
    return {key: value for prefix in prefixes for key, value in under(store, prefix)}


def under(store: Reader, prefix: bytes) -> list[tuple[bytes, bytes]]:
    """All pairs of one table."""
    return list(store.iterate(prefix, bytes((prefix[0] + 1,))))


def rebuilt_root(store: Reader) -> bytes:
    """The root that the flat tables alone give, a few rows at a time."""

    def chunks(prefix: bytes) -> Callable[[], list[tuple[bytes, bytes]] | None]:
        rows = under(store, prefix)
        pieces = iter([rows[at : at + 7] for at in range(0, len(rows), 7)])
        return lambda: next(pieces, None)

    return _native.verify_state(chunks(tables.ACCOUNTS), chunks(tables.SLOTS))


def reopen(model: StateModel) -> None:
    model.chain = model.chain.reopened()


# --- random blocks ----------------------------------------------------------------------------

_indexes = st.integers(0, CONTRACTS - 1)
_slots = st.dictionaries(
    st.one_of(st.integers(0, 12), st.integers(0, 2**256 - 1)),
    st.one_of(st.just(0), st.integers(1, 200), st.integers(0, 2**256 - 1)),
    min_size=1,
    max_size=24,
)
_steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda i: lambda model: model.create(i), _indexes),
    st.builds(lambda i, slots: lambda model: model.write(i, slots), _indexes, _slots),
    st.builds(lambda i, slots: lambda model: model.write(i, slots), _indexes, _slots),
    st.builds(lambda i: lambda model: model.destroy(i), _indexes),
    st.builds(
        lambda n, wei: lambda model: model.pay(n.to_bytes(20, "big"), wei),
        st.integers(2**100, 2**160 - 1),
        st.integers(0, 3),
    ),
)
_blocks = st.lists(st.tuples(st.lists(_steps, max_size=8), st.booleans()), min_size=1, max_size=8)


@given(_blocks)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_store_holds_exactly_the_live_nodes(blocks: list[tuple[list[Step], bool]]) -> None:
    model = StateModel.new()
    for index in range(CONTRACTS):
        model.create(index)
    model.commit()
    check(model)
    for steps, reopened in blocks:
        for step in steps:
            step(model)
        model.commit()
        if reopened:
            reopen(model)
        check(model)


def test_large_blocks_are_the_same_as_many_small_ones() -> None:
    """Hundreds of accounts and slots in one block take the parallel path through the trie."""
    rng = Random(7)
    model = StateModel.new()
    model.create(0)
    model.create(1)
    for _ in range(6):
        for part in range(4):
            slots = {
                rng.randrange(900): rng.choice([0, 0, 1, rng.getrandbits(256)]) for _ in range(150)
            }
            model.write(part % 2, slots)
        for _ in range(80):
            model.pay(rng.randbytes(20), 1)
        model.commit()
        reopen(model)
        check(model)
    model.destroy(0)
    model.commit()
    check(model)


def test_destroyed_and_created_again_in_one_block() -> None:
    """What the old contract stored must not show through in the new one."""
    model = StateModel.new()
    model.create(0)
    model.write(0, {slot: slot + 1 for slot in range(40)})
    model.commit()
    model.destroy(0)
    model.create(0)
    model.write(0, {3: 9, 100: 1})
    model.commit()
    assert model.contracts[0] == {3: 9, 100: 1}
    check(model)
    model.destroy(0)
    model.create(0)
    model.destroy(0)
    model.commit()
    check(model)


def test_reopened_from_disk(tmp_path: Path) -> None:
    """The same over LevelDB, closed and opened again after every block."""
    rng = Random(11)
    store = open_store(tmp_path)
    model = StateModel.new(store)
    for index in range(CONTRACTS):
        model.create(index)
    for _ in range(8):
        for _ in range(4):
            slots = {rng.randrange(60): rng.choice([0, 1, 2**255]) for _ in range(20)}
            model.write(rng.randrange(CONTRACTS), slots)
        model.destroy(rng.randrange(CONTRACTS))
        model.create(rng.randrange(CONTRACTS))
        model.pay(rng.randbytes(20), 5)
        model.commit()
        store.close()
        store = open_store(tmp_path, create=False)
        model.chain = model.chain.reopened(store)
        check(model)
    store.close()


# --- the life of a block ----------------------------------------------------------------------


def test_an_aborted_block_leaves_nothing() -> None:
    model = StateModel.new()
    model.create(0)
    model.write(0, {1: 1})
    built = model.seal()
    before = list(model.chain.store.iterate(b"", b"\xff"))
    prepared = model.chain.engine.verify(built.header, built.transactions)
    model.chain.engine.begin_write(prepared)
    model.chain.engine.abort(prepared)
    assert model.chain.engine.head_number == 0
    assert list(model.chain.store.iterate(b"", b"\xff")) == before
    model.chain.accept(built.header, built.transactions)
    check(model)


def test_verifying_and_building_change_nothing() -> None:
    model = StateModel.new()
    model.create(0)
    model.write(0, {1: 1})
    built = model.seal()
    model.chain.engine.verify(built.header, built.transactions)
    other = model.chain.engine.verify(built.header, built.transactions)
    assert other.state_root == header_fields(built.header)["state_root"]
    assert model.chain.engine.head_number == 0
    assert model.chain.engine.account(address(0), 0) is None


def test_recent_blocks_can_be_read_and_older_ones_are_refused() -> None:
    model = StateModel.new()
    model.chain = _with_history(model, 5)
    model.create(0)
    model.commit()
    held: dict[int, int] = {}
    for value in range(12):
        model.write(0, {1: value, 2: value % 3})
        model.commit()
        held[model.chain.number] = value
    head = model.chain.number
    slot = (1).to_bytes(32, "big")
    for at in range(head - 5, head + 1):
        found = model.chain.engine.storage(address(0), slot, at)
        assert int.from_bytes(found, "big") == held[at]
    with pytest.raises(InvalidRequest, match="required historical state unavailable"):
        model.chain.engine.storage(address(0), slot, head - 6)
    assert len(under(model.chain.store, tables.REVERSE_DIFFS)) <= 6  # and one for a slow reader
    check(model)


def _with_history(model: StateModel, blocks: int) -> Chain:
    chain = model.chain
    engine = _native.Engine(chain.rules, chain.store.get_many, history_blocks=blocks)
    engine.open(chain.number, chain.head)
    return Chain(engine, chain.store, chain.rules, list(chain.headers))
