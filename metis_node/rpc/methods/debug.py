"""debug_: traces by re-execution, and canonical encodings."""

from __future__ import annotations

from typing import Any

import orjson

from metis_node.codec import rlp
from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.block_tags import BlockTags, header_not_found, parse_block, parse_number
from metis_node.rpc.errors import REFUSED
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.methods.eth_transactions import EthTransactions
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session
from metis_node.types.blocks import SealedHeader


class Debug:
    def __init__(
        self,
        backend: Backend,
        readers: Readers,
        limits: RpcLimits,
        tags: BlockTags,
        transactions: EthTransactions,
    ) -> None:
        self._engine = backend.blockchain.engine
        self._queries = backend.queries
        self._mempool = backend.mempool
        self._readers = readers
        self._limits = limits
        self._tags = tags
        self._transactions = transactions

    def methods(self) -> list[Method]:
        return [
            Method("debug_traceTransaction", self.trace_transaction),
            Method("debug_traceCall", self.trace_call),
            Method("debug_traceBlockByNumber", self.trace_block_by_number),
            Method("debug_traceBlockByHash", self.trace_block_by_hash),
            Method("debug_getRawBlock", self.raw_block),
            Method("debug_getRawHeader", self.raw_header),
            Method("debug_getRawReceipts", self.raw_receipts),
            Method("debug_getRawTransaction", self.raw_transaction),
        ]

    def trace_transaction(self, params: list[Any], _session: Session) -> Any:
        found = self._transactions.included(hexadecimal.hash32(params, 0))
        if found is None:
            raise InvalidRequest("transaction not found", code=REFUSED)
        _, sealed, index = found
        return self._readers.run(self._trace_block, sealed, index, _config(params, 1))

    def trace_block_by_number(self, params: list[Any], _session: Session) -> Any:
        name = parse_number(hexadecimal.required(params, 0, "blockNumber"), 0, "blockNumber")
        return self._trace_whole(self._queries.header(name), params)

    def trace_block_by_hash(self, params: list[Any], _session: Session) -> Any:
        sealed = self._queries.header_by_hash(hexadecimal.hash32(params, 0, "blockHash"))
        return self._trace_whole(sealed, params)

    def trace_call(self, params: list[Any], _session: Session) -> Any:
        request = hexadecimal.encoded_record(params, 0, "transaction")
        sealed = self._tags.header(params, 1)
        return self._readers.run(self._trace_call, request, sealed, _config(params, 2))

    def raw_block(self, params: list[Any], _session: Session) -> Any:
        return self._readers.run(self._encoded_block, self._block(params))

    def raw_header(self, params: list[Any], _session: Session) -> str:
        return views.hex_data(self._block(params).rlp)

    def raw_receipts(self, params: list[Any], _session: Session) -> Any:
        return self._readers.run(self._encoded_receipts, self._block(params))

    def raw_transaction(self, params: list[Any], _session: Session) -> str:
        """0x where unknown, as geth."""
        transaction_hash = hexadecimal.hash32(params, 0)
        found = self._transactions.included(transaction_hash)
        if found is not None:
            return views.hex_data(found[0].raw)
        waiting = self._mempool.get(transaction_hash)
        return "0x" if waiting is None else views.hex_data(waiting.raw)

    def _block(self, params: list[Any]) -> SealedHeader:
        sealed = self._tags.find(parse_block(hexadecimal.required(params, 0, "block"), 0))
        if sealed is None:
            raise header_not_found()
        return sealed

    def _trace_whole(self, sealed: SealedHeader | None, params: list[Any]) -> Any:
        if sealed is None:
            raise header_not_found()
        if sealed.number == 0:
            raise InvalidRequest("genesis is not traceable", code=REFUSED)
        return self._readers.run(self._trace_block, sealed, None, _config(params, 1))

    # --- in threads

    def _trace_block(
        self, sealed: SealedHeader, index: int | None, config: bytes
    ) -> orjson.Fragment:
        return orjson.Fragment(
            self._engine.trace_block(
                sealed.rlp,
                self._queries.transactions(sealed.number),
                index=index,
                config=config,
                deadline_ms=self._limits.trace_timeout_ms,
                max_bytes=self._limits.trace_bytes,
            )
        )

    def _trace_call(self, request: bytes, sealed: SealedHeader, config: bytes) -> orjson.Fragment:
        return orjson.Fragment(
            self._engine.trace_call(
                request,
                sealed.rlp,
                sealed.number,
                config=config,
                gas_cap=self._limits.call_gas,
                deadline_ms=self._limits.trace_timeout_ms,
                max_bytes=self._limits.trace_bytes,
            )
        )

    def _encoded_block(self, sealed: SealedHeader) -> str:
        return views.hex_data(raw_block(sealed.rlp, self._queries.transactions(sealed.number)))

    def _encoded_receipts(self, sealed: SealedHeader) -> list[str]:
        records = self._queries.records(sealed.number)
        return [views.hex_data(record.receipt_raw()) for record in records]


def _config(params: list[Any], index: int) -> bytes:
    """The TraceConfig as JSON; what is in it is the engine's to judge."""
    return hexadecimal.optional_encoded_record(params, index, "config") or b"{}"


def raw_block(header: bytes, transactions: list[bytes]) -> bytes:
    """The block's RLP: header, transactions, no ommers, no withdrawals."""
    body = b"".join(raw if raw[0] >= 0xC0 else rlp.encode_bytes(raw) for raw in transactions)
    empty = rlp.encode_list_payload(b"")
    return rlp.encode_list_payload(header + rlp.encode_list_payload(body) + empty + empty)
