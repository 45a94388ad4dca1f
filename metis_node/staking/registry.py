"""The state machine of stake: fed with the facts of each L1 block, undone by block.

Answers who the validators were, with which signer and power, and which parameters held, at any L1
block that it has seen. It computes no power: the contract writes power and announces it, and this
repeats it. What it can check it does check, so that a log that got lost on the way is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metis_node.errors import Invalid, Temporary
from metis_node.staking.facts import (
    Fact,
    ParameterSet,
    SeatChanged,
    StakeChanged,
    Status,
)
from metis_node.staking.history import History
from metis_node.staking.validators import Sequencer, Validator
from metis_node.types.primitives import ZERO_ADDRESS, Address

MAX_POWER = (1 << 64) - 1

Seat = tuple[Address, int]  # signer and power
VACANT: Seat = (ZERO_ADDRESS, 0)


class InconsistentFacts(Invalid):
    """Facts that no contract of ours can have announced in this order: some are missing, or an
    endpoint made them up."""


class UnseenL1Block(Temporary):
    """A question about an L1 block that has not been followed yet."""


class _Entry:
    """The histories of one sequencer. `stake` is the announcement itself."""

    __slots__ = ("seat", "stake")

    def __init__(self) -> None:
        self.seat = History[Seat](VACANT)
        self.stake = History[StakeChanged | None](None)

    def undo_to(self, block: int) -> bool:
        """Whether nothing is left."""
        self.seat.undo_to(block)
        self.stake.undo_to(block)
        return not (self.seat or self.stake)


class Registry:
    """`start` is the L1 block before the first that counts: where the contracts were not yet."""

    def __init__(self, start: int) -> None:
        self.block = start  # the newest L1 block whose facts were applied
        self._start = start
        self._entries: dict[int, _Entry] = {}
        self._total = History[int](0)
        self._parameters: dict[str, History[int | None]] = {}
        self._owners: dict[Address, tuple[int, int]] = {}  # of signers: id, block of first use

    # --- feeding -------------------------------------------------------------------------------

    def apply(self, block: int, facts: Sequence[Fact]) -> None:
        """Take over all facts of one block, in log order, or none: InconsistentFacts.

        Blocks without facts may be left out; `advance` moves over them.
        """
        assert block > self.block, "blocks come in order"
        before = self.block
        self.block = block
        try:
            for fact in facts:
                self._take(block, fact)
        except InconsistentFacts:
            self.undo_to(before)
            raise

    def advance(self, block: int) -> None:
        """Nothing changed up to and including `block`."""
        assert block >= self.block
        self.block = block

    def undo_to(self, block: int) -> None:
        """Back to the state after `block`."""
        assert self._start <= block <= self.block
        self.block = block
        self._total.undo_to(block)
        for parameter in self._parameters.values():
            parameter.undo_to(block)
        gone = [key for key, entry in self._entries.items() if entry.undo_to(block)]
        for key in gone:
            del self._entries[key]
        self._owners = {s: owner for s, owner in self._owners.items() if owner[1] <= block}

    def _take(self, block: int, fact: Fact) -> None:
        match fact:
            case SeatChanged():
                self._seat(block, fact)
            case StakeChanged():
                self._entry(fact.sequencer_id).stake.set(block, fact)
            case ParameterSet():
                history = self._parameters.setdefault(fact.key, History[int | None](None))
                history.set(block, fact.value)

    def _seat(self, block: int, fact: SeatChanged) -> None:
        entry = self._entry(fact.sequencer_id)
        total = self._total.last - entry.seat.last[1] + fact.power
        if fact.total_power != total or not 0 <= fact.power <= MAX_POWER:
            raise InconsistentFacts(
                f"L1 block {block}: sequencer {fact.sequencer_id} gets power {fact.power} and the "
                f"total becomes {fact.total_power}, but it would be {total}: an L1 endpoint left "
                "out or made up a log",
                l1_block=block,
            )
        owner = self._owners.setdefault(fact.signer, (fact.sequencer_id, block))[0]
        if owner != fact.sequencer_id and fact.signer != ZERO_ADDRESS:
            raise InconsistentFacts(
                f"L1 block {block}: signer 0x{fact.signer.hex()} of sequencer {owner} turns up at "
                f"sequencer {fact.sequencer_id}: an L1 endpoint left out or made up a log",
                l1_block=block,
            )
        entry.seat.set(block, (fact.signer, fact.power))
        self._total.set(block, total)

    def _entry(self, sequencer_id: int) -> _Entry:
        return self._entries.setdefault(sequencer_id, _Entry())

    # --- asking --------------------------------------------------------------------------------

    def validators_at(self, block: int) -> tuple[Validator, ...]:
        """Those with power after `block`, by id."""
        self._require_seen(block)
        found: list[Validator] = []
        for sequencer_id in sorted(self._entries):
            signer, power = self._entries[sequencer_id].seat.at(block)
            if power:
                found.append(Validator(sequencer_id=sequencer_id, signer=signer, power=power))
        return tuple(found)

    def total_power_at(self, block: int) -> int:
        self._require_seen(block)
        return self._total.at(block)

    def seat_at(self, sequencer_id: int, block: int) -> Seat:
        """Signer and power, as the contract's `seatAt`; zeros for an id without a seat."""
        self._require_seen(block)
        entry = self._entries.get(sequencer_id)
        return entry.seat.at(block) if entry is not None else VACANT

    def sequencer_at(self, sequencer_id: int, block: int) -> Sequencer | None:
        """None where nothing was ever said of this id up to `block`."""
        self._require_seen(block)
        entry = self._entries.get(sequencer_id)
        if entry is None:
            return None
        signer, power = entry.seat.at(block)
        stake = entry.stake.at(block)
        if stake is None and signer == ZERO_ADDRESS:
            return None
        return Sequencer(
            sequencer_id=sequencer_id,
            signer=signer,
            power=power,
            status=stake.status if stake else Status.UNAVAILABLE,
            jailed=stake.jailed if stake else False,
            tombstoned=stake.tombstoned if stake else False,
            locked=stake.locked if stake else 0,
            unbonding=stake.unbonding if stake else 0,
        )

    def sequencers_at(self, block: int) -> tuple[Sequencer, ...]:
        """All that ever were, up to `block`, by id."""
        found = (self.sequencer_at(sequencer_id, block) for sequencer_id in sorted(self._entries))
        return tuple(sequencer for sequencer in found if sequencer is not None)

    def sequencer_of(self, signer: Address) -> int | None:
        """The id that a signer belongs to, for ever."""
        owner = self._owners.get(signer)
        return owner[0] if owner is not None else None

    def parameter_at(self, key: str, block: int) -> int | None:
        """None where governance never set it."""
        self._require_seen(block)
        history = self._parameters.get(key)
        return history.at(block) if history is not None else None

    def parameters_at(self, block: int) -> dict[str, int]:
        """All that were set, by name."""
        found = {key: self.parameter_at(key, block) for key in sorted(self._parameters)}
        return {key: value for key, value in found.items() if value is not None}

    def _require_seen(self, block: int) -> None:
        if block > self.block:
            raise UnseenL1Block(
                f"L1 block {block} has not been followed yet: the newest is {self.block}",
                l1_block=block,
            )


def feed(registry: Registry, blocks: Iterable[tuple[int, Sequence[Fact]]]) -> Registry:
    """Apply one block after the other, e.g. what the store has kept."""
    for number, facts in blocks:
        registry.apply(number, facts)
    return registry
