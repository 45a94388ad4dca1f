"""eth_: transactions and receipts by hash or place. Sending them is in `eth_send.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.block_tags import parse_number
from metis_node.rpc.method import Method
from metis_node.rpc.session import Session
from metis_node.types.blocks import SealedHeader

if TYPE_CHECKING:
    from metis_node._native import TransactionRecord

Included = tuple["TransactionRecord", SealedHeader, int]


class EthTransactions:
    def __init__(self, backend: Backend) -> None:
        self._queries = backend.queries
        self._mempool = backend.mempool

    def methods(self) -> list[Method]:
        return [
            Method("eth_getTransactionByHash", self.by_hash),
            Method("eth_getTransactionByBlockNumberAndIndex", self.by_number),
            Method("eth_getTransactionByBlockHashAndIndex", self.by_block_hash),
            Method("eth_getTransactionReceipt", self.receipt),
            Method("eth_getRawTransactionByHash", self.raw_by_hash),
            Method("eth_getRawTransactionByBlockNumberAndIndex", self.raw_by_number),
            Method("eth_getRawTransactionByBlockHashAndIndex", self.raw_by_block_hash),
        ]

    def by_hash(self, params: list[Any], _session: Session) -> Any:
        transaction_hash = hexadecimal.hash32(params, 0)
        found = self.included(transaction_hash)
        if found is not None:
            return views.included_view(*found)
        waiting = self._mempool.get(transaction_hash)
        return None if waiting is None else views.pending_view(waiting)

    def by_number(self, params: list[Any], _session: Session) -> Any:
        found = self._at(self._by_number(params), params)
        return None if found is None else views.included_view(*found)

    def by_block_hash(self, params: list[Any], _session: Session) -> Any:
        found = self._at(self._by_hash(params), params)
        return None if found is None else views.included_view(*found)

    def receipt(self, params: list[Any], _session: Session) -> Any:
        found = self.included(hexadecimal.hash32(params, 0))
        return None if found is None else views.receipt_view(*found)

    def raw_by_hash(self, params: list[Any], _session: Session) -> str | None:
        """Null where unknown."""
        transaction_hash = hexadecimal.hash32(params, 0)
        found = self.included(transaction_hash)
        if found is not None:
            return views.hex_data(found[0].raw)
        waiting = self._mempool.get(transaction_hash)
        return None if waiting is None else views.hex_data(waiting.raw)

    def raw_by_number(self, params: list[Any], _session: Session) -> str | None:
        found = self._at(self._by_number(params), params)
        return None if found is None else views.hex_data(found[0].raw)

    def raw_by_block_hash(self, params: list[Any], _session: Session) -> str | None:
        found = self._at(self._by_hash(params), params)
        return None if found is None else views.hex_data(found[0].raw)

    def included(self, transaction_hash: bytes) -> Included | None:
        """The transaction with its block, if a block at or below the head holds it."""
        place = self._queries.locate(transaction_hash)
        if place is None:
            return None
        number, index = place
        sealed = self._queries.header_by_number(number)
        if sealed is None:  # written, but not announced as the head yet
            return None
        record = self._queries.record(number, index)
        return None if record is None else (record, sealed, index)

    def _by_number(self, params: list[Any]) -> SealedHeader | None:
        block = parse_number(hexadecimal.required(params, 0, "blockNumber"), 0, "blockNumber")
        return self._queries.header(block)

    def _by_hash(self, params: list[Any]) -> SealedHeader | None:
        return self._queries.header_by_hash(hexadecimal.hash32(params, 0, "blockHash"))

    def _at(self, sealed: SealedHeader | None, params: list[Any]) -> Included | None:
        index = hexadecimal.uint64(params, 1, "index")
        if sealed is None:
            return None
        record = self._queries.record(sealed.number, index)
        return None if record is None else (record, sealed, index)
