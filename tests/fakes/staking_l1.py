"""An L1 in memory with a pool of sequencers on it, and the faults that a test wants.

`StakingL1` is the chain (`L1Source`) and its logs (`StakingLogs`). Each block has its own pool, so
that a reorganisation takes back what the pool did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from metis_node.engine.l1_ports import ContractState, FactsOfBlock, PastState
from metis_node.errors import Temporary
from metis_node.staking.facts import Fact, ParameterSet, SeatChanged, StakeChanged, Status
from metis_node.staking.registry import Registry
from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Address, Hash32
from tests.fakes.l1_source import MemoryL1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    signer: Address
    power: int


@dataclass(slots=True)
class Pool:
    """What a block's state has of the pool."""

    seats: dict[int, Seat] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(seat.power for seat in self.seats.values())

    def set_seat(self, sequencer_id: int, key: int, power: int) -> list[Fact]:
        """A signer of its own for each id: `key` 0..255."""
        signer = Address(sequencer_id.to_bytes(19, "big") + bytes((key,)))
        self.seats[sequencer_id] = Seat(signer=signer, power=power)
        return [
            SeatChanged(
                sequencer_id=sequencer_id, signer=signer, power=power, total_power=self.total
            ),
            StakeChanged(
                sequencer_id=sequencer_id,
                status=Status.ACTIVE if power else Status.INACTIVE,
                jailed=False,
                tombstoned=False,
                locked=power * 10**9,
                unbonding=0,
            ),
        ]


class StakingL1(MemoryL1):
    """`failing` calls fail, `forgotten` logs are left out, one each time they are asked for."""

    def __init__(self, blocks: int = 1) -> None:
        self.pools: dict[Hash32, Pool] = {}
        self.facts: dict[Hash32, list[Fact]] = {}
        self.failing = 0
        self.forgotten = 0
        self.calls = 0
        super().__init__(blocks)

    def grow(self, blocks: int = 1, *, branch: bytes = b"main") -> None:
        for _ in range(blocks):
            super().grow(1, branch=branch)
            below = self.pools.get(self.head.parent_hash, Pool())
            self.pools[self.head.hash] = Pool(dict(below.seats))
            self.facts[self.head.hash] = []

    @property
    def pool(self) -> Pool:
        return self.pools[self.head.hash]

    def set_seat(self, sequencer_id: int, key: int, power: int) -> None:
        """In the head block."""
        self.facts[self.head.hash] += self.pool.set_seat(sequencer_id, key, power)

    def set_parameter(self, key: str, value: int) -> None:
        self.facts[self.head.hash].append(ParameterSet(key=key, value=value))

    async def header(self, block: int | str) -> L1Header | None:
        self._may_fail()
        return await super().header(block)

    async def of_block(self, block: BlockRef) -> FactsOfBlock:
        self._may_fail()
        header = self.headers[block.number] if block.number < len(self.headers) else None
        if header is None or header.hash != block.hash:
            raise Temporary(f"unknown block {block.number}")
        return FactsOfBlock(block=block, facts=self._shown(header))

    async def between(self, first: int, last: int) -> list[FactsOfBlock]:
        self._may_fail()
        found = []
        for header in self.headers[first : last + 1]:
            facts = self._shown(header)
            if facts:
                ref = BlockRef(number=header.number, hash=header.hash)
                found.append(FactsOfBlock(block=ref, facts=facts))
        return found

    async def total_power(self, number: int, at: BlockRef) -> int | None:
        self._may_fail()
        if at.number >= len(self.headers) or self.headers[at.number].hash != at.hash:
            raise Temporary(f"unknown block {at.number}")
        return self.pools[self.headers[number].hash].total

    async def state(self, at: BlockRef) -> ContractState | None:
        """What a replay of all that was announced comes to."""
        self._may_fail()
        if at.number >= len(self.headers) or self.headers[at.number].hash != at.hash:
            raise Temporary(f"unknown block {at.number}")
        replayed = self._replayed(at.number)
        return ContractState(
            sequencers=replayed.sequencers_at(at.number),
            parameters=replayed.parameters_at(at.number),
        )

    async def past(
        self, number: int, *, ids: Sequence[int], keys: Sequence[str], at: BlockRef
    ) -> PastState | None:
        self._may_fail()
        if at.number >= len(self.headers) or self.headers[at.number].hash != at.hash:
            raise Temporary(f"unknown block {at.number}")
        replayed = self._replayed(number)
        known = replayed.parameters_at(number)
        return PastState(
            seats={entry: replayed.seat_at(entry, number) for entry in ids},
            parameters={key: known[key] for key in keys},
        )

    def _replayed(self, upto: int) -> Registry:
        registry = Registry(-1)
        for header in self.headers[: upto + 1]:
            registry.apply(header.number, self.facts[header.hash])
        return registry

    def _shown(self, header: L1Header) -> tuple[Fact, ...]:
        facts = self.facts[header.hash]
        if facts and self.forgotten:
            self.forgotten -= 1
            return ()
        return tuple(facts)

    def _may_fail(self) -> None:
        self.calls += 1
        if self.failing:
            self.failing -= 1
            raise Temporary("the endpoint failed")
