"""Filter objects, and the bloom test that spares reading blocks."""

from __future__ import annotations

from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.log_criteria import LogCriteria, parse_criteria

ADDRESS = b"\xaa" * 20
values = st.binary(min_size=32, max_size=32)


def bloom_of(*items: bytes) -> bytes:
    """Yellow paper 4.3.1, written down once more."""
    bits = 0
    for item in items:
        digest = keccak(item)
        for at in (0, 2, 4):
            bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") % 2048)
    return bits.to_bytes(256, "big")


def test_a_filter_is_parsed() -> None:
    topic, other = "0x" + "11" * 32, "0x" + "22" * 32
    criteria = parse_criteria(
        [
            {
                "fromBlock": "0x5",
                "toBlock": "latest",
                "address": ["0x" + "aa" * 20],
                "topics": [topic, None, [topic, other], []],
            }
        ],
        0,
        RpcLimits(),
    )
    one, two = b"\x11" * 32, b"\x22" * 32
    assert criteria == LogCriteria(
        addresses=(ADDRESS,),
        topics=((one,), (), (one, two), ()),
        from_block=5,
        to_block="latest",
    )


def test_a_null_among_alternatives_means_any() -> None:
    criteria = parse_criteria([{"topics": [["0x" + "11" * 32, None]]}], 0, RpcLimits())
    assert criteria.topics == ((),)


@given(st.lists(values, max_size=20), st.data())
def test_a_block_that_holds_a_match_is_never_passed_over(
    topics: list[bytes], data: st.DataObject
) -> None:
    bloom = bloom_of(ADDRESS, *topics)
    chosen = data.draw(st.sampled_from(topics)) if topics else None
    criteria = LogCriteria(
        addresses=(b"\xbb" * 20, ADDRESS), topics=((chosen, b"\0" * 32),) if chosen else ()
    )
    assert criteria.may_match(bloom)


def test_a_block_without_the_address_or_topic_is_passed_over() -> None:
    topic = b"\x11" * 32
    assert not LogCriteria(addresses=(ADDRESS,)).may_match(bytes(256))
    assert not LogCriteria(topics=((), (topic,))).may_match(bloom_of(ADDRESS))
    assert LogCriteria().may_match(bytes(256))
