"""Which raw transactions the RPC takes for unprotected, beside an independent RLP decoder."""

from __future__ import annotations

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from metis_node.rpc.methods.eth_send import is_unprotected

numbers = st.integers(0, 2**256 - 1)
vs = st.sampled_from([0, 1, 26, 27, 28, 29, 35, 36, 37, 2709, 2710, 27 << 8, 2**64 - 1])


@given(
    head=st.tuples(numbers, numbers, numbers),
    to=st.sampled_from([b"", bytes(20), b"\x1b" * 20]),
    value=numbers,
    data=st.binary(max_size=80) | st.sampled_from([bytes(56), bytes(300), b"\x1b", b"\x80"]),
    v=vs,
    tail=st.tuples(numbers, numbers),
)
def test_legacy_transactions_by_their_v(
    head: tuple[int, ...], to: bytes, value: int, data: bytes, v: int, tail: tuple[int, ...]
) -> None:
    raw = rlp.encode([*head, to, value, data, v, *tail])
    assert is_unprotected(raw) is (v in (27, 28))


@pytest.mark.parametrize("raw", [b"\xc0", b"\xc1\x80", b"\xf8", b"\xff" * 9, b"\xc6" + b"\x80" * 6])
def test_malformed_ones_are_left_to_the_decoder(raw: bytes) -> None:
    assert is_unprotected(raw) is False
