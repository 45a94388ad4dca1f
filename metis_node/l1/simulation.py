"""What an order would do, before it is sent: each call on the state that those before it leave.

By `eth_simulateV1`; an endpoint without it gets the first call alone by `eth_estimateGas`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metis_node.l1 import answers
from metis_node.l1.answers import Malformed
from metis_node.l1.client import L1Client
from metis_node.l1.contract_reader import Refused, refusal
from metis_node.l1.endpoint import CallRefused
from metis_node.l1.orders import ContractCall, Order
from metis_node.l1.refusals import explain
from metis_node.l1.reverts import decode_revert

METHOD_NOT_FOUND = -32601
GAS_MARGIN_PERCENT = 125  # between now and the block that it gets into, the state may change


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Gas of each call; None where the endpoint cannot tell before the ones before are mined."""

    gas: tuple[int | None, ...]

    @property
    def total(self) -> int:
        return sum(gas or 0 for gas in self.gas)


async def simulate(client: L1Client, order: Order) -> Simulated:
    """Refused in words where one of the calls would be."""
    try:
        return await client.call("eth_simulateV1", _payload(order), lambda v: _parsed(v, order))
    except CallRefused as error:
        if error.code != METHOD_NOT_FOUND:
            raise refusal(error) from error
    first = await estimate(client, order, order.calls[0])
    return Simulated(gas=(first, *(None for _ in order.calls[1:])))


async def estimate(client: L1Client, order: Order, call: ContractCall) -> int:
    """Gas of one call on the newest state, with a margin. Refused in words where it reverts."""
    request = {
        "from": "0x" + order.sender.hex(),
        "to": "0x" + call.to.hex(),
        "data": "0x" + call.data.hex(),
    }
    try:
        gas = await client.call("eth_estimateGas", [request], answers.quantity)
    except CallRefused as error:
        raise refusal(error) from error
    return gas * GAS_MARGIN_PERCENT // 100


def _payload(order: Order) -> list[Any]:
    sender = "0x" + order.sender.hex()
    calls = [
        {"from": sender, "to": "0x" + call.to.hex(), "data": "0x" + call.data.hex()}
        for call in order.calls
    ]
    return [{"blockStateCalls": [{"calls": calls}], "validation": False}, "latest"]


def _parsed(value: Any, order: Order) -> Simulated:
    try:
        results = value[0]["calls"]
        if len(results) != len(order.calls):
            raise Malformed(f"{len(results)} results of {len(order.calls)} calls")
        gas = tuple(_gas(result, call) for result, call in zip(results, order.calls, strict=True))
    except (KeyError, IndexError, TypeError) as error:
        raise Malformed(f"no simulation ({type(error).__name__})") from error
    return Simulated(gas=gas)


def _gas(result: Any, call: ContractCall) -> int:
    if answers.quantity(result["status"]) == 1:
        return answers.quantity(result["gasUsed"]) * GAS_MARGIN_PERCENT // 100
    error = result.get("error") or {}
    data = error.get("data") or result.get("returnData") or "0x"
    revert = decode_revert(answers.data(data))
    raise Refused(f"{call.label}: {explain(revert)}", revert)
