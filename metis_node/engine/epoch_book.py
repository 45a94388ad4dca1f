"""The epochs of this chain, from its own block times and from what was read of L1.

Keeps three numbers per epoch and computes the rest again when asked. The order here is that of
stake and randomness alone: on a chain with validators this is the plan that `ChainEpochs` follows
(`after`), which keeps the epochs itself and puts those behind who did not take part.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable

import structlog

from metis_node.engine.staking_book import StakingBook
from metis_node.errors import Temporary
from metis_node.staking.epochs import Epoch, epoch_length, make_epoch
from metis_node.staking.registry import Registry
from metis_node.staking.seeds import EpochAnchors, epoch_anchors

log = structlog.get_logger(__name__)

EPOCH_LENGTH = "epochLength"
MAX_CACHED = 64  # epochs; a node asks for the last few
MAX_STEPS = 1_024  # epochs computed in one call: half a second at most

TimeOf = Callable[[int], int | None]


class EpochBook:
    """`time_of` tells the time in ms of an L2 block that is stored; None: not yet."""

    def __init__(
        self, *, book: StakingBook, chain_id: int, origin_max_lag_s: int, time_of: TimeOf
    ) -> None:
        self._book = book
        self._chain_id = chain_id
        self._lag_s = origin_max_lag_s
        self._time_of = time_of
        self._starts = array("Q")  # first L2 blocks
        self._stakes = array("Q")  # stake blocks
        self._seeds = array("Q")  # seed blocks
        self._cache: OrderedDict[int, Epoch] = OrderedDict()

    @property
    def _registry(self) -> Registry:
        return self._book.registry

    def on_step(self) -> None:
        """To be called after each step of the staking follower: L1 may have taken blocks back."""
        while self._seeds and self._seeds[-1] > self._book.cursor.number:
            for column in (self._starts, self._stakes, self._seeds):
                column.pop()
            self._cache.pop(len(self._starts), None)

    def epoch(self, number: int) -> Epoch | None:
        """None where it is not decided yet: its anchors lie in blocks that are still to come."""
        if number not in self._cache and not self._reach(number):
            return None
        found = self._cache.get(number) or self._computed_again(number)
        return self._keep(found)

    def after(self, previous: Epoch | None) -> Epoch | None:
        """The epoch after one that the chain tells of, whatever came before; None: the first."""
        number = previous.number + 1 if previous is not None else 0
        anchors = self._anchors(number, previous)
        if anchors is None or anchors.stake_block > self._book.cursor.number:
            return None
        return self._made(number, anchors, previous)

    def newest(self) -> Epoch | None:
        """The newest that is decided: that of the head, or the one after it."""
        while self._reach(len(self._starts)):
            pass
        return self.epoch(len(self._starts) - 1) if self._starts else None

    def _reach(self, number: int) -> bool:
        """Go on until epoch `number` is known; False where that cannot be yet."""
        for _ in range(MAX_STEPS):
            if number < len(self._starts):
                return True
            if not self._step():
                return False
        raise Temporary(f"{len(self._starts)} epochs are computed so far: ask again")

    def _step(self) -> bool:
        number = len(self._starts)
        previous = self.epoch(number - 1) if number else None
        anchors = self._anchors(number, previous)
        if anchors is None or anchors.stake_block > self._book.cursor.number:
            return False
        found = self._made(number, anchors, previous)
        if found.is_carried:
            log.error(
                "an epoch has no validators of its own",
                epoch=number,
                stake_block=anchors.stake_block,
                validators=len(found.order),
            )
        self._starts.append(found.start)
        self._stakes.append(found.stake_block)
        self._seeds.append(found.seed_block)
        self._keep(found)
        return True

    def _anchors(self, number: int, previous: Epoch | None) -> EpochAnchors | None:
        if previous is None:
            seeds, start_ms = self._book.seeds, 0
            if self._book.cursor.number < seeds.genesis.number:
                return None
        else:
            known = self._time_of(previous.start)
            if known is None:
                return None
            seeds, start_ms = self._book.seeds, known
        return epoch_anchors(
            number, previous_start_ms=start_ms, origin_max_lag_s=self._lag_s, blocks=seeds
        )

    def _made(self, number: int, anchors: EpochAnchors, previous: Epoch | None) -> Epoch:
        length = self._registry.parameter_at(EPOCH_LENGTH, anchors.stake_block)
        return make_epoch(
            number=number,
            chain_id=self._chain_id,
            anchors=anchors,
            validators=self._registry.validators_at(anchors.stake_block),
            length=epoch_length(length),
            previous=previous,
        )

    def _computed_again(self, number: int) -> Epoch:
        """From the stake block that was decided on; that of a carried epoch is an earlier one."""
        start, stake_block = self._starts[number], self._stakes[number]
        seed_block = self._book.seeds.at(self._seeds[number])
        assert seed_block is not None
        anchors = EpochAnchors(stake_block=stake_block, seed_block=seed_block)
        found = self._made(number, anchors, None)
        own = max(self._book.seeds.genesis.number, seed_block.number - self._book.seeds.interval)
        return Epoch(
            number=number,
            start=start,
            length=found.length,
            stake_block=stake_block,
            seed_block=seed_block.number,
            seed=found.seed,
            order=found.order,
            is_carried=not found.order or own != stake_block,
        )

    def _keep(self, found: Epoch) -> Epoch:
        self._cache[found.number] = found
        self._cache.move_to_end(found.number)
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)
        return found
