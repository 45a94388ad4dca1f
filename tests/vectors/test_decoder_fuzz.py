"""The transaction decoder on good, damaged and arbitrary bytes, against the specification's."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import rlp
from eth_hash.auto import keccak
from ethereum.exceptions import EthereumException
from ethereum.forks.osaka import transactions as spec
from ethereum_rlp import rlp as spec_rlp
from ethereum_types.bytes import Bytes
from ethereum_types.numeric import U64
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node import _native
from tests import factories
from tests.factories import CHAIN_ID, key

CODES = {"malformed", "wrong_chain", "unsupported_type", "bad_signature", "too_large"}

_bytes20 = st.binary(min_size=20, max_size=20)
_access_lists = st.lists(
    st.tuples(_bytes20, st.lists(st.binary(min_size=32, max_size=32), max_size=3)), max_size=3
)
_common = {
    "nonce": st.integers(0, 2**64 - 2),
    "value": st.integers(0, 2**256 - 1),
    "data": st.binary(max_size=120),
    "gas_limit": st.integers(0, 2**64 - 1),
}
_keys = st.integers(0, 7).map(key)
_fees = st.integers(0, 2**128 - 1)


def _authorizations() -> st.SearchStrategy[list[Any]]:
    return st.builds(
        lambda signer, address, nonce, chain: factories.authorization(
            signer, address=address, nonce=nonce, chain_id=chain
        ),
        _keys,
        _bytes20,
        st.integers(0, 2**64 - 1),
        st.sampled_from([0, CHAIN_ID, 2**200]),
    )


def _signed() -> st.SearchStrategy[bytes]:
    to = st.one_of(st.none(), _bytes20)
    dynamic = {"max_fee_per_gas": _fees, "max_priority_fee_per_gas": _fees}
    listed = {"access_list": _access_lists}
    build: Callable[..., st.SearchStrategy[bytes]] = st.builds
    return st.one_of(
        build(
            factories.sign_legacy,
            _keys,
            to=to,
            gas_price=_fees,
            chain_id=st.sampled_from([None, CHAIN_ID]),
            **_common,
        ),
        build(factories.sign_access_list, _keys, to=to, gas_price=_fees, **listed, **_common),
        build(factories.sign_dynamic_fee, _keys, to=to, **dynamic, **listed, **_common),
        build(
            factories.sign_set_code,
            _keys,
            to=_bytes20,
            authorizations=st.lists(_authorizations(), min_size=1, max_size=3),
            **dynamic,
            **listed,
            **_common,
        ),
    )


def _decode(raw: bytes) -> _native.Transaction | tuple[str, str]:
    return _native.decode_transactions([raw], chain_id=CHAIN_ID)[0]


def _spec_sender(raw: bytes) -> bytes | None:
    """The sender that the specification recovers; None where it refuses the encoding."""
    try:
        if raw[0] < 0xC0:
            transaction = spec.decode_transaction(Bytes(raw))
        else:
            transaction = spec_rlp.decode_to(spec.LegacyTransaction, Bytes(raw))
        return bytes(spec.recover_sender(U64(CHAIN_ID), transaction))
    except (EthereumException, OverflowError):
        return None


@given(_signed())
@settings(max_examples=150, deadline=None)
def test_every_well_formed_transaction_decodes(raw: bytes) -> None:
    decoded = _decode(raw)
    assert not isinstance(decoded, tuple), decoded
    assert decoded.raw == raw
    assert decoded.hash == keccak(raw)
    assert decoded.sender == _spec_sender(raw)
    assert decoded.type == (raw[0] if raw[0] < 0xC0 else 0)
    assert decoded.size == len(raw)
    cost = decoded.value + decoded.gas_limit * decoded.max_fee_per_gas
    assert decoded.cost == min(cost, 2**256 - 1)


@given(_signed(), st.integers(0, 2**32))
@settings(max_examples=400, deadline=None)
def test_a_damaged_transaction_is_refused_or_means_what_the_specification_reads(
    raw: bytes, seed: int
) -> None:
    damaged = _damage(raw, Random(seed))
    decoded = _decode(damaged)
    if isinstance(decoded, tuple):
        assert decoded[0] in CODES
        assert decoded[1]
        return
    assert decoded.raw == damaged
    assert decoded.sender == _spec_sender(damaged)
    body = damaged[1:] if damaged[0] < 0xC0 else damaged
    assert rlp.encode(rlp.decode(body)) == body


def _damage(raw: bytes, rng: Random) -> bytes:
    """Bits flipped, bytes inserted, removed or doubled, an end cut off, a tail put on."""
    damaged = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(damaged))
        kind = rng.randrange(5)
        if kind == 0:
            damaged[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged.insert(at, rng.randrange(256))
        elif kind == 2 and len(damaged) > 1:
            del damaged[at]
        elif kind == 3:
            damaged[at] = rng.choice([0, 0x7F, 0x80, 0xB8, 0xC0, 0xF8, 0xFF])
        else:
            damaged = damaged[: at + 1] if rng.random() < 0.5 else damaged + b"\0"
    return bytes(damaged)


@given(st.lists(st.binary(max_size=200), max_size=20))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_get_an_answer_each(raws: list[bytes]) -> None:
    answers = _native.decode_transactions(raws, chain_id=CHAIN_ID)
    assert len(answers) == len(raws)
    for answer in answers:
        assert not isinstance(answer, tuple) or answer[0] in CODES


def test_refusals_name_their_family() -> None:
    to = key(1).address
    good = factories.sign_dynamic_fee(key(0), nonce=0, to=to)
    other_chain = factories.sign_dynamic_fee(key(0), nonce=0, to=to, chain_id=CHAIN_ID + 1)
    blob = factories.sign_blob(key(0), nonce=0, to=to, blob_hashes=[b"\x01" + bytes(31)])
    fields = rlp.decode(good[1:])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high_s = order - int.from_bytes(fields[11], "big")
    flipped = 1 - int.from_bytes(fields[9], "big")
    malleable = b"\x02" + rlp.encode([*fields[:9], flipped, fields[10], high_s])
    assert not isinstance(_decode(good), tuple)
    assert _code(other_chain) == "wrong_chain"
    assert _code(blob) == "unsupported_type"
    assert _code(b"\x7e" + good[1:]) == "unsupported_type"
    assert _code(malleable) == "bad_signature"
    assert _code(good[:-1]) == "malformed"
    assert _code(b"") == "malformed"
    allowed = _native.decode_transactions([blob], chain_id=CHAIN_ID, allow_blobs=True)[0]
    assert not isinstance(allowed, tuple)


def _code(raw: bytes) -> str:
    answer = _decode(raw)
    assert isinstance(answer, tuple), "it was accepted"
    return answer[0]
