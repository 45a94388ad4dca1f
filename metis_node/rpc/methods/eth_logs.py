"""eth_: log queries and polled filters."""

from __future__ import annotations

from typing import Any

import orjson

from metis_node.chain.cache import LruCache
from metis_node.chain.log_index import LogFilter, LogLimits, LogMatch
from metis_node.chain.queries import Queries
from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.filters import Filter, Filters
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.log_criteria import LogCriteria, parse_criteria
from metis_node.rpc.method import Method
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session

RENDERED_CACHE = 16_384  # logs, about 700 bytes each


class LogReader:
    """Runs criteria against the log index. `read` belongs into a thread."""

    def __init__(self, queries: Queries, limits: RpcLimits) -> None:
        self._queries = queries
        self._limits = LogLimits(
            max_blocks=limits.log_range_blocks,
            max_results=limits.log_results,
            max_addresses=limits.log_addresses,
            max_topic_choices=limits.log_addresses,
        )
        self._json: LruCache[tuple[int, int], bytes] = LruCache(RENDERED_CACHE)

    def read(self, criteria: LogCriteria, first: int, last: int) -> orjson.Fragment:
        query = LogFilter(
            first=first, last=last, addresses=criteria.addresses, topics=criteria.topics
        )
        found = self._queries.logs(query, self._limits)
        return orjson.Fragment(b"[" + b",".join([self._rendered(match) for match in found]) + b"]")

    def _rendered(self, match: LogMatch) -> bytes:
        """Blocks are final, so that a log's JSON never changes."""
        key = (match.block_number, match.log_index)
        rendered = self._json.get(key)
        if rendered is None:
            rendered = orjson.dumps(views.log_view(match))
            self._json.put(key, rendered)
        return rendered


class EthLogs:
    def __init__(
        self, backend: Backend, readers: Readers, limits: RpcLimits, filters: Filters
    ) -> None:
        self._queries = backend.queries
        self._readers = readers
        self._limits = limits
        self._filters = filters
        self._reader = LogReader(backend.queries, limits)

    def methods(self) -> list[Method]:
        return [
            Method("eth_getLogs", self.logs),
            Method("eth_newFilter", self.new_filter),
            Method("eth_newBlockFilter", self.new_block_filter),
            Method("eth_newPendingTransactionFilter", self.new_pending_filter),
            Method("eth_getFilterChanges", self.changes),
            Method("eth_getFilterLogs", self.filter_logs),
            Method("eth_uninstallFilter", self.uninstall),
        ]

    def logs(self, params: list[Any], _session: Session) -> Any:
        criteria = parse_criteria(params, 0, self._limits)
        first, last = criteria.range(self._queries)
        return self._readers.run(self._reader.read, criteria, first, last)

    def new_filter(self, params: list[Any], _session: Session) -> str:
        criteria = parse_criteria(params, 0, self._limits)
        criteria.range(self._queries)
        return self._filters.add(Filter("logs", self._queries.head.number, criteria))

    def new_block_filter(self, _params: list[Any], _session: Session) -> str:
        return self._filters.add(Filter("blocks", self._queries.head.number))

    def new_pending_filter(self, _params: list[Any], _session: Session) -> str:
        return self._filters.add(Filter("pending", self._queries.head.number))

    def changes(self, params: list[Any], _session: Session) -> Any:
        """What is new since the last call."""
        found = self._filters.get(hexadecimal.string(params, 0, "filterId"))
        if found.kind == "pending":
            return found.drain()
        first, last = found.advance(self._queries.head.number, self._limits.log_range_blocks)
        if found.criteria is None:
            return self._hashes(first, last)
        first, last = self._clamped(found.criteria, first, last)
        if first > last:
            return []
        return self._readers.run(self._reader.read, found.criteria, first, last)

    def filter_logs(self, params: list[Any], _session: Session) -> Any:
        """All matches of a log filter."""
        found = self._filters.get(hexadecimal.string(params, 0, "filterId"))
        if found.criteria is None:
            raise hexadecimal.invalid(0, "filterId", "not a log filter")
        first, last = found.criteria.range(self._queries)
        return self._readers.run(self._reader.read, found.criteria, first, last)

    def uninstall(self, params: list[Any], _session: Session) -> bool:
        return self._filters.remove(hexadecimal.string(params, 0, "filterId"))

    def _hashes(self, first: int, last: int) -> list[str]:
        found = (self._queries.header_by_number(number) for number in range(first, last + 1))
        return [views.hex_data(sealed.hash) for sealed in found if sealed is not None]

    def _clamped(self, criteria: LogCriteria, first: int, last: int) -> tuple[int, int]:
        """The new blocks that lie within the numbers the filter names."""
        if isinstance(criteria.from_block, int):
            first = max(first, criteria.from_block)
        if isinstance(criteria.to_block, int):
            last = min(last, criteria.to_block)
        return first, last
