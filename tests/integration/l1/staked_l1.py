"""The real contracts on a real L1, sequencers that do things, and what the contracts say of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from eth_account import Account

from metis_node.codec.signing import signer_proof_digest
from metis_node.l1.client import L1Client
from metis_node.l1.contract_abi import contract
from metis_node.types.primitives import Address, Hash32
from metis_node.types.signing import SigningDomain
from tests.integration.l1.anvil import CHAIN_ID, Anvil, account, running_anvil
from tests.integration.l1.contracts import METIS, address_of, deployed, wish

L2_CHAIN_ID = 901
GAS = 1_500_000
POOL, PARAMETERS, TOKEN = (
    contract("LockingPool"),
    contract("NetworkParameters"),
    contract("MetisToken"),
)


class StakedL1:
    """Owner and signer keys follow from numbers. Accounts are impersonated, blocks are mined only
    when a test says so."""

    def __init__(self, anvil: Anvil, client: L1Client, addresses: dict[str, Address]) -> None:
        self.anvil = anvil
        self.client = client
        self.addresses = addresses
        self.pool = addresses["LockingPool"]
        self.parameters = addresses["NetworkParameters"]
        self._domain = SigningDomain(chain_id=L2_CHAIN_ID, locking_pool=self.pool)

    # --- doing ---------------------------------------------------------------------------------

    async def send(self, sender: Address, to: Address, data: bytes) -> None:
        await self.anvil.rpc("anvil_setBalance", _hex(sender), hex(10**20))
        await self.anvil.rpc("anvil_impersonateAccount", _hex(sender))
        request = {"from": _hex(sender), "to": _hex(to), "data": _hex(data), "gas": hex(GAS)}
        await self.anvil.rpc("eth_sendTransaction", request)

    async def act(self, sender: Address, name: str, *arguments: Any) -> None:
        await self.send(sender, self.pool, POOL.call(name, *arguments))

    async def fund(self, owner: Address, amount: int) -> None:
        """METIS, and leave for the pool to take it."""
        deployer, token = address_of(account()), self.addresses["MetisToken"]
        await self.send(deployer, token, TOKEN.call("transfer", _hex(owner), amount))
        await self.send(owner, token, TOKEN.call("approve", _hex(self.pool), amount))

    async def lock(self, number: int, metis: int) -> None:
        owner = owner_of(number)
        await self.fund(owner, metis * METIS)
        proof = self.signer_proof(owner, number)
        await self.act(owner, "lockFor", _hex(signer_of(number)), metis * METIS, proof)

    async def relock(self, number: int, sequencer_id: int, metis: int) -> None:
        await self.fund(owner_of(number), metis * METIS)
        await self.act(owner_of(number), "relock", sequencer_id, metis * METIS, False)

    async def rotate(self, number: int, sequencer_id: int, key: int) -> None:
        proof = self.signer_proof(owner_of(number), key)
        await self.act(owner_of(number), "updateSigner", sequencer_id, proof)

    async def govern(self, name: str, value: int) -> None:
        data = PARAMETERS.call("set", name.encode().ljust(32, b"\0"), value)
        await self.send(self.addresses["TimelockController"], self.parameters, data)

    def signer_proof(self, owner: Address, key: int) -> bytes:
        signer = Account.from_key(_key(key))
        digest = signer_proof_digest(self._domain, owner=owner)
        signature = signer.unsafe_sign_hash(digest).signature
        return bytes(signer._key_obj.public_key.to_bytes() + signature)

    # --- asking --------------------------------------------------------------------------------

    async def seat_at(self, sequencer_id: int, block: int) -> tuple[Address, int]:
        signer, power = await self._view("seatAt", sequencer_id, block)
        return Address(bytes.fromhex(signer[2:])), power

    async def total_power_at(self, block: int) -> int:
        (power,) = await self._view("totalPowerAt", block)
        return int(power)

    async def count(self) -> int:
        (count,) = await self._view("sequencerCount")
        return int(count)

    async def sequencer(self, sequencer_id: int) -> dict[str, Any]:
        (found,) = await self._view("sequencers", sequencer_id)
        names = ("amount", "reward", "unbonding", "status", "jailed", "tombstoned")
        return dict(zip(names, found, strict=False))

    async def value_at(self, name: str, block: int) -> int:
        data = PARAMETERS.call("valueAt", name.encode().ljust(32, b"\0"), block)
        answer = await self.client.call_contract(self.parameters, data)
        (value,) = PARAMETERS.results("valueAt", answer)
        return int(value)

    async def _view(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        answer = await self.client.call_contract(self.pool, POOL.call(name, *arguments))
        return POOL.results(name, answer)


@asynccontextmanager
async def staked_l1(*flags: str) -> AsyncIterator[StakedL1]:
    """Deployed by an anvil that mines at once, which then stops mining by itself."""
    async with running_anvil(*flags, mining=True) as anvil:
        client = L1Client([anvil.url], chain_id=CHAIN_ID)
        try:
            plan = await deployed(client, wish(CHAIN_ID), account())
            await anvil.rpc("evm_setAutomine", False)
            yield StakedL1(anvil, client, plan.addresses)
        finally:
            await client.aclose()


def owner_of(number: int) -> Address:
    return Address(bytes.fromhex(Account.from_key(_key(1_000 + number)).address[2:]))


def signer_of(number: int) -> Address:
    return Address(bytes.fromhex(Account.from_key(_key(number)).address[2:]))


def _key(number: int) -> Hash32:
    return Hash32((1 + number).to_bytes(32, "big"))


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
