"""The one door to Ethereum: several endpoints behind one set of typed calls.

Endpoints stand in order of preference. One that fails is left at once and tried again only after a
time that doubles, so failover is fast and the way back is slow. Policy on fees, nonces and batches
lives elsewhere in this room.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog

from metis_node.errors import Fatal, InvalidConfig, Temporary
from metis_node.l1 import answers
from metis_node.l1.answers import InboxTransaction, Malformed, Receipt
from metis_node.l1.endpoint import CallRefused, Endpoint, EndpointFailed
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Address, Hash32

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAX_CONCURRENT_CALLS = 8  # public endpoints count requests per second
BACK_OFF_FIRST_S = 2.0
BACK_OFF_MOST_S = 300.0
JITTER = 0.25  # of every back-off, so that nodes do not come back all at once


class L1Client:
    """Typed calls. Raises Temporary when no endpoint answers, CallRefused when the L1 says no."""

    def __init__(self, urls: Sequence[str], *, chain_id: int, timeout_s: float = 10.0) -> None:
        if not urls:
            raise InvalidConfig("no L1 endpoint is configured: set l1.endpoints")
        self._endpoints = [Endpoint(url, timeout_s=timeout_s) for url in urls]
        self._chain_id = chain_id
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._last = self._endpoints[0]

    @property
    def chain_id(self) -> int:
        return self._chain_id

    async def aclose(self) -> None:
        for endpoint in self._endpoints:
            await endpoint.aclose()

    # --- what the L1 knows ---------------------------------------------------------------------

    async def header(self, block: int | str) -> L1Header | None:
        """By number or tag (latest, safe, finalized); None where there is none (yet)."""
        params = [_block_parameter(block), False]
        return await self.call("eth_getBlockByNumber", params, answers.optional(answers.header))

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
        reasons: list[str] = []
        async with self._slots:
            for endpoint in self._in_turn():
                try:
                    await self._check_chain(endpoint)
                    result = parse(await endpoint.request(method, params))
                except Malformed as error:
                    reason = f"L1 endpoint {endpoint.name}: malformed answer to {method}: {error}"
                    self._on_failure(endpoint, reason)
                    reasons.append(reason)
                except EndpointFailed as error:
                    self._on_failure(endpoint, error.message)
                    reasons.append(error.message)
                else:
                    self._on_success(endpoint)
                    return result
        raise Temporary("; ".join(reasons), method=method)

    def _in_turn(self) -> list[Endpoint]:
        """By preference, those that failed lately last. The loop's clock decides what is lately."""
        now = asyncio.get_running_loop().time()
        return sorted(self._endpoints, key=lambda e: max(e.retry_at - now, 0.0))

    async def _check_chain(self, endpoint: Endpoint) -> None:
        """Refuse an endpoint of another chain: for good, because nothing it says can be used."""
        if endpoint.checked:
            return
        found = answers.quantity(await endpoint.request("eth_chainId", []))
        if found != self._chain_id:
            raise Fatal(
                f"L1 endpoint {endpoint.name} is on chain {found}, the genesis file names L1 chain "
                f"{self._chain_id}: correct l1.endpoints"
            )
        endpoint.checked = True

    def _on_failure(self, endpoint: Endpoint, reason: str) -> None:
        endpoint.failures += 1
        delay = min(BACK_OFF_FIRST_S * 2 ** (endpoint.failures - 1), BACK_OFF_MOST_S)
        delay *= 1 + random.uniform(-JITTER, JITTER)
        endpoint.retry_at = asyncio.get_running_loop().time() + delay
        if endpoint.failures == 1:
            log.warning("L1 endpoint failed", endpoint=endpoint.name, reason=reason)

    def _on_success(self, endpoint: Endpoint) -> None:
        if endpoint.failures:
            log.info("L1 endpoint answers again", endpoint=endpoint.name, after=endpoint.failures)
        endpoint.failures, endpoint.retry_at = 0, 0.0
        if endpoint is not self._last:
            log.info("L1 endpoint in use", endpoint=endpoint.name)
            self._last = endpoint


def _block_parameter(block: int | str) -> str:
    return hex(block) if isinstance(block, int) else block
