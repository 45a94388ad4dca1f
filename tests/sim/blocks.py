"""Blocks of the simulation: a header that names parent, builder, time and root, and nothing more.

The root follows from the parent's, so that a wrong one is as plain as in a real block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from metis_node.codec import rlp
from metis_node.codec.hashes import keccak256
from metis_node.types.primitives import Address, Hash32
from tests.sim.scenario import BLOCK_TIME_MS


@dataclass(frozen=True, kw_only=True)
class SimBlock:
    number: int
    parent: Hash32
    builder: Address
    time_ms: int
    root: Hash32
    salt: int

    @cached_property
    def encoded(self) -> bytes:
        return rlp.encode(
            [
                self.number.to_bytes(8, "big"),
                self.parent,
                self.builder,
                self.time_ms.to_bytes(8, "big"),
                self.root,
                self.salt.to_bytes(8, "big"),
            ]
        )

    @cached_property
    def hash(self) -> Hash32:
        return Hash32(keccak256(self.encoded))


GENESIS = SimBlock(
    number=0,
    parent=Hash32(bytes(32)),
    builder=Address(bytes(20)),
    time_ms=0,
    root=Hash32(bytes(32)),
    salt=0,
)


@lru_cache(maxsize=4_096)
def decode_block(data: bytes) -> SimBlock:
    fields = rlp.decode(data)
    number, parent, builder, time_ms, root, salt = (bytes(field) for field in fields)  # type: ignore[arg-type]
    return SimBlock(
        number=int.from_bytes(number, "big"),
        parent=Hash32(parent),
        builder=Address(builder),
        time_ms=int.from_bytes(time_ms, "big"),
        root=Hash32(root),
        salt=int.from_bytes(salt, "big"),
    )


def root_after(parent: SimBlock, builder: Address, salt: int) -> Hash32:
    """What honest execution comes to."""
    return Hash32(keccak256(parent.root + builder + salt.to_bytes(8, "big")))


def is_valid(block: SimBlock, parent: SimBlock) -> bool:
    """Depends on the block and its parent alone."""
    return (
        block.parent == parent.hash
        and block.number == parent.number + 1
        and block.time_ms >= parent.time_ms + BLOCK_TIME_MS
        and block.root == root_after(parent, block.builder, block.salt)
    )
