"""What it gains to choose what one may choose, measured. The gain is (chance with - chance without)
/ chance without, of being elected; it must stay below 1 %.

**A builder** can vary the time of the first block of epoch e-1, which decides K(e): later by at
most the propose time-out, or the round fails. It knows the randomness of all seed blocks that it
may reach, because they are hours old. So it has a choice in those epochs in which that delay
crosses the time of a seed block, 3,072 s apart on Ethereum, and there it takes the better of two
orders. The tests give it every first block (in truth: its share of them) and the longest time-out.

**A staker** can vary what it has locked, over how many ids, at which ids. All of it is fixed 256 L1
blocks before the randomness exists. The test gives it the orders of all past epochs to learn from.

**A proposer of L1** who also stakes can leave out its block right before a seed block and so takes
the better of two. That is Ethereum's own grinding, costs it the block, and is bounded by its share
of Ethereum's stake; measured for one of 1 % (about 350,000 ETH).
"""

from __future__ import annotations

from collections.abc import Callable

from metis_node.codec.hashes import keccak256
from metis_node.staking.epochs import weighted_order
from metis_node.staking.validators import Validator
from metis_node.types.primitives import Address, Hash32

GAIN_LIMIT = 0.01
CHOICES = 20_000
EPOCHS = 100_000
SEED_SPACING_S = 256 * 12
LONGEST_TIMEOUT_S = 30  # no time-out grows past it; in round 0 it is 1 s
L1_SHARE = 0.01

POWERS = (20_000, 100_000, 30_000, 60_000, 40_000, 50_000)
MINE = 2  # a third of the power, the share that can stop the chain anyway


def line(*powers: int) -> tuple[Validator, ...]:
    return tuple(
        Validator(sequencer_id=i, signer=Address(i.to_bytes(20, "big")), power=power)
        for i, power in enumerate(powers, 1)
    )


def randomness(number: int, option: int) -> Hash32:
    return Hash32(keccak256(b"grinding %d %d" % (number, option)))


def elected(seed: Hash32, chosen: tuple[Validator, ...]) -> int:
    return weighted_order(seed, chosen)[0].sequencer_id


def gain_of_one_choice() -> float:
    """Of taking the better of two seeds, where there is the choice."""
    chosen = line(*POWERS)
    wins_without = wins_with = 0
    for number in range(CHOICES):
        first = elected(randomness(number, 0), chosen) == MINE
        wins_without += first
        wins_with += first or elected(randomness(number, 1), chosen) == MINE
    return (wins_with - wins_without) / wins_without


def test_a_builder_who_shifts_its_block_gains_less_than_a_percent() -> None:
    gain = gain_of_one_choice() * LONGEST_TIMEOUT_S / SEED_SPACING_S
    assert 0 < gain < GAIN_LIMIT, gain


def test_an_l1_proposer_of_a_hundredth_gains_less_than_a_percent() -> None:
    gain = gain_of_one_choice() * L1_SHARE
    assert 0 < gain < GAIN_LIMIT, gain


# The same 100,000 of stake, locked in different ways; a layout names what is mine.
Layout = tuple[tuple[Validator, ...], frozenset[int]]
LAYOUTS: tuple[Layout, ...] = (
    (line(20_000, 100_000, 30_000, 60_000, 40_000, 50_000), frozenset({2})),
    (line(100_000, 20_000, 30_000, 60_000, 40_000, 50_000), frozenset({1})),
    (line(20_000, 20_000, 30_000, 60_000, 40_000, 50_000, 80_000), frozenset({2, 7})),
    (line(50_000, 20_000, 30_000, 60_000, 40_000, 50_000, 50_000), frozenset({1, 7})),
)


Strategy = Callable[[list[int]], int]


def wins_of(*strategies: Strategy) -> list[int]:
    """Play all epochs; a strategy sees how often each layout would have won so far."""
    would_have_won = [0] * len(LAYOUTS)
    wins = [0] * len(strategies)
    for number in range(EPOCHS):
        picked = [choose(would_have_won) for choose in strategies]
        seed = randomness(number, 2)
        won = [elected(seed, chosen) in mine for chosen, mine in LAYOUTS]
        would_have_won = [count + now for count, now in zip(would_have_won, won, strict=True)]
        wins = [count + won[index] for count, index in zip(wins, picked, strict=True)]
    return wins


def test_a_staker_who_learns_from_the_past_gains_less_than_a_percent() -> None:
    fair = EPOCHS / 3
    for wins in wins_of(lambda won: won.index(max(won)), lambda won: won.index(min(won))):
        assert abs(wins - fair) / fair < GAIN_LIMIT
