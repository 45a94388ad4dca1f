"""Asking one contract on L1: a view function's name in, decoded values out.

What is sent is elsewhere; a refusal comes back in the words of `refusals.py`.
"""

from __future__ import annotations

from typing import Any

from metis_node.errors import Fatal, InvalidRequest
from metis_node.l1 import answers
from metis_node.l1.client import L1Client
from metis_node.l1.contract_abi import Contract, contract
from metis_node.l1.endpoint import CallRefused
from metis_node.l1.refusals import explain
from metis_node.l1.reverts import Revert, decode_revert
from metis_node.types.primitives import Address


class Refused(InvalidRequest):
    """A contract refused a call. `revert` is what it said, the message what to do about it."""

    def __init__(self, message: str, revert: Revert | None) -> None:
        super().__init__(message, code=3)
        self.revert = revert


class ContractReader:
    """One contract at one address."""

    def __init__(self, client: L1Client, name: str, address: Address) -> None:
        self.address = address
        self.abi: Contract = contract(name)
        self._client = client

    async def read(self, function: str, *arguments: Any, block: int | str = "latest") -> Any:
        """One value where the function returns one, else a tuple. Refused, or Fatal where the
        address has no such contract."""
        request = {
            "to": "0x" + self.address.hex(),
            "data": "0x" + self.abi.call(function, *arguments).hex(),
        }
        tag = hex(block) if isinstance(block, int) else block
        try:
            data = await self._client.call("eth_call", [request, tag], answers.data)
        except CallRefused as error:
            raise refusal(error) from error
        try:
            values = self.abi.results(function, data)
        except ValueError as error:
            raise Fatal(
                f"0x{self.address.hex()} on L1 chain {self._client.chain_id} is no "
                f"{self.abi.name}: is the addresses file of this chain? (`metis-node l1 verify`)"
            ) from error
        return values[0] if len(values) == 1 else values


def refusal(error: CallRefused) -> Refused:
    """What an endpoint says about a reverted call, in words."""
    if not error.data:
        return Refused(error.message, None)
    revert = decode_revert(error.data)
    return Refused(explain(revert), revert)
