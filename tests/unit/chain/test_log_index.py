"""Log queries against a brute-force scan of all receipts, and their limits."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node.chain.blockchain import Blockchain
from metis_node.chain.log_index import LogFilter, LogLimits, LogMatch
from metis_node.chain.queries import Queries
from metis_node.errors import CorruptStore, InvalidRequest
from metis_node.storage.memory import MemoryStore
from metis_node.storage.tables import record_key
from tests import factories
from tests.chains import extend, new_blockchain


def emitter(topics: int) -> str:
    """Code that logs calldata[0:32] with `topics` topics from calldata[32:]."""
    code = "60206000600037"  # calldatacopy(0, 0, 32)
    for place in reversed(range(topics)):
        code += f"60{32 * (place + 1):02x}35"  # calldataload
    code += "60206000" + f"a{topics}" + "00"  # log(topics), stop
    return "0x" + code


ADDRESSES = [bytes((0xE0 + n,)) * 20 for n in range(5)]
TOPICS = [bytes((n,)) * 32 for n in range(4)]
BLOCKS = 40


def emit(nonce: int, address: int, topics: list[int]) -> bytes:
    data = bytes(31) + bytes((nonce % 256,)) + b"".join(TOPICS[t] for t in topics)
    return factories.sign_dynamic_fee(
        factories.key(0), nonce=nonce, to=ADDRESSES[address], data=data, gas_limit=100_000
    )


@cache
def busy_chain() -> tuple[Blockchain, list[LogMatch]]:
    """Forty blocks with logs of 0 to 4 topics here and there, and every log by brute force."""
    alloc = {
        "0x" + address.hex(): {"balance": "0x0", "code": emitter(count)}
        for count, address in enumerate(ADDRESSES)
    }
    chain = new_blockchain(alloc=alloc)
    nonce = 0
    everything: list[LogMatch] = []
    for number in range(1, BLOCKS + 1):
        raws = []
        for place in range(number % 4):
            address = (number * 7 + place * 3) % 5
            raws.append(emit(nonce, address, [(number + place + t) % 4 for t in range(address)]))
            nonce += 1
        imported = extend(chain, raws)
        everything.extend(_all_logs(imported.prepared.records(), imported.sealed))
    return chain, everything


def _all_logs(records: list[Any], sealed: Any) -> list[LogMatch]:
    found = []
    for index, record in enumerate(records):
        for place, log in enumerate(record.logs):
            found.append(
                LogMatch(
                    block_number=sealed.number,
                    block_hash=sealed.hash,
                    timestamp=sealed.header.timestamp,
                    transaction_hash=record.hash,
                    transaction_index=index,
                    log_index=record.first_log_index + place,
                    address=log.address,
                    topics=tuple(log.topics),
                    data=log.data,
                )
            )
    return found


def brute_force(everything: list[LogMatch], query: LogFilter) -> list[LogMatch]:
    def matches(log: LogMatch) -> bool:
        return (
            query.first <= log.block_number <= query.last
            and (not query.addresses or log.address in query.addresses)
            and len(query.topics) <= len(log.topics)
            and all(
                not choices or topic in choices
                for choices, topic in zip(query.topics, log.topics, strict=False)
            )
        )

    return [log for log in everything if matches(log)]


addresses = st.lists(st.sampled_from([*ADDRESSES, b"\x77" * 20]), max_size=3).map(tuple)
choices = st.lists(st.sampled_from([*TOPICS, b"\x99" * 32]), max_size=2).map(tuple)
filters = st.builds(
    lambda first, width, addresses, topics: LogFilter(
        first=first, last=first + width, addresses=addresses, topics=topics
    ),
    st.integers(0, BLOCKS + 3),
    st.integers(0, BLOCKS + 10),
    addresses,
    st.lists(choices, max_size=4).map(tuple),
)


@settings(max_examples=400, deadline=None)
@given(filters)
def test_every_query_equals_a_scan_of_all_receipts(query: LogFilter) -> None:
    chain, everything = busy_chain()
    assert Queries(chain).logs(query) == brute_force(everything, query)


def test_the_chain_of_these_tests_is_busy() -> None:
    _, everything = busy_chain()
    assert len(everything) > 50
    assert {len(log.topics) for log in everything} == {0, 1, 2, 3, 4}


def test_one_block_is_read_directly() -> None:
    chain, everything = busy_chain()
    queries = Queries(chain)
    for number in (1, 2, 3, BLOCKS):
        expected = [log for log in everything if log.block_number == number]
        assert queries.block_logs(number, [], []) == expected
        by_address = [log for log in expected if log.address == ADDRESSES[1]]
        assert queries.block_logs(number, [ADDRESSES[1]], []) == by_address


def refusal(query: LogFilter, **limits: int) -> tuple[str, int]:
    chain, _ = busy_chain()
    with pytest.raises(InvalidRequest) as caught:
        Queries(chain).logs(query, LogLimits(**limits))
    return caught.value.message, caught.value.code


def everything_up_to(last: int, **fields: Any) -> LogFilter:
    return LogFilter(first=0, last=last, **fields)


def test_limits_refuse_in_geths_words() -> None:
    many = tuple(bytes((n,)) * 20 for n in range(3))
    assert refusal(LogFilter(first=2, last=1)) == ("invalid block range params", -32602)
    assert refusal(everything_up_to(10), max_blocks=10) == (
        "exceed maximum block range: 10",
        -32005,
    )
    assert refusal(everything_up_to(40), max_results=5) == (
        "query returned more than 5 results",
        -32005,
    )
    assert refusal(everything_up_to(9, topics=((),) * 5)) == ("exceed max topics", -32602)
    words = "exceed max addresses or topics per search position"
    assert refusal(everything_up_to(9, addresses=many), max_addresses=2) == (words, -32602)
    wide = ((TOPICS[0], TOPICS[1]),)
    assert refusal(everything_up_to(9, topics=wide), max_topic_choices=1) == (words, -32602)
    busy = everything_up_to(40, addresses=tuple(ADDRESSES))
    assert "work limit" in refusal(busy, max_index_entries=5)[0]
    assert "scans too many transactions" in refusal(everything_up_to(40), max_scanned_records=5)[0]


def test_the_limits_accept_what_is_just_within() -> None:
    chain, everything = busy_chain()
    queries = Queries(chain)
    exact = LogLimits(max_blocks=41, max_results=len(everything))
    assert queries.logs(everything_up_to(40), exact) == everything


def test_an_index_without_its_record_is_corrupt() -> None:
    store = MemoryStore()
    alloc = {"0x" + ADDRESSES[0].hex(): {"balance": "0x0", "code": emitter(0)}}
    chain = new_blockchain(store, alloc=alloc)
    extend(chain, [emit(0, 0, [])])
    store.write([(record_key(1, 1), None)])
    with pytest.raises(CorruptStore, match="names record 1 of block 1"):
        Queries(chain).logs(LogFilter(first=0, last=1, addresses=(ADDRESSES[0],)))
