"""Which L1 blocks decide an epoch, checked against the sentence of the specification itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.hashes import keccak256
from metis_node.staking.seeds import SeedBlock, SeedBlocks, epoch_anchors, epoch_seed
from metis_node.types.primitives import Hash32

LAG_S = 100


def block(number: int, timestamp: int) -> SeedBlock:
    randao = Hash32(keccak256(number.to_bytes(8, "big")))
    return SeedBlock(number=number, timestamp=timestamp, prev_randao=randao)


def chain(genesis: int, times: list[int], interval: int) -> SeedBlocks:
    """All blocks from G on; `times[0]` is that of G."""
    blocks = SeedBlocks(genesis=block(genesis, times[0]), interval=interval)
    for offset, timestamp in enumerate(times[1:], 1):
        if blocks.wants(genesis + offset):
            blocks.add(block(genesis + offset, timestamp))
        blocks.seen(timestamp)
    return blocks


@given(
    genesis=st.integers(0, 20),
    steps=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    interval=st.integers(1, 7),
    previous_start_ms=st.integers(LAG_S * 1000, 1_000_000),
)
def test_anchors_are_what_the_specification_says(
    genesis: int, steps: list[int], interval: int, previous_start_ms: int
) -> None:
    times = [1]
    for step in steps:
        times.append(times[-1] + step)
    found = epoch_anchors(
        1,
        previous_start_ms=previous_start_ms,
        origin_max_lag_s=LAG_S,
        blocks=chain(genesis, times, interval),
    )
    limit_ms = previous_start_ms - LAG_S * 1000
    if times[-1] * 1000 <= limit_ms // 1000 * 1000:
        assert found is None  # L1 may still bring a newer one
        return
    young = [
        genesis + i
        for i, timestamp in enumerate(times)
        if timestamp * 1000 <= limit_ms and (genesis + i) % interval == 0
    ]
    k = max(young, default=0)
    assert found is not None
    assert found.seed_block.number == max(genesis, k)
    assert found.stake_block == max(genesis, k - interval)


def test_the_first_epoch_takes_both_from_the_genesis_block() -> None:
    blocks = chain(10, [5], 4)
    found = epoch_anchors(0, previous_start_ms=0, origin_max_lag_s=LAG_S, blocks=blocks)
    assert found is not None
    assert (found.stake_block, found.seed_block.number) == (10, 10)


def test_an_undone_block_gives_no_randomness() -> None:
    blocks = chain(0, [0, 10, 20, 30, 40, 50], 2)
    assert blocks.newest_until(45) == block(4, 40)
    assert [blocks.at(n) for n in (0, 2, 4)] == [block(0, 0), block(2, 20), block(4, 40)]
    assert [blocks.at(n) for n in (1, 3, 6)] == [None, None, None]
    blocks.undo_to(3, 30)
    assert blocks.newest_until(45) is None
    assert blocks.newest_until(25) == block(2, 20)
    other = SeedBlock(number=4, timestamp=41, prev_randao=Hash32(b"\x07" * 32))
    blocks.add(other)
    blocks.seen(60)
    assert blocks.newest_until(45) == other


@pytest.mark.parametrize("changed", ["chain_id", "epoch", "prev_randao"])
def test_the_seed_depends_on_chain_epoch_and_randomness(changed: str) -> None:
    arguments = {"chain_id": 1, "epoch": 2, "prev_randao": Hash32(b"\x03" * 32)}
    other = {**arguments, changed: Hash32(bytes(32)) if changed == "prev_randao" else 9}
    assert epoch_seed(**arguments) != epoch_seed(**other)  # type: ignore[arg-type]
    preimage = b"metis/epoch" + (1).to_bytes(32, "big") + (2).to_bytes(32, "big") + b"\x03" * 32
    assert epoch_seed(**arguments) == keccak256(preimage)  # type: ignore[arg-type]
