"""An epoch: its blocks, its validators in order, and whose turn each round is.

Everything follows from the arguments (consensus, "Epochs and the active sequencer"; rules E1 to E8
of `docs/protocol/staking.md`). Which L1 blocks decide is in `seeds.py`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from metis_node.codec.hashes import keccak256
from metis_node.staking.seeds import EpochAnchors, epoch_seed
from metis_node.types.epochs import EpochOpening, SequencingRecord, Validator
from metis_node.types.primitives import ZERO_HASH, Hash32

FIRST_EPOCH_START = 1  # block 0 is the genesis file's, nobody's turn
DEFAULT_LENGTH = 200
MIN_LENGTH = 64
MAX_LENGTH = 86_400
LEAST_WITNESSES = 2  # other builders without whom nobody is called absent
FIRST_VERSION = 1  # of the signing domain
LATE_HEIGHTS = 8  # votes of the last so many heights may be recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """`order` has the elected first, then the backups; empty where there never was a set.

    Seed block and seed are 0 where they are not known: only the chain told of the epoch."""

    number: int
    start: int
    length: int
    stake_block: int  # L1 block whose set and parameters hold
    seed_block: int  # L1 block that gave the randomness
    seed: Hash32
    order: tuple[Validator, ...]
    is_carried: bool = False  # the set had no power: the last one stays in place (E8)

    @property
    def end(self) -> int:
        """The last block."""
        return self.start + self.length - 1

    @property
    def opening(self) -> EpochOpening:
        """What its first block says of it."""
        return EpochOpening(
            epoch=self.number,
            length=self.length,
            stake_block=self.stake_block,
            version=FIRST_VERSION,
            order=self.order,
        )

    @property
    def total_power(self) -> int:
        return sum(validator.power for validator in self.order)

    @property
    def elected(self) -> Validator | None:
        return self.order[0] if self.order else None

    def base(self, height: int, parent_builder_index: int) -> int:
        """E6: 0 at the first block, else the index of the builder named in the parent's header."""
        assert self.start <= height <= self.end
        return 0 if height == self.start else parent_builder_index

    def proposer(self, base: int, round_number: int) -> Validator:
        """E7: whose turn a round is. Not to be asked of an epoch without validators."""
        return self.order[(base + round_number) % len(self.order)]

    def index_of(self, sequencer_id: int) -> int | None:
        """The builder index of a sequencer; None where it is no validator of this epoch."""
        for index, validator in enumerate(self.order):
            if validator.sequencer_id == sequencer_id:
                return index
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochWindow:
    """The epochs whose orders a block names: its own, and the one before it, of which votes may be
    late. `previous` is None for the first epoch."""

    current: Epoch
    previous: Epoch | None

    @property
    def seats(self) -> int:
        """Places of the bigger one."""
        return max(len(epoch.order) for epoch in (self.current, self.previous) if epoch is not None)

    def recordable(self, height: int) -> int:
        """How many heights below a block its record may name: those of the last 8, from block 1."""
        return min(LATE_HEIGHTS, height - FIRST_EPOCH_START)

    def order_at(self, height: int) -> tuple[Validator, ...]:
        """The places that votes for a height are counted by."""
        if height >= self.current.start:
            return self.current.order
        assert self.previous is not None
        return self.previous.order

    def record(
        self, height: int, *, place: int, participation: tuple[int, ...] = ()
    ) -> SequencingRecord:
        """What the block of a height says, built by `place`. Zeros at the end of `participation`
        are left out (K4)."""
        while participation and not participation[-1]:
            participation = participation[:-1]
        current = self.current
        return SequencingRecord(
            epoch=current.number,
            stake_block=current.stake_block,
            place=place,
            seats=self.seats,
            participation=participation,
            opening=current.opening if height == current.start else None,
        )


def epoch_of_opening(opening: EpochOpening, *, start: int) -> Epoch:
    """The epoch that a block opened, as far as the chain tells it: without its randomness."""
    return Epoch(
        number=opening.epoch,
        start=start,
        length=opening.length,
        stake_block=opening.stake_block,
        seed_block=0,
        seed=ZERO_HASH,
        order=opening.order,
    )


def epoch_length(parameter: int | None) -> int:
    """E1: what governance set, within its bounds; the default where it never did."""
    if parameter is None:
        return DEFAULT_LENGTH
    return min(max(parameter, MIN_LENGTH), MAX_LENGTH)


def make_epoch(
    *,
    number: int,
    chain_id: int,
    anchors: EpochAnchors,
    validators: Sequence[Validator],
    length: int,
    previous: Epoch | None,
    absent: Set[int] = frozenset(),
) -> Epoch:
    """The epoch after `previous`; None: the first.

    `validators` and `length` are those at the stake block; `absent` are ids that go behind (E5).
    """
    seed = epoch_seed(chain_id=chain_id, epoch=number, prev_randao=anchors.seed_block.prev_randao)
    stake_block, is_carried = anchors.stake_block, not validators
    if is_carried and previous is not None and previous.order:
        validators, length = previous.order, previous.length
        stake_block = previous.stake_block
    return Epoch(
        number=number,
        start=FIRST_EPOCH_START if previous is None else previous.start + previous.length,
        length=length,
        stake_block=stake_block,
        seed_block=anchors.seed_block.number,
        seed=seed,
        order=absent_last(weighted_order(seed, validators), absent),
        is_carried=is_carried,
    )


def weighted_order(seed: Hash32, validators: Sequence[Validator]) -> tuple[Validator, ...]:
    """E3: draws without replacement over the set by id; the i-th takes
    keccak256(seed ‖ uint256 i) mod the power that remains."""
    remaining = sorted(validators, key=lambda validator: validator.sequencer_id)
    power = sum(validator.power for validator in remaining)
    order: list[Validator] = []
    for index in range(len(remaining)):
        digest = keccak256(seed + index.to_bytes(32, "big"))
        drawn = remaining.pop(_seat_of(int.from_bytes(digest, "big") % power, remaining))
        order.append(drawn)
        power -= drawn.power
    return tuple(order)


def _seat_of(point: int, validators: Sequence[Validator]) -> int:
    """The index of the validator whose share of the line holds `point`."""
    for index, validator in enumerate(validators):
        if point < validator.power:
            return index
        point -= validator.power
    raise AssertionError("a point lies within the total power")


def absent_validators(
    validators: Sequence[Validator], *, builders: Set[int], named: Set[int]
) -> frozenset[int]:
    """E4: who has not shown that it runs. `builders` built a block of e-2 and e-1, `named` are whom
    a record there, in the block of another, names; by id, as `SequencerSet` keeps them."""
    return frozenset(
        validator.sequencer_id
        for validator in validators
        if validator.sequencer_id not in named
        and len(builders - {validator.sequencer_id}) >= LEAST_WITNESSES
    )


def absent_last(order: tuple[Validator, ...], absent: Set[int]) -> tuple[Validator, ...]:
    """E5: the absent go behind all others, in their order. If that is all of them, none goes."""
    present = tuple(v for v in order if v.sequencer_id not in absent)
    if not present:
        return order
    return present + tuple(v for v in order if v.sequencer_id in absent)
