"""The filter object of eth_getLogs, eth_newFilter and `logs` subscriptions, parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metis_node.chain.queries import Queries
from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal
from metis_node.rpc.block_tags import BlockName, parse_number
from metis_node.rpc.errors import REFUSED
from metis_node.rpc.limits import RpcLimits

KEYS = frozenset(("fromBlock", "toBlock", "blockHash", "address", "topics"))
MAX_TOPICS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCriteria:
    """What a caller wants to see. `from_block` and `to_block` None: not said."""

    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()
    from_block: BlockName | None = None
    to_block: BlockName | None = None
    block_hash: bytes | None = None

    def range(self, queries: Queries) -> tuple[int, int]:
        """First and last block number; what is not said is the head."""
        if self.block_hash is not None:
            sealed = queries.header_by_hash(self.block_hash)
            if sealed is None:
                raise InvalidRequest("unknown block", code=REFUSED)
            return sealed.number, sealed.number
        return _number(self.from_block, queries), _number(self.to_block, queries)

    def may_match(self, bloom: bytes) -> bool:
        """False where a block with this logs bloom surely holds no match."""
        if self.addresses and not any(_in_bloom(bloom, address) for address in self.addresses):
            return False
        return all(
            not choices or any(_in_bloom(bloom, topic) for topic in choices)
            for choices in self.topics
        )


def parse_criteria(params: list[Any], index: int, limits: RpcLimits) -> LogCriteria:
    value = hexadecimal.record(params, index, "filter")
    unknown = value.keys() - KEYS
    if unknown:
        field = sorted(unknown)[0][:64]
        raise hexadecimal.invalid(index, "filter", f"unknown field {field!r}")
    block_hash = value.get("blockHash")
    from_block, to_block = value.get("fromBlock"), value.get("toBlock")
    if block_hash is not None and (from_block is not None or to_block is not None):
        raise InvalidRequest(
            "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"
        )
    return LogCriteria(
        addresses=_addresses(value.get("address"), index, limits.log_addresses),
        topics=_topics(value.get("topics"), index, limits.log_addresses),
        from_block=_block(from_block, index, "filter.fromBlock"),
        to_block=_block(to_block, index, "filter.toBlock"),
        block_hash=None
        if block_hash is None
        else hexadecimal.fixed(block_hash, 32, index, "filter.blockHash"),
    )


def _block(value: Any, index: int, name: str) -> BlockName | None:
    return None if value is None else parse_number(value, index, name)


def _number(block: BlockName | None, queries: Queries) -> int:
    if block is None:
        return queries.head.number
    assert not isinstance(block, bytes)
    return queries.number_of(block) if isinstance(block, str) else block


def _addresses(value: Any, index: int, bound: int) -> tuple[bytes, ...]:
    if value is None:
        return ()
    values = value if type(value) is list else [value]
    _check_count(values, bound)
    return tuple(
        hexadecimal.fixed(item, 20, index, f"filter.address[{i}]") for i, item in enumerate(values)
    )


def _topics(value: Any, index: int, bound: int) -> tuple[tuple[bytes, ...], ...]:
    if value is None:
        return ()
    if type(value) is not list:
        raise hexadecimal.invalid(index, "filter.topics", "want an array")
    if len(value) > MAX_TOPICS:
        raise InvalidRequest("exceed max topics")
    return tuple(_choices(item, index, place, bound) for place, item in enumerate(value))


def _choices(value: Any, index: int, place: int, bound: int) -> tuple[bytes, ...]:
    """The alternatives at one place; none: any topic. A null among them means any, as in geth."""
    if value is None:
        return ()
    values = value if type(value) is list else [value]
    _check_count(values, bound)
    if any(item is None for item in values):
        return ()
    name = f"filter.topics[{place}]"
    return tuple(hexadecimal.fixed(item, 32, index, name) for item in values)


def _check_count(values: list[Any], bound: int) -> None:
    if len(values) > bound:
        raise InvalidRequest(f"exceed max addresses or topics per search position: {bound}")


def _in_bloom(bloom: bytes, value: bytes) -> bool:
    """Membership in an Ethereum logs bloom of 2048 bits (yellow paper 4.3.1)."""
    digest = keccak256(value)
    for at in (0, 2, 4):
        bit = int.from_bytes(digest[at : at + 2], "big") & 2047
        if not bloom[255 - bit // 8] >> (bit % 8) & 1:
            return False
    return True
