"""An L1 in memory that a test grows and reorganises: `L1Source` without a network."""

from __future__ import annotations

from metis_node.codec.hashes import keccak256
from metis_node.errors import Temporary
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Hash32

BLOCK_TIME_S = 12
GENESIS_TIME = 1_700_000_000


class MemoryL1:
    """Blocks from 0; `branch` goes into the hashes, so that a reorganisation gives others."""

    def __init__(self, blocks: int = 1) -> None:
        self.headers: list[L1Header] = []
        self.finalized = 0
        self.inbox: dict[Hash32, list[bytes]] = {}
        self.is_down = False
        self.grow(blocks)

    @property
    def head(self) -> L1Header:
        return self.headers[-1]

    def grow(self, blocks: int = 1, *, branch: bytes = b"main") -> None:
        for _ in range(blocks):
            number = len(self.headers)
            parent = self.headers[-1].hash if self.headers else Hash32(bytes(32))
            self.headers.append(
                L1Header(
                    number=number,
                    hash=Hash32(keccak256(branch + parent)),
                    parent_hash=parent,
                    timestamp=GENESIS_TIME + number * BLOCK_TIME_S,
                    base_fee_per_gas=7,
                    excess_blob_gas=0,
                    prev_randao=Hash32(keccak256(b"randao" + parent)),
                )
            )

    def reorganise(self, depth: int, *, blocks: int, branch: bytes = b"other") -> None:
        """Drop the last `depth` blocks and grow `blocks` others."""
        del self.headers[len(self.headers) - depth :]
        self.grow(blocks, branch=branch)

    def put(self, payload: bytes) -> None:
        """Into the inbox of the head block."""
        self.inbox.setdefault(self.head.hash, []).append(payload)

    async def header(self, block: int | str) -> L1Header | None:
        if self.is_down:
            raise Temporary("the L1 is down")
        if block == "latest":
            return self.head
        if isinstance(block, str):
            return self.headers[self.finalized]
        return self.headers[block] if block < len(self.headers) else None

    async def payloads(self, header: L1Header) -> list[bytes]:
        if await self.header(header.number) != header:
            raise Temporary(f"L1 block {header.number} is gone")
        return self.inbox.get(header.hash, [])
