"""eth_: blocks, by number, tag or hash."""

from __future__ import annotations

from typing import Any

import orjson

from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.block_cache import BlockCache
from metis_node.rpc.block_tags import BlockTags, parse_block, parse_number
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session
from metis_node.types.blocks import SealedHeader

TRANSFER_GAS = 21_000  # no transaction uses less: bounds how many a block can hold


class EthBlocks:
    def __init__(
        self, backend: Backend, readers: Readers, limits: RpcLimits, tags: BlockTags
    ) -> None:
        self._queries = backend.queries
        self._readers = readers
        self._tags = tags
        self._inline_gas = limits.inline_transactions * TRANSFER_GAS
        self._cache = BlockCache(limits.block_cache_bytes)

    def methods(self) -> list[Method]:
        return [
            Method("eth_getBlockByNumber", self.by_number),
            Method("eth_getBlockByHash", self.by_hash),
            Method("eth_getHeaderByNumber", self.header_by_number),
            Method("eth_getHeaderByHash", self.header_by_hash),
            Method("eth_getBlockReceipts", self.receipts),
            Method("eth_getBlockTransactionCountByNumber", self.count_by_number),
            Method("eth_getBlockTransactionCountByHash", self.count_by_hash),
            Method("eth_getUncleCountByBlockNumber", self.uncle_count_by_number),
            Method("eth_getUncleCountByBlockHash", self.uncle_count_by_hash),
            Method("eth_getUncleByBlockNumberAndIndex", self.uncle_by_number),
            Method("eth_getUncleByBlockHashAndIndex", self.uncle_by_hash),
        ]

    def by_number(self, params: list[Any], _session: Session) -> Any:
        return self._block(self._named(params), hexadecimal.boolean(params, 1, "full", False))

    def by_hash(self, params: list[Any], _session: Session) -> Any:
        return self._block(self._hashed(params), hexadecimal.boolean(params, 1, "full", False))

    def header_by_number(self, params: list[Any], _session: Session) -> Any:
        sealed = self._named(params)
        return None if sealed is None else views.header_view(sealed)

    def header_by_hash(self, params: list[Any], _session: Session) -> Any:
        sealed = self._hashed(params)
        return None if sealed is None else views.header_view(sealed)

    def receipts(self, params: list[Any], _session: Session) -> Any:
        name = parse_block(hexadecimal.required(params, 0, "block"), 0)
        sealed = self._tags.find(name)
        return None if sealed is None else self._build("receipts", sealed)

    def count_by_number(self, params: list[Any], _session: Session) -> Any:
        return self._count(self._named(params))

    def count_by_hash(self, params: list[Any], _session: Session) -> Any:
        return self._count(self._hashed(params))

    def uncle_count_by_number(self, params: list[Any], _session: Session) -> str | None:
        return None if self._named(params) is None else "0x0"

    def uncle_count_by_hash(self, params: list[Any], _session: Session) -> str | None:
        return None if self._hashed(params) is None else "0x0"

    def uncle_by_number(self, params: list[Any], _session: Session) -> None:
        self._named(params)
        hexadecimal.quantity(params, 1, "index")

    def uncle_by_hash(self, params: list[Any], _session: Session) -> None:
        self._hashed(params)
        hexadecimal.quantity(params, 1, "index")

    def _named(self, params: list[Any]) -> SealedHeader | None:
        if params and params[0] == "latest":
            return self._queries.head
        return self._queries.header(
            parse_number(hexadecimal.required(params, 0, "blockNumber"), 0, "blockNumber")
        )

    def _hashed(self, params: list[Any]) -> SealedHeader | None:
        return self._queries.header_by_hash(hexadecimal.hash32(params, 0, "blockHash"))

    def _block(self, sealed: SealedHeader | None, full: bool) -> Any:
        if sealed is None:
            return None
        return self._build("full" if full else "hashes", sealed)

    def _count(self, sealed: SealedHeader | None) -> Any:
        if sealed is None:
            return None
        if sealed.header.gas_used <= self._inline_gas:
            return hex(self._queries.transaction_count(sealed.number))
        return self._readers.run(lambda: hex(self._queries.transaction_count(sealed.number)))

    def _build(self, kind: str, sealed: SealedHeader) -> Any:
        """Encoded JSON from the cache, made here where it is short, else in a thread."""
        cached = self._cache.get((kind, sealed.hash))
        if cached is not None:
            return orjson.Fragment(cached)
        if sealed.header.gas_used <= self._inline_gas:
            return self._encode(kind, sealed)
        return self._readers.run(self._encode, kind, sealed)

    def _encode(self, kind: str, sealed: SealedHeader) -> orjson.Fragment:
        records = self._queries.records(sealed.number)
        view: Any
        if kind == "receipts":
            view = views.receipt_views(records, sealed)
        else:
            view = views.block_view(sealed, records, full=kind == "full")
        encoded = orjson.dumps(view)
        self._cache.put((kind, sealed.hash), encoded)
        return orjson.Fragment(encoded)
