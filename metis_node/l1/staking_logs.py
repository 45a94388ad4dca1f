"""Asking L1 for the events of the staking contracts. Implements `StakingLogs`.

What they mean together is decided below this room; here each answer is checked by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import structlog

from metis_node.engine.l1_ports import ContractState, FactsOfBlock, PastState
from metis_node.errors import Temporary
from metis_node.l1 import answers
from metis_node.l1.answers import Log, Malformed
from metis_node.l1.client import L1Client
from metis_node.l1.contract_abi import contract
from metis_node.l1.endpoint import CallRefused, TooMuchAsked
from metis_node.l1.staking_events import TOPICS, TOTAL_POWER_AT, decode_log
from metis_node.staking.facts import Status
from metis_node.staking.validators import Sequencer
from metis_node.types.blocks import BlockRef
from metis_node.types.primitives import Address

log = structlog.get_logger(__name__)

POOL, PARAMETERS = "LockingPool", "NetworkParameters"
MAX_AUDITED = 256  # sequencers whose storage is compared: the newest, eight times the seats
MAX_PARAMETERS = 64
MAX_SPAN = 2_000  # L1 blocks of one question: what public endpoints allow


class L1StakingLogs:
    """`pool` is the LockingPool, `parameters` the NetworkParameters."""

    def __init__(self, client: L1Client, *, pool: Address, parameters: Address) -> None:
        self._client = client
        self._pool = pool
        self._parameters = parameters
        self._span = MAX_SPAN  # how many blocks the endpoints take at the moment

    async def of_block(self, block: BlockRef) -> FactsOfBlock:
        """By hash: an endpoint that does not have this block says so instead of nothing."""

        def parse(value: Any) -> tuple[FactsOfBlock, ...]:
            found = self._blocks(answers.logs(value))
            if any(entry.block != block for entry in found):
                raise Malformed(f"logs of another block than 0x{block.hash.hex()}")
            return found

        try:
            found = await self._client.agreed(
                "eth_getLogs", [self._filter(blockHash="0x" + block.hash.hex())], parse
            )
        except CallRefused as error:
            raise Temporary(
                f"the L1 has no logs of block {block.number}: {error.message}"
            ) from error
        return found[0] if found else FactsOfBlock(block=block, facts=())

    async def between(self, first: int, last: int) -> list[FactsOfBlock]:
        """In as many questions as the endpoints need."""
        found: list[FactsOfBlock] = []
        while first <= last:
            until = min(first + self._span - 1, last)
            try:
                found += await self._range(first, until)
            except TooMuchAsked as error:
                self._ask_less(first, until, error)
            else:
                first = until + 1
                self._span = min(self._span * 2, MAX_SPAN)
        return found

    async def total_power(self, number: int, at: BlockRef) -> int | None:
        """`LockingPool.totalPowerAt(number)`, in the state after `at`."""
        data = TOTAL_POWER_AT + number.to_bytes(32, "big")
        request = {"to": "0x" + self._pool.hex(), "data": "0x" + data.hex()}
        try:
            answer = await self._client.agreed(
                "eth_call", [request, {"blockHash": "0x" + at.hash.hex()}], answers.data
            )
        except CallRefused as error:
            log.debug("the pool does not tell its power", l1_block=number, reason=error.message)
            return None
        if not answer:
            raise Temporary(
                f"there is no LockingPool at 0x{self._pool.hex()} on this L1: correct "
                "l1.contracts, or deploy the contracts"
            )
        return int.from_bytes(answer, "big")

    async def state(self, at: BlockRef) -> ContractState | None:
        """Storage of both contracts, in as many calls as there are sequencers and parameters."""
        try:
            (count,) = await self._view(POOL, "sequencerCount", at=at)
            (keys,) = await self._view(PARAMETERS, "keys", at=at)
            newest = range(max(1, count - MAX_AUDITED + 1), count + 1)
            found = await asyncio.gather(*(self._sequencer(number, at) for number in newest))
            values = await asyncio.gather(
                *(self._view(PARAMETERS, "get", key, at=at) for key in keys[:MAX_PARAMETERS])
            )
        except CallRefused as error:
            log.debug("the contracts do not tell their state", reason=error.message)
            return None
        names = [key.rstrip(b"\0").decode("ascii", "replace") for key in keys]
        parameters = {name: value for name, (value,) in zip(names, values, strict=False)}
        return ContractState(sequencers=tuple(found), parameters=parameters)

    async def past(
        self, number: int, *, ids: Sequence[int], keys: Sequence[str], at: BlockRef
    ) -> PastState | None:
        """`seatAt` and `valueAt`, which the contracts answer of any block since their own."""
        names = [key.encode().ljust(32, b"\0") for key in keys]
        try:
            seats = await asyncio.gather(
                *(self._view(POOL, "seatAt", entry, number, at=at) for entry in ids)
            )
            values = await asyncio.gather(
                *(self._view(PARAMETERS, "valueAt", name, number, at=at) for name in names)
            )
        except CallRefused as error:
            log.debug("the contracts do not tell a past state", reason=error.message)
            return None
        return PastState(
            seats={
                entry: (Address(bytes.fromhex(signer[2:])), power)
                for entry, (signer, power) in zip(ids, seats, strict=True)
            },
            parameters={key: value for key, (value,) in zip(keys, values, strict=True)},
        )

    async def _sequencer(self, number: int, at: BlockRef) -> Sequencer:
        ((amount, _, unbonding, status, jailed, tombstoned, *_rest),) = found = await self._view(
            POOL, "sequencers", number, at=at
        )
        power, signer = found[0][8], found[0][11]
        return Sequencer(
            sequencer_id=number,
            signer=Address(bytes.fromhex(signer[2:])),
            power=power,
            status=Status(status),
            jailed=jailed,
            tombstoned=tombstoned,
            locked=amount,
            unbonding=unbonding,
        )

    async def _view(self, name: str, function: str, *arguments: Any, at: BlockRef) -> Any:
        """What a view function returns in the state after a block."""
        abi = contract(name)
        to = self._pool if name == POOL else self._parameters
        request = {"to": "0x" + to.hex(), "data": "0x" + abi.call(function, *arguments).hex()}
        answer = await self._client.agreed(
            "eth_call", [request, {"blockHash": "0x" + at.hash.hex()}], answers.data
        )
        try:
            return abi.results(function, answer or b"")
        except ValueError as error:
            raise Temporary(
                f"{name} at 0x{to.hex()} answers {function} with what it cannot mean ({error}): "
                "check the addresses file (`metis-node l1 verify`)"
            ) from error

    async def _range(self, first: int, last: int) -> tuple[FactsOfBlock, ...]:
        def parse(value: Any) -> tuple[FactsOfBlock, ...]:
            found = self._blocks(answers.logs(value))
            if any(not first <= entry.block.number <= last for entry in found):
                raise Malformed(f"logs outside of the blocks {first} to {last}")
            return found

        bounds = {"fromBlock": hex(first), "toBlock": hex(last)}
        try:
            return await self._client.agreed("eth_getLogs", [self._filter(**bounds)], parse) or ()
        except Temporary:
            self._span = max((last - first + 1) // 2, 1)  # perhaps it was too much work
            raise

    def _ask_less(self, first: int, last: int, error: TooMuchAsked) -> None:
        if first == last:
            raise Temporary(
                f"no L1 endpoint gives the logs of the one block {first}: {error.message}; add one "
                "without such a limit to l1.endpoints"
            ) from error
        self._span = (last - first + 1) // 2

    def _filter(self, **where: str) -> dict[str, Any]:
        addresses = ["0x" + self._pool.hex(), "0x" + self._parameters.hex()]
        return {"address": addresses, "topics": [["0x" + t.hex() for t in TOPICS]], **where}

    def _blocks(self, logs: list[Log]) -> tuple[FactsOfBlock, ...]:
        found: list[FactsOfBlock] = []
        for block, group in groupby(logs, key=lambda entry: entry.block):
            facts = [
                decode_log(entry, pool=self._pool, parameters=self._parameters) for entry in group
            ]
            known = tuple(fact for fact in facts if fact is not None)
            if known:
                found.append(FactsOfBlock(block=block, facts=known))
        return tuple(found)
