"""The L1 attributes transaction: derived, exact, and refused with any other content."""

from __future__ import annotations

import pytest
import rlp as reference
from eth_abi.abi import encode as abi_encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec import system_transaction as system
from metis_node.errors import InvalidBlock
from metis_node.types.l1 import L1Origin

origins = st.builds(
    L1Origin,
    number=st.integers(0, 2**64 - 1),
    hash=st.binary(min_size=32, max_size=32),
    timestamp=st.integers(0, 2**64 - 1),
    base_fee_per_gas=st.integers(0, 2**256 - 1),
    blob_base_fee=st.integers(0, 2**256 - 1),
    prev_randao=st.binary(min_size=32, max_size=32),
)


@given(origins, st.integers(0, 2**64 - 1))
def test_it_is_the_deposit_of_the_specification(origin: L1Origin, height: int) -> None:
    call = keccak(b"setL1Block(uint64,uint64,uint256,uint256,bytes32,bytes32)")[:4] + abi_encode(
        ["uint64", "uint64", "uint256", "uint256", "bytes32", "bytes32"],
        [
            origin.number,
            origin.timestamp,
            origin.base_fee_per_gas,
            origin.blob_base_fee,
            origin.hash,
            origin.prev_randao,
        ],
    )
    source = keccak((1).to_bytes(32, "big") + keccak(origin.hash + height.to_bytes(32, "big")))
    fields = [
        source,
        bytes.fromhex("deaddeaddeaddeaddeaddeaddeaddeaddead0001"),
        bytes.fromhex("4200000000000000000000000000000000000015"),
        0,
        0,
        1_000_000,
        0,
        call,
    ]
    raw = system.encode_system_transaction(origin, height)
    assert raw == b"\x7e" + reference.encode(fields)
    assert system.decode_system_transaction(raw, height) == origin


@given(origins, st.integers(1, 10**9), st.data())
def test_any_change_is_refused_or_another_origin(
    origin: L1Origin, height: int, data: st.DataObject
) -> None:
    raw = bytearray(system.encode_system_transaction(origin, height))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = system.decode_system_transaction(bytes(raw), height)
    except InvalidBlock:
        return
    assert decoded != origin


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused(data: bytes, typed: bool) -> None:
    with pytest.raises(InvalidBlock):
        system.decode_system_transaction((b"\x7e" if typed else b"") + data, 5)


def test_another_height_is_refused() -> None:
    origin = L1Origin(
        number=1,
        hash=bytes(32),  # type: ignore[arg-type]
        timestamp=2,
        base_fee_per_gas=3,
        blob_base_fee=4,
        prev_randao=bytes(32),  # type: ignore[arg-type]
    )
    raw = system.encode_system_transaction(origin, 7)
    assert system.decode_system_transaction(raw, 7) == origin
    with pytest.raises(InvalidBlock, match="system transaction of block 8"):
        system.decode_system_transaction(raw, 8)
