"""Transactions and batches for the tests of this room: signed ones, and wild ones."""

from __future__ import annotations

from collections.abc import Sequence

import rlp
from hypothesis import strategies as st

from metis_node.types.batches import BatchBlock, SpanBatch
from metis_node.types.primitives import Address, Hash32
from tests import factories
from tests.factories import CHAIN_ID, ETHER, key

TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff00112233")


def signed_transactions() -> list[bytes]:
    """At least one of every shape that the chain accepts."""
    slots = [bytes(31) + b"\x07", b"\xff" * 32]
    transfer = bytes.fromhex("a9059cbb") + key(2).address.rjust(32, b"\0") + bytes(30) + b"\x03\xe8"
    return [
        factories.sign_legacy(key(0), nonce=0, to=key(1).address, value=ETHER),
        factories.sign_legacy(key(0), nonce=1, to=key(1).address, chain_id=None),
        factories.sign_legacy(key(0), nonce=2, to=None, data=b"\x60\x00" * 40, gas_limit=200_000),
        factories.sign_access_list(
            key(1), nonce=0, to=TOKEN, data=transfer, access_list=[(TOKEN, slots), (bytes(20), [])]
        ),
        factories.sign_access_list(key(1), nonce=1, to=None, data=b"\x00"),
        factories.sign_dynamic_fee(key(2), nonce=300, to=key(1).address, value=123_456_789),
        factories.sign_dynamic_fee(
            key(2), nonce=301, to=TOKEN, data=transfer, access_list=[(TOKEN, slots)]
        ),
        factories.sign_dynamic_fee(key(2), nonce=302, to=TOKEN, data=transfer[:-1]),
        factories.sign_dynamic_fee(key(2), nonce=303, to=None, data=transfer, gas_limit=10**6),
        factories.sign_dynamic_fee(key(2), nonce=304, to=TOKEN, data=bytes(4) + bytes(64)),
    ]


def block_of(number: int, transactions: Sequence[bytes] = (), **changes: object) -> BatchBlock:
    values: dict[str, object] = {
        "number": number,
        "time_ms": 1_700_000_000_000 + 1_000 * number,
        "origin_number": 100 + number // 12,
        "beneficiary": Address(key(9).address),
        "builder_index": 0,
        "epoch": number // 200,
        "stake_block": 0,
        "gas_limit": 60_000_000,
        "check": number.to_bytes(4, "big"),
        "transactions": tuple(transactions),
    }
    return BatchBlock(**{**values, **changes})  # type: ignore[arg-type]


def batch_of(blocks: Sequence[BatchBlock]) -> SpanBatch:
    """The last block's check must be the start of the last hash, as in any real batch."""
    last_hash = Hash32(blocks[-1].check.ljust(32, b"\x11"))
    return SpanBatch(parent_check=b"\x22" * 20, last_hash=last_hash, blocks=tuple(blocks))


def signed_batch(first: int = 1, blocks: int = 30) -> SpanBatch:
    raws = signed_transactions()
    return batch_of(
        [
            block_of(number, [raws[(number + i) % len(raws)] for i in range(number % 5)])
            for number in range(first, first + blocks)
        ]
    )


