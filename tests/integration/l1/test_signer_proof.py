"""Proofs of possession: what is made here is what the contract takes, and nothing else."""

from __future__ import annotations

import pytest
from eth_account import Account

from metis_node.errors import InvalidRequest
from metis_node.l1.client import L1Client
from metis_node.l1.contract_reader import ContractReader
from metis_node.l1.signer_proof import address_of_pubkey, require_proof, signer_pubkey
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain
from tests.integration.l1.anvil import CHAIN_ID, account, running_anvil
from tests.integration.l1.contracts import deployed, wish

KEY = b"\x05" * 32
OWNER = Address(b"\x11" * 20)
DOMAIN = SigningDomain(chain_id=901, locking_pool=Address(b"\x22" * 20))


async def test_the_digest_is_the_contracts() -> None:
    from metis_node.codec.signing import signer_proof_digest

    async with running_anvil(mining=True) as anvil:
        client = L1Client([anvil.url], chain_id=CHAIN_ID)
        plan = await deployed(client, wish(CHAIN_ID), account())
        pool = ContractReader(client, "LockingPool", plan.addresses["LockingPool"])
        domain = SigningDomain(chain_id=901, locking_pool=pool.address)
        assert await pool.read("signerProofDigest", OWNER) == signer_proof_digest(
            domain, owner=OWNER
        )
        await client.aclose()


def test_a_proof_is_for_one_owner_and_one_network() -> None:
    pubkey = signer_pubkey(KEY, DOMAIN, owner=OWNER)
    assert len(pubkey) == 129
    signer = require_proof(pubkey, DOMAIN, owner=OWNER)
    assert "0x" + signer.hex() == Account.from_key(KEY).address.lower()
    assert address_of_pubkey(pubkey) == signer
    other = SigningDomain(chain_id=902, locking_pool=DOMAIN.locking_pool)
    for domain, owner in ((DOMAIN, Address(b"\x12" * 20)), (other, OWNER)):
        with pytest.raises(InvalidRequest, match="was not made for the owner"):
            require_proof(pubkey, domain, owner=owner)


@pytest.mark.parametrize("length", [0, 64, 128, 130])
def test_a_proof_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidRequest, match=f"this has {length}"):
        require_proof(b"\x01" * length, DOMAIN, owner=OWNER)


@pytest.mark.parametrize("place", [0, 63, 64, 95, 127, 128])
def test_a_proof_with_one_byte_changed_is_refused(place: int) -> None:
    pubkey = bytearray(signer_pubkey(KEY, DOMAIN, owner=OWNER))
    pubkey[place] ^= 0x80
    with pytest.raises(InvalidRequest, match="was not made for the owner"):
        require_proof(bytes(pubkey), DOMAIN, owner=OWNER)
