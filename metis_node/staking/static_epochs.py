"""Epochs of a set that the genesis file names (rule E9 of `docs/protocol/staking.md`).

Its stake block is 0, and so is its seed block: randomness comes from the hash of block 0.
"""

from __future__ import annotations

from metis_node.staking.epochs import FIRST_EPOCH_START, Epoch, weighted_order
from metis_node.staking.seeds import epoch_seed
from metis_node.types.primitives import Hash32
from metis_node.types.rules import StaticSet


class StaticEpochs:
    """All of them are known from the start, but for who has not shown that it runs."""

    def __init__(self, static: StaticSet, *, chain_id: int, genesis_hash: Hash32) -> None:
        self._set = static
        self._chain_id = chain_id
        self._genesis_hash = genesis_hash

    def after(self, previous: Epoch | None) -> Epoch:
        """The next one."""
        return self.epoch(previous.number + 1 if previous is not None else 0)

    def epoch(self, number: int) -> Epoch:
        """By stake and randomness alone: before participation."""
        seed = epoch_seed(chain_id=self._chain_id, epoch=number, prev_randao=self._genesis_hash)
        length = self._set.epoch_length
        return Epoch(
            number=number,
            start=FIRST_EPOCH_START + number * length,
            length=length,
            stake_block=0,
            seed_block=0,
            seed=seed,
            order=weighted_order(seed, self._set.validators),
        )