integers = st.one_of(
    st.integers(0, 300),
    st.integers(0, 77).map(lambda e: 10**e),
    st.integers(0, 2**256 - 1),
)
number_bytes = integers.map(lambda n: n.to_bytes((n.bit_length() + 7) // 8, "big"))
addresses = st.one_of(
    st.sampled_from([TOKEN, key(1).address, bytes(20)]), st.binary(min_size=20, max_size=20)
)
words = st.one_of(
    number_bytes.map(lambda b: b.rjust(32, b"\0")),
    addresses.map(lambda a: a.rjust(32, b"\0")),
    st.binary(min_size=32, max_size=32),
)
call_data = st.one_of(
    st.just(b""),
    st.binary(max_size=80),
    st.lists(words, max_size=6).map(lambda ws: b"\xa9\x05\x9c\xbb" + b"".join(ws)),
    st.integers(120, 140).map(lambda n: b"\x01\x02\x03\x04" + b"\x05" * 32 * n),
)
access_lists = st.lists(
    st.tuples(addresses, st.lists(st.binary(min_size=32, max_size=32), max_size=2)).map(list),
    max_size=2,
)
signature_words = st.one_of(
    st.binary(min_size=32, max_size=32).map(lambda b: b.lstrip(b"\0")), number_bytes
)


@st.composite
def wild_transactions(draw: st.DrawFn) -> bytes:
    """Encodings with the shape of a transaction: right or slightly wrong in every field."""
    kind = draw(st.sampled_from([0, 0, 1, 2, 2, 4]))
    chain = draw(st.sampled_from([CHAIN_ID, CHAIN_ID, CHAIN_ID, 1, 0]))
    strange = st.one_of(st.just(b"\0"), st.binary(max_size=34))
    number = st.one_of(number_bytes, number_bytes, number_bytes, number_bytes, strange)
    to = draw(st.one_of(addresses, addresses, st.just(b""), st.binary(max_size=21)))
    signature = [draw(st.one_of(signature_words, strange)) for _ in range(2)]
    nonce, gas, value = draw(number), draw(number), draw(number)
    fees = [draw(number) for _ in range(2)]
    data = draw(call_data)
    if kind == 0:
        v = draw(st.sampled_from([27, 28, CHAIN_ID * 2 + 35, CHAIN_ID * 2 + 36, 37, 0, 29, 2**70]))
        legacy: bytes = rlp.encode([nonce, fees[0], gas, to, value, data, v, *signature])
        return legacy
    parity = draw(st.sampled_from([b"", b"\x01", b"", b"\x01", b"\0", b"\x02", b"\x01\x01"]))
    lists: list[object] = [draw(access_lists)]
    if kind == 4:
        lists.append([[chain, TOKEN, nonce, parity, *signature]])
    prices = fees[:1] if kind == 1 else fees
    fields = [chain, nonce, *prices, gas, to, value, data, *lists, parity, *signature]
    encoded: bytes = rlp.encode(fields)
    return bytes([kind]) + encoded


any_transactions = st.one_of(
    wild_transactions(),
    wild_transactions(),
    st.sampled_from(signed_transactions()),
    st.binary(max_size=200),
)


@st.composite
def wild_batches(draw: st.DrawFn) -> SpanBatch:
    first = draw(st.one_of(st.integers(0, 5), st.integers(0, 2**63)))
    time_ms = draw(st.integers(0, 2**62))
    origin = draw(st.integers(0, 2**62))
    blocks = []
    for index in range(draw(st.integers(1, 12))):
        time_ms += draw(st.sampled_from([1000, 1000, 200, 0, 10**6]))
        origin += draw(st.sampled_from([0, 0, 0, 1, 2, 500]))
        blocks.append(
            BatchBlock(
                number=first + index,
                time_ms=time_ms,
                origin_number=origin,
                beneficiary=Address(draw(st.sampled_from([TOKEN, bytes(20)]))),
                builder_index=draw(st.sampled_from([0, 0, 1, 65_535])),
                epoch=draw(st.sampled_from([0, 0, 1, 2**63])),
                stake_block=draw(st.sampled_from([0, 0, 9])),
                gas_limit=draw(st.sampled_from([60_000_000, 60_000_000, 0, 2**64 - 1])),
                check=draw(st.binary(min_size=4, max_size=4)),
                transactions=tuple(draw(st.lists(any_transactions, max_size=5))),
            )
        )
    return SpanBatch(
        parent_check=draw(st.binary(min_size=20, max_size=20)),
        last_hash=Hash32(draw(st.binary(min_size=32, max_size=32))),
        blocks=tuple(blocks),
    )
