"""Every refusal of the header rules beside the acceptance it differs from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from metis_node.chain.header_rules import check_body, check_header
from metis_node.codec.extra_data import encode_extra_data
from metis_node.codec.headers import decode_header, seal
from metis_node.codec.system_transaction import encode_system_transaction
from metis_node.errors import InvalidBlock
from metis_node.types.blocks import ExtraData, Header
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Hash32
from metis_node.types.rules import ChainRules, Fork
from tests import factories

TIME = factories.GENESIS_TIME
ORIGIN = L1Origin(
    number=50,
    hash=Hash32(b"\x50" * 32),
    timestamp=TIME - 100,
    base_fee_per_gas=7,
    blob_base_fee=1,
    prev_randao=Hash32(b"\x0a" * 32),
)
RULES = ChainRules(
    chain_id=1337,
    forks=(Fork(timestamp=0, name="prague"),),
    gas_limit=factories.GAS_LIMIT,
    block_time_ms=1_000,
    max_block_bytes=5_000,
)
L1_RULES = replace(RULES, system_transactions=False, blobs=True)


def extra(origin: int = 50, milliseconds: int = 0, **fields: int) -> bytes:
    return encode_extra_data(ExtraData(origin_number=origin, milliseconds=milliseconds, **fields))


def header(**fields: Any) -> Header:
    base = decode_header(factories.header_rlp())
    return replace(base, **fields)


PARENT = header(
    number=9, extra_data=extra(milliseconds=400), parent_beacon_block_root=ORIGIN.hash, gas_used=0
)
SEALED_PARENT = seal(PARENT)


def child(**fields: Any) -> Header:
    base = header(
        parent_hash=SEALED_PARENT.hash,
        number=10,
        timestamp=TIME + 1,
        extra_data=extra(milliseconds=400),
        base_fee_per_gas=875_000_000,  # the parent was empty: an eighth less
        parent_beacon_block_root=ORIGIN.hash,
        mix_hash=ORIGIN.prev_randao,
    )
    return replace(base, **fields)


def refusal(header: Header, rules: ChainRules = RULES) -> str:
    with pytest.raises(InvalidBlock) as caught:
        check_header(SEALED_PARENT, seal(header), rules)
    return caught.value.message


def test_a_right_header_passes() -> None:
    check_header(SEALED_PARENT, seal(child()), RULES)
    check_header(SEALED_PARENT, seal(child(extra_data=extra(origin=51, milliseconds=400))), RULES)
    check_header(SEALED_PARENT, seal(child(timestamp=TIME + 900, extra_data=extra())), RULES)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"number": 11}, "number is 11, expected 10"),
        ({"parent_hash": Hash32(bytes(32))}, "parentHash is 0x00"),
        ({"difficulty": 1}, "difficulty is 1, expected 0"),
        ({"nonce": b"\0" * 7 + b"\1"}, "nonce is 0x0000000000000001"),
        ({"ommers_hash": Hash32(bytes(32))}, "sha3Uncles is"),
        ({"withdrawals_root": Hash32(bytes(32))}, "withdrawalsRoot is"),
        ({"requests_hash": Hash32(bytes(32))}, "requestsHash is"),
        ({"gas_limit": 1}, "gasLimit is 1, expected 60000000"),
        ({"gas_used": factories.GAS_LIMIT + 1}, "gasUsed 60000001 is above gasLimit 60000000"),
        ({"base_fee_per_gas": 1}, "baseFeePerGas is 1, expected 875000000"),
        ({"blob_gas_used": 131_072}, "blobGasUsed is 131072, expected 0"),
        ({"excess_blob_gas": 1}, "excessBlobGas is 1, expected 0"),
        ({"extra_data": b"hello"}, "extraData has 5 bytes, expected 29"),
        ({"extra_data": b"\2" + extra()[1:]}, "extraData has version 2"),
        ({"extra_data": extra()[:-2] + b"\x03\xe8"}, "milliseconds 1000 is not in 0..999"),
        ({"extra_data": extra(epoch=1)}, "names an epoch, builder or stake block"),
        ({"extra_data": extra(builder_index=1)}, "names an epoch, builder or stake block"),
        ({"extra_data": extra(stake_block=1)}, "names an epoch, builder or stake block"),
        ({"extra_data": extra(origin=49)}, "L1 origin 49 is behind the parent's 50"),
        (
            {"extra_data": extra(milliseconds=399)},
            f"the block's time is {TIME + 1}399 ms, it may not be before {TIME + 1}400 ms",
        ),
        ({"timestamp": TIME}, "it may not be before"),
    ],
)
def test_refusals_name_the_field(fields: dict[str, Any], words: str) -> None:
    assert words in refusal(child(**fields))


def test_seconds_may_equal_the_parents_below_a_second() -> None:
    rules = replace(RULES, block_time_ms=200)
    same = child(timestamp=TIME, extra_data=extra(milliseconds=600))
    check_header(SEALED_PARENT, seal(same), rules)
    early = child(timestamp=TIME, extra_data=extra(milliseconds=599))
    assert "may not be before" in refusal(early, rules)


def test_the_base_fee_has_a_floor() -> None:
    rules = replace(RULES, min_base_fee_per_gas=900_000_000)
    check_header(SEALED_PARENT, seal(child(base_fee_per_gas=900_000_000)), rules)
    assert "expected 900000000" in refusal(child(), rules)


def test_the_embedded_l1_has_free_extra_data_and_rising_time() -> None:
    plain = child(extra_data=b"anything", parent_beacon_block_root=Hash32(bytes(32)))
    check_header(SEALED_PARENT, seal(plain), L1_RULES)
    long = replace(plain, extra_data=bytes(33))
    assert "at most 32" in refusal(long, L1_RULES)
    still = replace(plain, timestamp=TIME)
    assert f"timestamp {TIME} is not after the parent's {TIME}" in refusal(still, L1_RULES)


def test_blob_gas_follows_the_schedule() -> None:
    blobs = replace(PARENT, blob_gas_used=9 * 131_072)
    parent = seal(blobs)
    right = child(parent_hash=parent.hash, excess_blob_gas=3 * 131_072, blob_gas_used=131_072)
    check_header(parent, seal(right), L1_RULES)
    for fields, words in (
        ({"excess_blob_gas": 0}, "excessBlobGas is 0, expected 393216"),
        ({"blob_gas_used": 1}, "not a multiple of 131072"),
        ({"blob_gas_used": 10 * 131_072}, "up to 1179648"),
    ):
        with pytest.raises(InvalidBlock, match=words):
            check_header(parent, seal(replace(right, **fields)), L1_RULES)


# --- the body ---------------------------------------------------------------------------------


def system(origin: L1Origin = ORIGIN, height: int = 10) -> bytes:
    return encode_system_transaction(origin, height)


def body_refusal(
    transactions: list[bytes], header: Header | None = None, rules: ChainRules = RULES
) -> str:
    with pytest.raises(InvalidBlock) as caught:
        check_body(PARENT, header if header is not None else child(), transactions, rules)
    return caught.value.message


def test_a_right_body_passes() -> None:
    check_body(PARENT, child(), [system()], RULES)
    check_body(PARENT, child(), [system(), b"\x02" + bytes(4_000)], RULES)


def test_the_size_is_bounded() -> None:
    room = 5_000 - len(system())
    check_body(PARENT, child(), [system(), bytes(room)], RULES)
    assert "have 5001 bytes, at most 5000" in body_refusal([system(), bytes(room + 1)])


def test_the_system_transaction_must_be_there_first_and_alone() -> None:
    assert "lacks its system transaction" in body_refusal([])
    assert "not a system transaction" in body_refusal([b"\x02abc", system()])
    assert "where none may stand" in body_refusal([system(), system()])
    assert "where none may stand" in body_refusal([system()], rules=L1_RULES)
    check_body(PARENT, child(), [], L1_RULES)


def test_the_system_transaction_is_of_its_height() -> None:
    assert "is not the one derived" in body_refusal([system(height=11)])
    broken = bytearray(system())
    broken[40] ^= 1  # the sender
    assert "is not the one derived" in body_refusal([bytes(broken)])


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (replace(ORIGIN, number=51), "origin number in extraData is 50, expected 51"),
        (replace(ORIGIN, hash=Hash32(b"\1" * 32)), "parentBeaconBlockRoot is 0x5050"),
        (replace(ORIGIN, prev_randao=Hash32(b"\1" * 32)), "mixHash is 0x0a0a"),
        (
            replace(ORIGIN, timestamp=TIME + 1 - 10_801),
            f"a block of time {TIME + 1} needs one of {TIME + 1 - 10_800} or later",
        ),
    ],
)
def test_header_and_origin_must_agree(origin: L1Origin, words: str) -> None:
    assert words in body_refusal([system(origin)])


def test_the_oldest_origin_that_is_allowed() -> None:
    check_body(PARENT, child(), [system(replace(ORIGIN, timestamp=TIME + 1 - 10_800))], RULES)


def test_one_origin_number_has_one_hash() -> None:
    other = replace(ORIGIN, hash=Hash32(b"\x51" * 32))
    assert "origin hash is 0x5151" in body_refusal(
        [system(other)], child(parent_beacon_block_root=other.hash)
    )
    following = replace(other, number=51)
    moved = child(parent_beacon_block_root=other.hash, extra_data=extra(origin=51))
    check_body(PARENT, moved, [system(following)], RULES)
