"""Writing to the inbox: blobs or calldata by price, through the transaction sender.

Implements `BatchPublisher`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Executor
from typing import Literal

from metis_node.engine.l1_ports import Posting, PostingPlan
from metis_node.errors import Temporary
from metis_node.l1.beacon import BlobCache
from metis_node.l1.blobs import (
    BLOB_CAPACITY,
    MAX_BLOBS_PER_TRANSACTION,
    Sidecar,
    encode_blob,
    make_sidecar,
)
from metis_node.l1.client import L1Client
from metis_node.l1.fees import Prices, blob_cost, calldata_cost
from metis_node.l1.forks import sidecar_version
from metis_node.l1.inbox import BASE_GAS, MAX_CALLDATA_PAYLOAD, Inbox
from metis_node.l1.sender import Submission, TransactionSender

DataMode = Literal["auto", "blobs", "calldata"]

CALLDATA_PLAN = PostingPlan(
    with_blobs=False, capacity=MAX_CALLDATA_PAYLOAD, payloads_per_transaction=1
)


class InboxPublisher:
    def __init__(
        self,
        *,
        client: L1Client,
        sender: TransactionSender,
        inbox: Inbox,
        cache: BlobCache,
        mode: DataMode = "auto",
        target_blobs: int = 3,
        executor: Executor | None = None,
    ) -> None:
        self._client = client
        self._sender = sender
        self._inbox = inbox
        self._cache = cache
        self._mode = mode
        self._executor = executor  # for proofs; None: a thread, in whose time the loop stands still
        self._blob_plan = PostingPlan(
            with_blobs=True,
            capacity=BLOB_CAPACITY,
            payloads_per_transaction=min(target_blobs, MAX_BLOBS_PER_TRANSACTION),
        )

    async def settled(self) -> int:
        return await self._sender.settled()

    async def plan(self, size: int) -> PostingPlan:
        if self._mode == "calldata":
            return CALLDATA_PLAN
        blob_price = await self._client.blob_base_fee()
        if self._mode == "blobs":
            return self._blob_plan
        head = await self._client.header("latest")
        if head is None or blob_price is None:
            return CALLDATA_PLAN
        prices = Prices(
            base_fee=head.base_fee_per_gas,
            priority_fee=await self._client.priority_fee(),
            blob_base_fee=blob_price,
        )
        return cheapest(size, prices, self._blob_plan)

    async def post(self, payloads: Sequence[bytes], plan: PostingPlan) -> Posting:
        if not plan.with_blobs:
            (calldata,) = payloads
            gas = self._inbox.gas_limit(calldata)
            return _Post(self._sender.send(to=self._inbox.address, data=calldata, gas=gas))
        version = await sidecar_version(self._client)
        loop = asyncio.get_running_loop()
        try:
            sidecar = await loop.run_in_executor(self._executor, _sidecar, payloads, version)
        except BrokenExecutor as error:
            raise Temporary("the process that computes blob proofs died") from error
        for name, blob in zip(sidecar.versioned_hashes, sidecar.blobs, strict=True):
            self._cache.put(name, blob)
        submission = self._sender.send(
            to=self._inbox.address, data=b"", gas=BASE_GAS, sidecar=sidecar
        )
        return _Post(submission)


def cheapest(size: int, prices: Prices, blob_plan: PostingPlan) -> PostingPlan:
    """Blobs are paid whole, calldata by the byte."""
    blobs = -(-size // blob_plan.capacity)
    transactions = -(-blobs // blob_plan.payloads_per_transaction)
    as_blobs = blob_cost(blobs, transactions, prices)
    as_calldata = calldata_cost(size, -(-size // CALLDATA_PLAN.capacity), prices)
    return blob_plan if as_blobs is not None and as_blobs <= as_calldata else CALLDATA_PLAN


def _sidecar(payloads: Sequence[bytes], version: int) -> Sidecar:
    return make_sidecar([encode_blob(payload) for payload in payloads], version=version)


class _Post:
    def __init__(self, submission: Submission) -> None:
        self._submission = submission

    async def landed(self) -> int:
        receipt = await asyncio.shield(self._submission.outcome)
        return receipt.block_number

    def withdraw(self) -> None:
        self._submission.withdraw()
