"""eth_: raw transactions into the mempool, waiting for their receipt or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from metis_node.errors import InvalidRequest, InvalidTransaction
from metis_node.rpc import errors, hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.methods.eth_transactions import EthTransactions
from metis_node.rpc.receipt_waiters import ReceiptWaiters
from metis_node.rpc.session import Session

FIELDS_BEFORE_V = 6  # of a legacy transaction: nonce, price, gas, to, value, data
UNPROTECTED_V = (27, 28)


class EthSend:
    def __init__(
        self,
        backend: Backend,
        limits: RpcLimits,
        transactions: EthTransactions,
        waiters: ReceiptWaiters,
    ) -> None:
        self._backend = backend
        self._intake = backend.intake
        self._limits = limits
        self._transactions = transactions
        self._waiters = waiters

    def methods(self) -> list[Method]:
        return [
            Method("eth_sendRawTransaction", self.send, many=self.send_many, finish=views.hex_data),
            Method("eth_sendRawTransactionSync", self.send_and_wait),
        ]

    def send(self, params: list[Any], _session: Session) -> asyncio.Future[Any]:
        return self._intake.submit(self._raw(params))

    async def send_many(self, calls: Sequence[list[Any]]) -> list[Any]:
        """One hand-over for all; per call its hash or its refusal."""
        outcomes: list[Any] = [None] * len(calls)
        raws, places = [], []
        for place, params in enumerate(calls):
            try:
                raws.append(self._raw(params))
            except (InvalidRequest, InvalidTransaction) as error:
                outcomes[place] = error
            else:
                places.append(place)
        for place, admitted in zip(places, await self._intake.submit_many(raws), strict=True):
            if isinstance(admitted, InvalidTransaction):
                outcomes[place] = admitted
            else:
                outcomes[place] = views.hex_data(admitted)
        return outcomes

    async def send_and_wait(self, params: list[Any], _session: Session) -> Any:
        """EIP-7966: the receipt, or error 4 with the hash after the time-out, or error 6 with the
        expected nonce where a gap keeps the transaction from being executed."""
        timeout_ms = self._timeout_ms(params)
        transaction_hash = await self._intake.submit(self._raw(params))
        self._refuse_gap(transaction_hash)
        found = self._transactions.included(transaction_hash)
        if found is None and await self._waiters.wait(transaction_hash, timeout_ms / 1000):
            found = self._transactions.included(transaction_hash)
        if found is None:
            raise InvalidRequest(
                "The transaction was added to the mempool but wasn't processed in "
                f"{timeout_ms / 1000:g}s",
                code=errors.SYNC_TIMED_OUT,
                data=views.hex_data(transaction_hash),
            )
        return views.receipt_view(*found)

    def _refuse_gap(self, transaction_hash: bytes) -> None:
        waiting = self._backend.mempool.get(transaction_hash)
        if waiting is None:
            return
        expected = self._backend.mempool.next_nonce(waiting.sender)
        if expected is not None and expected <= waiting.nonce:
            raise InvalidRequest(
                f"nonce gap: expected nonce {expected}, got {waiting.nonce}; the transaction "
                "waits in the mempool until the gap is filled",
                code=errors.SYNC_NONCE_GAP,
                data=hex(expected),
            )

    def _timeout_ms(self, params: list[Any]) -> int:
        value = hexadecimal.optional(params, 1)
        if value is None:
            return self._limits.sync_timeout_ms
        if type(value) is not int:
            value = hexadecimal.quantity_of(value, 1, "timeout")
        if value <= 0:
            raise hexadecimal.invalid(1, "timeout", "want milliseconds above 0")
        return int(min(value, self._limits.sync_timeout_max_ms))

    def _raw(self, params: list[Any]) -> bytes:
        raw = hexadecimal.data(params, 0, "transaction")
        if not raw:
            raise InvalidRequest("invalid argument 0: transaction: empty typed transaction bytes")
        bound = self._limits.raw_transaction_bytes
        if len(raw) > bound:
            raise InvalidTransaction(
                f"oversized data: transaction size {len(raw)}, limit {bound}", code="too_large"
            )
        if raw[0] >= 0xC0 and not self._backend.allow_unprotected and is_unprotected(raw):
            raise InvalidTransaction(
                "only replay-protected (EIP-155) transactions allowed over RPC", code="unprotected"
            )
        return raw


def is_unprotected(raw: bytes) -> bool:
    """Whether this is a legacy transaction without a chain id: v is 27 or 28.

    Steps over the RLP of the first fields only; what is malformed is left to the decoder.
    """
    try:
        first = raw[0]
        at = 1 if first < 0xF8 else first - 0xF6
        for _ in range(FIELDS_BEFORE_V):
            first = raw[at]
            if first < 0x80:
                at += 1
            elif first < 0xB8:
                at += first - 0x7F
            else:
                start = at + first - 0xB6
                at = start + int.from_bytes(raw[at + 1 : start], "big")
        return raw[at] in UNPROTECTED_V
    except IndexError:
        return False
