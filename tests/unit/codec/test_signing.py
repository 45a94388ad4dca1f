"""Digests of what sequencers sign: equal to eth_account's, which wrote the fixture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec import signing
from metis_node.types.primitives import Address, Hash32
from metis_node.types.signing import SigningDomain

PATH = Path(__file__).parents[3] / "contracts/test/fixtures/digests.json"
FIXTURE = json.loads(PATH.read_text())
TYPES = {"Vote", "Proposal", "Yield", "Batch", "SignerProof"}
DOMAIN = SigningDomain(chain_id=1088, locking_pool=Address(b"\x11" * 20))
HASH = Hash32(b"\x5a" * 32)


def _raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def digest(domain: SigningDomain, name: str, message: dict[str, Any]) -> Hash32:
    """The implementation under test, by the names of the Solidity types."""
    if name == "Vote":
        return signing.vote_digest(
            domain,
            kind=message["kind"],
            height=message["height"],
            round=message["round"],
            block_hash=Hash32(_raw(message["blockHash"])),
        )
    if name == "Proposal":
        return signing.proposal_digest(
            domain,
            height=message["height"],
            round=message["round"],
            valid_round=message["validRound"],
            block_hash=Hash32(_raw(message["blockHash"])),
        )
    if name == "Yield":
        return signing.yield_digest(domain, height=message["height"], round=message["round"])
    if name == "Batch":
        return signing.batch_digest(
            domain,
            first=message["first"],
            last=message["last"],
            last_block_hash=Hash32(_raw(message["lastBlockHash"])),
            data_hash=Hash32(_raw(message["dataHash"])),
        )
    assert name == "SignerProof"
    return signing.signer_proof_digest(domain, owner=Address(_raw(message["owner"])))


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=lambda case: f"{case['type']}")
def test_digests_are_those_of_the_fixture(case: dict[str, Any]) -> None:
    pool = Address(_raw(FIXTURE["lockingPool"]))
    domain = SigningDomain(chain_id=case["chainId"], locking_pool=pool, version=case["version"])
    found = digest(domain, case["type"], case["message"])
    assert found == _raw(case["digest"])
    signers = [
        Account._recover_hash(found, signature=_raw(signature)) for signature in case["signatures"]
    ]
    assert signers == FIXTURE["signers"]


def test_the_fixture_is_what_its_script_writes() -> None:
    script = PATH.with_suffix(".py")
    done = subprocess.run(
        [sys.executable, script, "--check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert {case["type"] for case in FIXTURE["cases"]} == TYPES


def test_equal_messages_of_other_chains_pools_and_versions_have_other_digests() -> None:
    domains = [
        DOMAIN,
        SigningDomain(chain_id=1089, locking_pool=DOMAIN.locking_pool),
        SigningDomain(chain_id=1088, locking_pool=Address(b"\x12" * 20)),
        SigningDomain(chain_id=1088, locking_pool=DOMAIN.locking_pool, version=2),
    ]
    digests = {signing.yield_digest(domain, height=1, round=0) for domain in domains}
    assert len(digests) == len(domains)


_VOTE_FIELDS = [
    {"type": "uint8", "name": "kind"},
    {"type": "uint64", "name": "height"},
    {"type": "uint32", "name": "round"},
    {"type": "bytes32", "name": "blockHash"},
]


@given(
    st.integers(0, 255),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=32, max_size=32),
    st.integers(1, 2**63),
)
def test_votes_equal_eth_account(
    kind: int, height: int, round: int, block_hash: bytes, chain_id: int
) -> None:
    domain = SigningDomain(chain_id=chain_id, locking_pool=DOMAIN.locking_pool)
    expected = encode_typed_data(
        {
            "name": "MetisSequencer",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": "0x" + "11" * 20,
        },
        {"Vote": _VOTE_FIELDS},
        {"kind": kind, "height": height, "round": round, "blockHash": block_hash},
    )
    found = signing.vote_digest(
        domain, kind=kind, height=height, round=round, block_hash=Hash32(block_hash)
    )
    assert found == bytes(_hash_eip191_message(expected))


@pytest.mark.parametrize(
    ("height", "round", "block_hash", "message"),
    [
        (2**64, 0, HASH, "18446744073709551616 does not fit uint64"),
        (-1, 0, HASH, "-1 does not fit uint64"),
        (1, 2**32, HASH, "4294967296 does not fit uint32"),
        (1, 0, Hash32(b"short"), "a hash has 5 bytes, expected 32"),
    ],
)
def test_values_out_of_range_are_refused(
    height: int, round: int, block_hash: Hash32, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        signing.vote_digest(
            DOMAIN, kind=signing.PREVOTE, height=height, round=round, block_hash=block_hash
        )


def test_valid_rounds_and_owners_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit int32"):
        signing.proposal_digest(DOMAIN, height=1, round=0, valid_round=2**31, block_hash=HASH)
    with pytest.raises(ValueError, match="owner has 3 bytes, expected 20"):
        signing.signer_proof_digest(DOMAIN, owner=Address(b"abc"))


def test_blob_hashes_posted_as_calldata_have_another_data_hash() -> None:
    hashes = (Hash32(b"\x01" * 32), Hash32(b"\x01" + b"\x02" * 31))
    assert signing.blobs_hash(hashes) == keccak(b"\x01" + b"".join(hashes))
    assert signing.calldata_hash(b"".join(hashes)) == keccak(b"\x00" + b"".join(hashes))
    assert signing.blobs_hash(hashes) != signing.blobs_hash(hashes[::-1])
