"""The validators of one height: who has what power, and whose turn each round is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metis_node.types.consensus import Member
from metis_node.types.primitives import Address

MAX_TOTAL_POWER = (2**64 - 1) // 3  # what the driver multiplies by 3 stays in 64 bits


class Members:
    """`order` is that of the epoch; `base` the place whose turn round 0 is."""

    def __init__(self, order: Sequence[Member], base: int) -> None:
        assert order, "a height has validators"
        assert 0 <= base < len(order)
        self._order = tuple(order)
        self._base = base
        self._powers = {member.signer: member.power for member in order}
        self.total_power = sum(self._powers.values())
        assert len(self._powers) == len(order), "a signer serves one sequencer"
        assert 0 < self.total_power <= MAX_TOTAL_POWER

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, signer: object) -> bool:
        return signer in self._powers

    def __iter__(self) -> Iterator[Member]:
        return iter(self._order)

    def power(self, signer: Address) -> int:
        return self._powers[signer]

    def proposer(self, round_number: int) -> Address:
        """C2: order[(base + round) mod n]."""
        return self._order[(self._base + round_number) % len(self._order)].signer

    def is_quorum(self, power: int) -> bool:
        """C3: more than 2/3."""
        return 3 * power > 2 * self.total_power

    def is_honest(self, power: int) -> bool:
        """C3: more than 1/3, at least one of them follows the protocol."""
        return 3 * power > self.total_power
