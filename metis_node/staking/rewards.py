"""What an epoch pays and costs its sequencers: the same numbers as `EpochRewards` on L1.

Rules R1 to R6 of `docs/protocol/settlement.md`, which the comments cite. A fixture of random epochs
that this module wrote is checked by the Solidity library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metis_node.codec.hashes import keccak256
from metis_node.types.primitives import Hash32

ONE = 10_000
LEAK = 3  # with a third of the votes missing, a missed vote costs double


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencerRecord:
    """What one sequencer did in an epoch (`EpochRecord.sol`)."""

    sequencer_id: int
    blocks_built: int
    turns_missed: int
    votes_recorded: int
    block_pay: int  # sum over paid blocks of the power whose votes it recorded, in 1/10,000


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """In the order of the epoch, the elected first."""

    start: int
    end: int
    stake_block: int
    sequencers: tuple[SequencerRecord, ...]

    @property
    def heights(self) -> int:
        return self.end + 1 - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Parameters at the stake block, wei of METIS."""

    per_block: int
    per_vote: int
    per_miss: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What one sequencer gets and pays, wei of METIS."""

    sequencer_id: int
    credit: int
    fine: int

    def owed_after(self, owed: int) -> int:
        """R5: credits are booked first, and fines never take more than what is owed."""
        return max(owed + self.credit - self.fine, 0)


def settle_epoch(
    record: EpochRecord, *, powers: Sequence[int], total: int, rates: Rates
) -> tuple[Settled, ...]:
    """`powers` at the stake block in the record's order, `total` of all that have any then.

    Nobody is paid or fined where the total is 0: a static set, which no pool knows.
    """
    assert len(powers) == len(record.sequencers)
    if total == 0:
        return tuple(
            Settled(sequencer_id=done.sequencer_id, credit=0, fine=0) for done in record.sequencers
        )
    factor = fine_factor(record, powers=powers, total=total)
    pay_left = ONE * record.heights
    settled: list[Settled] = []
    for done, power in zip(record.sequencers, powers, strict=True):
        credit = fine = 0
        if power:  # R6
            pay = min(done.block_pay, pay_left)  # R2
            pay_left -= pay
            votes = _votes(done, record)
            credit = rates.per_block * pay // ONE + rates.per_vote * votes * power // total  # R3
            missed = record.heights - votes
            fine = rates.per_miss * missed * power * factor // (total * ONE)  # R5
        settled.append(Settled(sequencer_id=done.sequencer_id, credit=credit, fine=fine))
    return tuple(settled)


def fine_factor(record: EpochRecord, *, powers: Sequence[int], total: int) -> int:
    """R4, in 1/10,000: 1 with all votes there, more the more are missing."""
    recorded = sum(
        _votes(done, record) * power for done, power in zip(record.sequencers, powers, strict=True)
    )
    participation = min(ONE * recorded // (record.heights * total), ONE)
    return ONE + LEAK * (ONE - participation)


def record_hash(epoch: int, record: EpochRecord) -> Hash32:
    """keccak256(abi.encode(uint256(epoch), record)), as `SequencerSet` stores it (S4)."""
    words = [epoch, 64, record.start, record.end, record.stake_block, 128, len(record.sequencers)]
    for done in record.sequencers:
        words += [done.sequencer_id, done.blocks_built, done.turns_missed]
        words += [done.votes_recorded, done.block_pay]
    return Hash32(keccak256(b"".join(word.to_bytes(32, "big") for word in words)))


def closed_record(data: bytes) -> EpochRecord:
    """The record in the data of the event `EpochClosed(epoch, recordHash, record)`."""
    words = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
    start, end, stake_block, _, count, *rows = words[2:]
    assert len(rows) == 5 * count, "the event is the contract's own"
    return EpochRecord(
        start=start,
        end=end,
        stake_block=stake_block,
        sequencers=tuple(
            SequencerRecord(
                sequencer_id=rows[at],
                blocks_built=rows[at + 1],
                turns_missed=rows[at + 2],
                votes_recorded=rows[at + 3],
                block_pay=rows[at + 4],
            )
            for at in range(0, len(rows), 5)
        ),
    )


def _votes(done: SequencerRecord, record: EpochRecord) -> int:
    return min(done.votes_recorded, record.heights)  # R1
