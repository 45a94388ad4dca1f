"""Does the steps of a plan, however often it was interrupted: looks, sends what is missing, looks.

What was done is read from the chain alone. Steps go out one by one with measured gas, or, on chains
where time counts more than gas, many at once with the plan's bounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from metis_node.codec.hashes import keccak256
from metis_node.errors import Fatal, InvalidConfig, InvalidRequest
from metis_node.l1 import answers
from metis_node.l1.client import L1Client
from metis_node.l1.contract_abi import contract
from metis_node.l1.delivery import delivered
from metis_node.l1.deployment.create2 import (
    FACTORY,
    FACTORY_CODE,
    FACTORY_CREATOR,
    FACTORY_FUNDS,
    FACTORY_TRANSACTION,
)
from metis_node.l1.deployment.plan import Act, Creation, Plan, transaction_of
from metis_node.l1.deployment.record import NAMES, DeployedCode, shown
from metis_node.l1.endpoint import CallRefused
from metis_node.l1.refusals import explain
from metis_node.l1.reverts import decode_revert
from metis_node.l1.sender import Submission, TransactionSender
from metis_node.types.primitives import Address, Hash32

log = structlog.get_logger(__name__)

GAS_MARGIN_PERCENT = 120  # of what an estimate says
TRANSFER_GAS = 21_000
FACTORY_WAIT_S = 300.0
POLL_S = 0.5
METIS_DECIMALS = 18

# Called with a step's label, its place from 1, how many there are, and whether it was there before.
OnStep = Callable[[str, int, int, bool], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the chain has of a plan."""

    done: tuple[str, ...]
    missing: tuple[Creation | Act, ...]


class Deployer:
    """`window`: how many transactions may be under way at once; 1 measures the gas of each."""

    def __init__(
        self, *, client: L1Client, plan: Plan, sender: TransactionSender | None, window: int = 1
    ) -> None:
        self._client = client
        self._plan = plan
        self._sender = sender
        self._window = window

    async def look(self) -> Found:
        """Which steps are done. Nothing is sent."""
        states = await asyncio.gather(*(self._is_done(step) for step in self._plan.steps))
        pairs = list(zip(self._plan.steps, states, strict=True))
        return Found(
            done=tuple(step.label for step, done in pairs if done),
            missing=tuple(step for step, done in pairs if not done),
        )

    async def is_complete(self) -> bool:
        """Whether the last step is done, which is the last one for this reason."""
        probe = self._plan.complete
        return probe.holds(await self._client.call_contract(probe.to, probe.data))

    async def run(self, on_step: OnStep) -> None:
        """Return once every step is done on chain. Fatal where the chain contradicts the plan."""
        await self._check_token()
        sender = self._require_sender()
        await sender.settled()  # what an earlier run sent counts as done or never will be
        await self._ensure_factory(sender)
        found = await self.look()
        total = len(self._plan.steps)
        for label in found.done:
            on_step(label, self._place(label), total, True)
        for first in range(0, len(found.missing), self._window):
            chunk = found.missing[first : first + self._window]
            await self._send_all(sender, chunk)
            for step in chunk:
                on_step(step.label, self._place(step.label), total, False)
        left = (await self.look()).missing
        if left:
            raise Fatal(
                f"{left[0].label} was sent and is not there: does the L1 reorganise? Run the same "
                "command again"
            )

    async def codes(self) -> dict[str, DeployedCode]:
        """The code of everything, for the addresses file."""
        implementations = {c.address: c.implementation for c in self._plan.creations}
        found = {}
        for name in NAMES:
            address = self._plan.addresses[name]
            below = implementations.get(address)
            found[name] = DeployedCode(
                address=address,
                code_hash=await self._code_hash(address),
                implementation=below,
                implementation_code_hash=await self._code_hash(below) if below else None,
            )
        return found

    # --- looking -------------------------------------------------------------------------------

    async def _is_done(self, step: Creation | Act) -> bool:
        if isinstance(step, Creation):
            return bool(await self._code(step.address))
        for probe in step.done_when:
            if probe.holds(await self._client.call_contract(probe.to, probe.data)):
                return True
        return False

    async def _code(self, address: Address) -> bytes:
        return await self._client.call("eth_getCode", [_hex(address), "latest"], answers.data)

    async def _code_hash(self, address: Address) -> Hash32:
        return Hash32(keccak256(await self._code(address)))

    async def _check_token(self) -> None:
        """A token that is named must be one that the pool can count with."""
        token = self._plan.deployment.token
        if token is None:
            return
        abi = contract("MetisToken")
        try:
            answer = await self._client.call_contract(token, abi.call("decimals"))
        except CallRefused:
            answer = b""
        if answer != METIS_DECIMALS.to_bytes(32, "big"):
            raise InvalidConfig(
                f"token.address = {shown(token)} is no ERC-20 token with {METIS_DECIMALS} decimals "
                f"on L1 chain {self._client.chain_id}: name the METIS of that chain"
            )

    def _place(self, label: str) -> int:
        return [step.label for step in self._plan.steps].index(label) + 1

    def _require_sender(self) -> TransactionSender:
        if self._sender is None:
            raise InvalidRequest("this deployer may only look: give it a key to send with")
        return self._sender

    # --- sending -------------------------------------------------------------------------------

    async def _ensure_factory(self, sender: TransactionSender) -> None:
        """The deterministic deployment proxy, by its own transaction where the L1 lacks it."""
        code = await self._code(FACTORY)
        if code == FACTORY_CODE:
            return
        if code:
            raise Fatal(f"at {shown(FACTORY)} is another contract than the deployment proxy")
        log.info("putting the deterministic deployment proxy on the L1", address=shown(FACTORY))
        if await self._client.balance(FACTORY_CREATOR) < FACTORY_FUNDS:
            funding = sender.send(
                to=FACTORY_CREATOR, data=b"", gas=TRANSFER_GAS, value=FACTORY_FUNDS
            )
            await delivered(sender, funding, "funding of the deployment proxy")
        try:
            await self._client.send_raw(FACTORY_TRANSACTION)
        except CallRefused as error:
            raise InvalidConfig(
                f"the L1 has no deployment proxy at {shown(FACTORY)} and refuses its transaction "
                f"({error.message}): allow transactions without chain id on it, or put the proxy "
                "there"
            ) from error
        async with asyncio.timeout(FACTORY_WAIT_S):
            while not await self._code(FACTORY):  # noqa: ASYNC110 - the event is on another machine
                await asyncio.sleep(POLL_S)

    async def _send_all(self, sender: TransactionSender, steps: Sequence[Creation | Act]) -> None:
        """All at once: the nonces keep their order, so each finds what it builds on."""
        sent: list[tuple[str, Submission]] = []
        for step in steps:
            to, data = transaction_of(step, self._plan.deployment)
            gas = await self._gas(step, to, data) if self._window == 1 else step.gas
            sent.append((step.label, sender.send(to=to, data=data, gas=gas)))
        for label, submission in sent:
            await delivered(sender, submission, label)

    async def _gas(self, step: Creation | Act, to: Address, data: bytes) -> int:
        request = {"from": _hex(self._plan.deployer), "to": _hex(to), "data": "0x" + data.hex()}
        try:
            gas = await self._client.call("eth_estimateGas", [request], answers.quantity)
        except CallRefused as error:
            words = explain(decode_revert(error.data)) if error.data else error.message
            raise InvalidRequest(f"{step.label} would fail: {words}") from error
        return gas * GAS_MARGIN_PERCENT // 100


def _hex(address: Address) -> str:
    return "0x" + address.hex()
