"""Block parameters: number, tag, or EIP-1898 object, to a block of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metis_node.errors import InvalidRequest
from metis_node.rpc.errors import REFUSED
from metis_node.rpc.hexadecimal import Params, fixed, invalid, kind, quantity_of
from metis_node.types.blocks import SealedHeader

if TYPE_CHECKING:
    from metis_node.chain.queries import Queries

TAGS = frozenset(("latest", "pending", "safe", "finalized", "earliest"))
MAX_NUMBER = (1 << 63) - 1  # geth's rpc.BlockNumber is signed
OBJECT_KEYS = frozenset(("blockNumber", "blockHash", "requireCanonical"))

BlockName = int | str | bytes  # number, tag, hash


def parse_block(value: Any, index: int, name: str = "block") -> BlockName:
    """What the caller names. Refuses anything that is not a block parameter."""
    if type(value) is str:
        if value in TAGS:
            return value
        if len(value) == 66:
            return fixed(value, 32, index, name)
        if not value.startswith(("0x", "0X")):
            tags = "latest, pending, safe, finalized, earliest"
            raise invalid(index, name, f"want a hex number, a hash, or one of {tags}")
        number = quantity_of(value, index, name)
        if number > MAX_NUMBER:
            raise invalid(index, name, "block number larger than int64")
        return number
    if type(value) is dict:
        return _parse_object(value, index, name)
    raise invalid(index, name, f"cannot unmarshal {kind(value)} into a block number or hash")


def parse_number(value: Any, index: int, name: str = "block") -> int | str:
    """A block by number or tag, where a hash makes no sense."""
    block = parse_block(value, index, name) if type(value) is str else None
    if block is None or isinstance(block, bytes):
        raise invalid(index, name, "want a hex number or a tag")
    return block


def _parse_object(value: dict[str, Any], index: int, name: str) -> BlockName:
    unknown = value.keys() - OBJECT_KEYS
    if unknown:
        raise invalid(index, name, f"unknown field {sorted(unknown)[0][:64]!r} (EIP-1898)")
    by_number, by_hash = value.get("blockNumber"), value.get("blockHash")
    if (by_number is None) == (by_hash is None):
        raise invalid(index, name, "want exactly one of blockNumber and blockHash (EIP-1898)")
    if by_hash is not None:
        return fixed(by_hash, 32, index, f"{name}.blockHash")
    return parse_number(by_number, index, f"{name}.blockNumber")


class BlockTags:
    """Resolves block parameters against the chain. An absent one means `latest`."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def find(self, block: BlockName) -> SealedHeader | None:
        return self._queries.header(block)

    def header(self, params: Params, index: int) -> SealedHeader:
        """The block whose state or environment is asked for; refused if there is none."""
        value = params[index] if index < len(params) else None
        if value is None or value == "latest":
            return self._queries.head
        sealed = self._queries.header(parse_block(value, index))
        if sealed is None:
            raise header_not_found()
        return sealed

    def is_pending(self, params: Params, index: int) -> bool:
        return index < len(params) and params[index] == "pending"


def header_not_found() -> InvalidRequest:
    return InvalidRequest("header not found", code=REFUSED)
