"""The read side: headers by number, hash and tag, records, hashes."""

from __future__ import annotations

import pytest

from metis_node.chain.blockchain import Blockchain
from metis_node.chain.queries import Queries
from metis_node.errors import InvalidRequest
from tests import chains, factories
from tests.chains import extend, new_blockchain, transfer


@pytest.fixture
def chain() -> Blockchain:
    chain = new_blockchain()
    for nonce in range(4):
        extend(chain, [transfer(0, nonce), transfer(3, nonce)])
    chain.set_safe(3)
    chain.set_finalized(2)
    return chain


def test_tags(chain: Blockchain) -> None:
    queries = Queries(chain)
    tags = ("earliest", "finalized", "safe", "latest", "pending")
    assert [queries.number_of(tag) for tag in tags] == [0, 2, 3, 4, 4]
    with pytest.raises(InvalidRequest, match="unknown block tag 'newest'"):
        queries.number_of("newest")


def test_headers_by_number_hash_and_tag(chain: Blockchain) -> None:
    queries = Queries(chain)
    for number in range(5):
        sealed = queries.header(number)
        assert sealed is not None
        assert sealed.number == number
        assert queries.header(sealed.hash) == sealed
        assert queries.header_by_hash(sealed.hash) == sealed
    assert queries.header("latest") == chain.head
    assert queries.header("earliest") == chain.genesis
    for absent in (5, -1, 2**80, bytes(32), b"\1" * 32):
        assert queries.header(absent) is None


def test_the_head_moves_with_the_chain(chain: Blockchain) -> None:
    queries = Queries(chain)
    before = queries.head
    after = extend(chain).sealed
    assert queries.head == after == queries.header("latest")
    assert queries.header(before.hash) == before


def test_records_and_where_they_are(chain: Blockchain) -> None:
    queries = Queries(chain)
    assert queries.transaction_count(0) == 0
    for number in range(1, 5):
        raws = [transfer(0, number - 1), transfer(3, number - 1)]
        hashes = [tx.hash for tx in chains.decode(raws)]
        single = queries.record(number, 1)
        assert single is not None
        assert single.raw == raws[0]
        assert queries.transactions(number)[1:] == raws
        assert queries.transaction_hashes(number)[1:] == hashes
        assert queries.transaction_count(number) == 3
        assert [queries.locate(h) for h in hashes] == [(number, 1), (number, 2)]
        record = queries.record(number, 2)
        assert record is not None
        assert (record.sender, record.success) == (factories.key(3).address, True)
        assert record.cumulative_gas_used == chains_gas(queries, number)
    assert queries.locate(bytes(32)) is None


def chains_gas(queries: Queries, number: int) -> int:
    header = queries.header(number)
    assert header is not None
    return header.header.gas_used


@pytest.mark.parametrize(
    ("number", "index"), [(1, 3), (1, -1), (9, 0), (-1, 0), (1, 2**40), (2**70, 0)]
)
def test_absent_records_are_none(chain: Blockchain, number: int, index: int) -> None:
    queries = Queries(chain)
    assert queries.record(number, index) is None
    if number == 1:
        queries.records(1)
        assert queries.record(number, index) is None
