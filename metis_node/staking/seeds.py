"""Which L1 blocks decide an epoch: the one that gives the randomness, and the one before it that
fixes the set (consensus, "Epochs and the active sequencer"; rules S1 to S4 of
`docs/protocol/staking.md`).

Both follow from times that were agreed on two epochs earlier, so nobody can name them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from metis_node.codec.hashes import keccak256
from metis_node.types.primitives import Hash32

SEED_DOMAIN = b"metis/epoch"
SEED_INTERVAL = 256  # L1 blocks; divides the randomness of Ethereum into steps of 51 minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedBlock:
    """An L1 block that may give randomness."""

    number: int
    timestamp: int  # seconds
    prev_randao: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochAnchors:
    """S3 and S4."""

    stake_block: int
    seed_block: SeedBlock


class SeedBlocks:
    """The genesis block G of the set, and every later L1 block whose number `interval` divides."""

    def __init__(self, *, genesis: SeedBlock, interval: int = SEED_INTERVAL) -> None:
        self.genesis = genesis
        self.interval = interval
        self._blocks: list[SeedBlock] = []
        self._times: list[int] = []
        self._newest_time = genesis.timestamp  # of the newest L1 block that was seen

    def wants(self, number: int) -> bool:
        """Whether a block of this number may give randomness."""
        return number > self.genesis.number and number % self.interval == 0

    def add(self, block: SeedBlock) -> None:
        assert self.wants(block.number)
        assert not self._blocks or block.number == self._blocks[-1].number + self.interval
        self._blocks.append(block)
        self._times.append(block.timestamp)

    def seen(self, timestamp: int) -> None:
        """All L1 blocks up to one with this timestamp have been looked at."""
        self._newest_time = timestamp

    def undo_to(self, number: int, timestamp: int) -> None:
        """Forget what is above an L1 block, which has this timestamp."""
        while self._blocks and self._blocks[-1].number > number:
            self._blocks.pop()
            self._times.pop()
        self._newest_time = timestamp

    def at(self, number: int) -> SeedBlock | None:
        """The seed block of this number."""
        if number == self.genesis.number:
            return self.genesis
        first = self._blocks[0].number if self._blocks else number + 1
        index, rest = divmod(number - first, self.interval)
        found = not rest and 0 <= index < len(self._blocks)
        return self._blocks[index] if found else None

    def numbers_after(self, number: int) -> list[int]:
        """Seed blocks above an L1 block, and G if it is; rising. Any of them may fix a set."""
        found = [block.number for block in self._blocks if block.number > number]
        return [self.genesis.number, *found] if self.genesis.number > number else found

    def newest_until(self, timestamp: int) -> SeedBlock | None:
        """max(G, K): the newest one with at most this timestamp (S2). None: not decided yet, since
        L1 may still bring another."""
        if self._newest_time <= timestamp:
            return None
        index = bisect_right(self._times, timestamp)
        return self._blocks[index - 1] if index else self.genesis


def epoch_anchors(
    epoch: int, *, previous_start_ms: int, origin_max_lag_s: int, blocks: SeedBlocks
) -> EpochAnchors | None:
    """Stake block and seed block of an epoch; `previous_start_ms` is the time of the first block
    of the epoch before. None while L1 has not shown enough.
    """
    genesis = blocks.genesis
    if epoch == 0:
        return EpochAnchors(stake_block=genesis.number, seed_block=genesis)
    newest = (previous_start_ms - origin_max_lag_s * 1000) // 1000
    chosen = blocks.newest_until(newest)
    if chosen is None:
        return None
    stake_block = max(genesis.number, chosen.number - blocks.interval)
    return EpochAnchors(stake_block=stake_block, seed_block=chosen)


def epoch_seed(*, chain_id: int, epoch: int, prev_randao: Hash32) -> Hash32:
    """S5: keccak256("metis/epoch" ‖ chain id ‖ epoch ‖ prevRandao), numbers as uint256."""
    return Hash32(
        keccak256(
            SEED_DOMAIN + chain_id.to_bytes(32, "big") + epoch.to_bytes(32, "big") + prev_randao
        )
    )
