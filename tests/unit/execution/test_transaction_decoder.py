"""`decode_transactions`: what it recovers, and what it says to everything else."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import rlp
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node import _native
from tests import factories
from tests.factories import CHAIN_ID, GWEI, key

BLOB = bytes(131_072)
COMMITMENT = b"\xc0" + bytes(47)
PROOF = b"\xc0" + bytes(47)
BLOB_HASH = b"\x01" + hashlib.sha256(COMMITMENT).digest()[1:]
CELL_PROOFS = 128
MAX_TRANSACTION_BYTES = 128 * 1024
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def decode(raw: bytes, **options: bool) -> _native.Transaction:
    item = _native.decode_transactions([raw], chain_id=CHAIN_ID, **options)[0]
    assert isinstance(item, _native.Transaction), item
    return item


def refusal(raw: bytes, **options: bool) -> tuple[str, str]:
    item = _native.decode_transactions([raw], chain_id=CHAIN_ID, **options)[0]
    assert isinstance(item, tuple)
    return item


def blob_transaction(**fields: Any) -> bytes:
    return factories.sign_blob(
        key(0), nonce=0, to=key(1).address, blob_hashes=[BLOB_HASH], **fields
    )


def pooled(canonical: bytes, *sidecar: object) -> bytes:
    return b"\x03" + bytes(rlp.encode([rlp.decode(canonical[1:]), *sidecar]))


def test_dynamic_fee_transaction_has_all_its_facts() -> None:
    raw = factories.sign_dynamic_fee(
        key(0),
        nonce=7,
        to=key(1).address,
        value=10**20,
        data=b"\x00\x01",
        gas_limit=50_000,
        access_list=[(key(2).address, [bytes(32)])],
    )
    tx = decode(raw)
    assert tx.sender == key(0).address
    assert tx.hash == _native.keccak256(raw)
    assert (tx.type, tx.nonce, tx.gas_limit, tx.chain_id) == (2, 7, 50_000, CHAIN_ID)
    assert (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) == (2 * GWEI, 1)
    assert (tx.to, tx.value, tx.data) == (key(1).address, 10**20, b"\x00\x01")
    assert (tx.raw, tx.size) == (raw, len(raw))
    assert tx.cost == 10**20 + 50_000 * 2 * GWEI
    assert tx.intrinsic_gas == 21_000 + 4 + 16 + 2_400 + 1_900
    assert tx.floor_gas == 21_000 + 10 * 5
    assert (tx.blob_hashes, tx.authorities, tx.sidecar) == ([], [], None)


def test_signatures_of_eth_account_are_recovered() -> None:
    account = Account.from_key(b"\x11" * 32)
    signed = account.sign_transaction(
        {
            "to": "0x" + "22" * 20,
            "value": 1,
            "gas": 21_000,
            "gasPrice": GWEI,
            "nonce": 0,
            "chainId": CHAIN_ID,
        }
    )
    tx = decode(bytes(signed.raw_transaction))
    assert "0x" + tx.sender.hex() == account.address.lower()
    assert tx.hash == bytes(signed.hash)
    shown = tx.to_dict()
    assert shown["v"] == hex(signed.v)
    assert shown["r"] == hex(signed.r)
    assert shown["s"] == hex(signed.s)


def test_dict_has_geths_keys() -> None:
    raw = factories.sign_dynamic_fee(key(0), nonce=1, to=None, data=b"\x60")
    shown = decode(raw).to_dict()
    assert set(shown) == {
        *("accessList", "chainId", "from", "gas", "gasPrice", "hash", "input", "maxFeePerGas"),
        *("maxPriorityFeePerGas", "nonce", "r", "s", "to", "type", "v", "value", "yParity"),
    }
    assert shown["to"] is None
    assert (shown["type"], shown["nonce"], shown["input"]) == ("0x2", "0x1", "0x60")
    assert shown["gasPrice"] == hex(2 * GWEI)


def test_creation_pays_for_its_initcode() -> None:
    raw = factories.sign_legacy(key(0), nonce=0, to=None, data=bytes(33), gas_limit=100_000)
    assert decode(raw).intrinsic_gas == 21_000 + 32_000 + 33 * 4 + 2 * 2


def test_legacy_without_chain_id_is_accepted() -> None:
    tx = decode(factories.sign_legacy(key(0), nonce=0, to=key(1).address, chain_id=None))
    assert tx.chain_id is None
    assert tx.sender == key(0).address
    assert "chainId" not in tx.to_dict()


def test_authorities_are_recovered_and_forged_ones_left_out() -> None:
    good = factories.authorization(key(3), address=key(4).address, nonce=0)
    forged = [*good[:3], 0, 0, 0]
    raw = factories.sign_set_code(key(0), nonce=0, to=key(1).address, authorizations=[good, forged])
    tx = decode(raw)
    assert tx.authorities == [key(3).address]
    assert tx.intrinsic_gas == 21_000 + 2 * 25_000
    shown: Any = tx.to_dict()["authorizationList"]
    assert len(shown) == 2


def test_authorization_with_a_high_s_is_no_authority() -> None:
    chain_id, address, nonce, parity, r, s = factories.authorization(
        key(3), address=key(4).address, nonce=0
    )
    high = [chain_id, address, nonce, 1 - parity, r, CURVE_ORDER - s]
    raw = factories.sign_set_code(key(0), nonce=0, to=key(1).address, authorizations=[high])
    assert decode(raw).authorities == []


def test_other_chain_is_refused_in_geths_words() -> None:
    raw = factories.sign_dynamic_fee(key(0), nonce=0, to=key(1).address, chain_id=5)
    assert refusal(raw) == (
        "wrong_chain",
        f"invalid sender: invalid chain id for signer: have 5 want {CHAIN_ID}",
    )
    legacy = factories.sign_legacy(key(0), nonce=0, to=key(1).address, chain_id=5)
    assert refusal(legacy)[0] == "wrong_chain"


@pytest.mark.parametrize("raw", [b"\x05\xc0", b"\x00\xc0", b"\x7e\xc0", b"\x7f\xc0"])
def test_unknown_types_are_refused(raw: bytes) -> None:
    assert refusal(raw) == ("unsupported_type", "transaction type not supported")


@pytest.mark.parametrize("raw", [b"", b"\x02"])
def test_too_short_is_refused(raw: bytes) -> None:
    assert refusal(raw) == ("malformed", "typed transaction too short")


def test_legacy_behind_a_type_byte_is_refused() -> None:
    raw = factories.sign_legacy(key(0), nonce=0, to=key(1).address)
    assert refusal(b"\x00" + raw)[0] == "unsupported_type"


def test_trailing_bytes_are_refused() -> None:
    raw = factories.sign_dynamic_fee(key(0), nonce=0, to=key(1).address)
    code, message = refusal(raw + b"\x00")
    assert code == "malformed"
    assert message.startswith("rlp: ")


@pytest.mark.parametrize("kind", ["zero r", "zero s", "high s"])
def test_bad_signatures_are_refused(kind: str) -> None:
    fields = list(rlp.decode(factories.sign_dynamic_fee(key(0), nonce=0, to=key(1).address)[1:]))
    parity, _, s = fields[-3:]
    fields[-3:] = {
        "zero r": [parity, b"", s],
        "zero s": [parity, fields[-2], b""],
        "high s": [
            b"" if parity else b"\x01",
            fields[-2],
            (CURVE_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big"),
        ],
    }[kind]
    assert refusal(b"\x02" + rlp.encode(fields)) == (
        "bad_signature",
        "invalid sender: invalid transaction v, r, s values",
    )


def test_size_is_bounded() -> None:
    def of(data: int) -> bytes:
        return factories.sign_dynamic_fee(key(0), nonce=0, to=key(1).address, data=bytes(data))

    overhead = len(of(MAX_TRANSACTION_BYTES - 1000)) - (MAX_TRANSACTION_BYTES - 1000)
    assert decode(of(MAX_TRANSACTION_BYTES - overhead)).size == MAX_TRANSACTION_BYTES
    size = MAX_TRANSACTION_BYTES + 1
    words = f"oversized data: transaction size {size}, limit {MAX_TRANSACTION_BYTES}"
    assert refusal(of(size - overhead)) == ("too_large", words)


def test_blob_transactions_need_a_chain_with_blobs() -> None:
    raw = blob_transaction()
    code, message = refusal(raw)
    assert code == "unsupported_type"
    assert message.startswith("transaction type not supported")
    tx = decode(raw, allow_blobs=True)
    assert tx.blob_hashes == [BLOB_HASH]
    assert tx.sidecar is None
    assert tx.cost == 100_000 * 2 * GWEI + 131_072 * GWEI


@pytest.mark.parametrize(
    "sidecar",
    [
        ([BLOB], [COMMITMENT], [PROOF]),
        (1, [BLOB], [COMMITMENT], [PROOF] * CELL_PROOFS),
    ],
    ids=["one proof a blob", "cell proofs"],
)
def test_sidecar_is_taken_off(sidecar: tuple[object, ...]) -> None:
    canonical = blob_transaction()
    tx = decode(pooled(canonical, *sidecar), allow_blobs=True)
    assert tx.raw == canonical
    assert tx.hash == _native.keccak256(canonical)
    assert tx.sidecar == rlp.encode(list(sidecar))


@pytest.mark.parametrize(
    ("sidecar", "word"),
    [
        (([], [COMMITMENT], [PROOF]), "number of blobs"),
        (([BLOB], [], [PROOF]), "number of commitments"),
        (([BLOB], [COMMITMENT], []), "number of proofs"),
        (([BLOB[1:]], [COMMITMENT], [PROOF]), "131072 bytes"),
        (([BLOB], [b"\x80" + COMMITMENT[1:]], [PROOF]), "versioned hash"),
        ((1, [BLOB], [COMMITMENT], [PROOF]), "number of proofs"),
        ((2, [BLOB], [COMMITMENT], [PROOF]), "version"),
        (([BLOB], [COMMITMENT], [PROOF], []), "more fields"),
    ],
)
def test_sidecars_that_do_not_fit_are_refused(sidecar: tuple[object, ...], word: str) -> None:
    code, message = refusal(pooled(blob_transaction(), *sidecar), allow_blobs=True)
    assert code == "malformed"
    assert word in message


def test_many_keep_their_order() -> None:
    raws = [
        factories.sign_dynamic_fee(key(index % 5), nonce=index, to=key(1).address)
        for index in range(200)
    ]
    raws[77] = b"\xff"
    items = _native.decode_transactions(raws, chain_id=CHAIN_ID)
    assert isinstance(items[77], tuple)
    for index, item in enumerate(items):
        if index != 77:
            assert isinstance(item, _native.Transaction)
            assert (item.nonce, item.sender) == (index, key(index % 5).address)


SAMPLES = [
    factories.sign_legacy(key(0), nonce=0, to=key(1).address),
    factories.sign_access_list(key(0), nonce=0, to=None, access_list=[(bytes(20), [bytes(32)])]),
    factories.sign_dynamic_fee(key(0), nonce=0, to=key(1).address, data=b"x" * 40),
    factories.sign_set_code(
        key(0),
        nonce=0,
        to=key(1).address,
        authorizations=[factories.authorization(key(2), address=bytes(20), nonce=0)],
    ),
    blob_transaction(),
]


@given(st.binary(max_size=300), st.booleans())
@settings(deadline=None)
def test_any_bytes_give_an_answer(raw: bytes, blobs: bool) -> None:
    (item,) = _native.decode_transactions([raw], chain_id=CHAIN_ID, allow_blobs=blobs)
    if isinstance(item, tuple):
        assert item[0] in {"malformed", "wrong_chain", "unsupported_type", "bad_signature"}
    else:
        assert item.raw == raw


@given(st.sampled_from(SAMPLES), st.integers(0, 10_000), st.integers(1, 255), st.booleans())
@settings(deadline=None)
def test_a_changed_byte_is_another_transaction_or_none(
    raw: bytes, place: int, change: int, cut: bool
) -> None:
    place %= len(raw)
    mutated = raw[:place] if cut else raw[:place] + bytes([raw[place] ^ change]) + raw[place + 1 :]
    (item,) = _native.decode_transactions([mutated], chain_id=CHAIN_ID, allow_blobs=True)
    if not isinstance(item, tuple):
        assert item.raw == mutated
        assert item.hash == _native.keccak256(mutated)
        item.to_dict()
