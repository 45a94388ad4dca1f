"""Native signatures and vote digests, against eth_account's and the codec's."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_keys.datatypes import PrivateKey, Signature
from hypothesis import given
from hypothesis import strategies as st

from metis_node._native import recover_signers, sign_digest, vote_digests
from metis_node.codec.signing import domain_separator, vote_digest
from metis_node.types.primitives import Address, Hash32
from metis_node.types.signing import SigningDomain

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = b"\x5a" * 32
DOMAIN = SigningDomain(chain_id=1088, locking_pool=Address(b"\x11" * 20))
secrets = st.integers(1, ORDER - 1).map(lambda n: n.to_bytes(32))
hashes = st.binary(min_size=32, max_size=32)


def s_of(signature: bytes) -> int:
    return int.from_bytes(signature[32:64])


@given(secret=secrets, digest=hashes)
def test_signatures_are_those_of_rfc_6979(secret: bytes, digest: bytes) -> None:
    signature = sign_digest(secret, digest)
    theirs = PrivateKey(secret).sign_msg_hash(digest).to_bytes()
    assert signature == theirs[:64] + bytes([theirs[64] + 27])
    assert s_of(signature) <= ORDER // 2
    assert sign_digest(secret, digest) == signature
    assert recover_signers([(digest, signature)]) == [
        PrivateKey(secret).public_key.to_canonical_address()
    ]


@pytest.mark.parametrize("secret", [bytes(32), ORDER.to_bytes(32), b"\xff" * 32, b"", b"\1" * 31])
def test_what_is_no_key_does_not_sign(secret: bytes) -> None:
    with pytest.raises(ValueError, match="below the curve's order"):
        sign_digest(secret, DIGEST)


def test_only_digests_are_signed() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sign_digest(b"\1" * 32, b"short")


def test_what_is_no_signature_has_no_signer() -> None:
    good = sign_digest(b"\1" * 32, DIGEST)
    twin = good[:32] + (ORDER - s_of(good)).to_bytes(32) + bytes([27 + 28 - good[64]])
    assert Signature(twin[:64] + bytes([twin[64] - 27])).recover_public_key_from_msg_hash(DIGEST)
    bad = [
        (DIGEST, twin),
        (DIGEST, b""),
        (DIGEST, good[:64]),
        (DIGEST, good + b"\0"),
        (DIGEST[:31], good),
        (DIGEST, bytes(65)),
        (DIGEST, b"\xff" * 65),
        (DIGEST, bytes(32) + good[32:]),
        (DIGEST, good[:32] + bytes(32) + good[64:]),
        (DIGEST, ORDER.to_bytes(32) + good[32:]),
        *[(DIGEST, good[:64] + bytes([v])) for v in (0, 1, 26, 29, 30, 255)],
    ]
    assert recover_signers(bad) == [None] * len(bad)
    signer = Account.from_key(b"\1" * 32).address
    mixed = recover_signers([bad[0], (DIGEST, good), bad[1]])
    assert mixed == [None, bytes.fromhex(signer[2:]), None]


def test_another_v_or_digest_is_another_signer() -> None:
    good = sign_digest(b"\1" * 32, DIGEST)
    [mine, other, elsewhere] = recover_signers(
        [(DIGEST, good), (DIGEST, good[:64] + bytes([55 - good[64]])), (b"\1" * 32, good)]
    )
    assert len({mine, other, elsewhere}) == 3


@pytest.mark.parametrize("count", [0, 1, 3, 4, 257])
def test_order_is_kept_on_all_cores(count: int) -> None:
    keys = [(place + 1).to_bytes(32) for place in range(count)]
    signers = recover_signers([(DIGEST, sign_digest(key, DIGEST)) for key in keys])
    assert signers == [PrivateKey(key).public_key.to_canonical_address() for key in keys]


votes = st.tuples(
    st.integers(0, 2**8 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), hashes
)


@given(st.lists(votes, max_size=5))
def test_vote_digests_are_the_codecs(several: list[tuple[int, int, int, bytes]]) -> None:
    expected = [
        vote_digest(DOMAIN, kind=kind, height=height, round=round, block_hash=Hash32(value))
        for kind, height, round, value in several
    ]
    assert vote_digests(domain_separator(DOMAIN), several) == expected


@given(votes)
def test_vote_digests_are_eth_accounts(vote: tuple[int, int, int, bytes]) -> None:
    kind, height, round, value = vote
    fields = {"kind": "uint8", "height": "uint64", "round": "uint32", "blockHash": "bytes32"}
    message = encode_typed_data(
        {
            "name": "MetisSequencer",
            "version": "1",
            "chainId": DOMAIN.chain_id,
            "verifyingContract": DOMAIN.locking_pool,
        },
        {"Vote": [{"name": name, "type": kind} for name, kind in fields.items()]},
        {"kind": kind, "height": height, "round": round, "blockHash": value},
    )
    assert vote_digests(domain_separator(DOMAIN), [vote]) == [_hash_eip191_message(message)]


def test_vote_digests_refuse_what_does_not_fit() -> None:
    separator = domain_separator(DOMAIN)
    for vote in (
        (256, 1, 0, DIGEST),
        (1, 2**64, 0, DIGEST),
        (1, 1, 2**32, DIGEST),
        (1, -1, 0, DIGEST),
    ):
        with pytest.raises(OverflowError):
            vote_digests(separator, [vote])
    for shape in ((separator[:31], DIGEST), (separator, DIGEST[:31])):
        with pytest.raises(ValueError, match="32 bytes"):
            vote_digests(shape[0], [(1, 1, 0, shape[1])])
