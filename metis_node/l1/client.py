"""The one door to Ethereum: several endpoints behind one set of typed calls.

Blocks, logs and what contracts say of them go by vote, everything else to the first endpoint that
answers (`endpoint_group.py`). Policy on fees, nonces and batches lives elsewhere in this room.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from metis_node.l1 import answers
from metis_node.l1.answers import InboxTransaction, Receipt
from metis_node.l1.endpoint import CallRefused
from metis_node.l1.endpoint_group import EndpointGroup, EndpointReport
from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Address, Hash32

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)


class L1Client:
    """Typed calls. Raises Temporary when no endpoint answers, or they contradict each other;
    CallRefused when the L1 says no; Fatal when all endpoints are of another chain."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int,
        timeout_s: float = 10.0,
        quorum: int = 0,
        known: BlockRef | None = None,
    ) -> None:
        """`quorum` endpoints must agree on a block; 0: half of them, rounded up. `known` is an L1
        block that all must have, where one is known."""
        self._group = EndpointGroup(
            urls, chain_id=chain_id, timeout_s=timeout_s, votes=quorum, known=known
        )
        self._chain_id = chain_id

    @property
    def chain_id(self) -> int:
        return self._chain_id

    async def aclose(self) -> None:
        await self._group.aclose()

    def report(self) -> list[EndpointReport]:
        """How each endpoint does, in the order of the configuration."""
        return self._group.report()

    # --- what the L1 knows ---------------------------------------------------------------------

    async def header(self, block: int | str) -> L1Header | None:
        """By number or tag (latest, safe, finalized); None where there is none (yet). By vote."""
        if isinstance(block, str):
            return await self._group.agree_on_tag(block, answers.header, lambda h: h.number)
        params = [hex(block), False]
        return await self.agreed("eth_getBlockByNumber", params, answers.optional(answers.header))

    async def block(self, number: int) -> tuple[L1Header, list[InboxTransaction]] | None:
        """A block with all its transactions."""
        return await self.call(
            "eth_getBlockByNumber",
            [hex(number), True],
            answers.optional(lambda v: (answers.header(v), answers.block_transactions(v))),
        )

    async def nonce(self, account: Address, *, pending: bool = False) -> int:
        """The next nonce of an account, counting mined transactions, or those in the pool too."""
        tag = "pending" if pending else "latest"
        return await self.call(
            "eth_getTransactionCount", ["0x" + account.hex(), tag], answers.quantity
        )

    async def balance(self, account: Address) -> int:
        return await self.call("eth_getBalance", ["0x" + account.hex(), "latest"], answers.quantity)

    async def receipt(self, transaction: Hash32) -> Receipt | None:
        return await self.call(
            "eth_getTransactionReceipt",
            ["0x" + transaction.hex()],
            answers.optional(answers.receipt),
        )

    async def knows(self, transaction: Hash32) -> bool:
        """Whether the L1 has a transaction at all, in its pool or in a block."""
        return await self.call(
            "eth_getTransactionByHash", ["0x" + transaction.hex()], lambda v: v is not None
        )

    async def priority_fee(self) -> int:
        """What the endpoint suggests as a tip, wei."""
        return await self.call("eth_maxPriorityFeePerGas", [], answers.quantity)

    async def blob_base_fee(self) -> int | None:
        """Price of blob gas in the next block, wei; None on an L1 without blobs."""
        try:
            return await self.call("eth_blobBaseFee", [], answers.quantity)
        except CallRefused:
            return None

    async def call_contract(self, to: Address, data: bytes) -> bytes:
        request = {"to": "0x" + to.hex(), "data": "0x" + data.hex()}
        return await self.call("eth_call", [request, "latest"], answers.data)

    async def send_raw(self, raw: bytes) -> Hash32:
        """Hand a signed transaction to the L1's pool."""
        return await self.call("eth_sendRawTransaction", ["0x" + raw.hex()], answers.hash32)

    # --- asking --------------------------------------------------------------------------------

    async def call(self, method: str, params: list[Any], parse: Callable[[Any], T]) -> T:
        """Ask the endpoints in turn until one gives an answer that parses."""
        return await self._group.ask(method, params, parse)

    async def agreed(
        self, method: str, params: list[Any], parse: Callable[[Any], H | None]
    ) -> H | None:
        """What enough endpoints answer alike; None where they have nothing to say."""
        return await self._group.agree(method, params, parse)
