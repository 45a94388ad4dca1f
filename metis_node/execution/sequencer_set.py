"""What the predeploy `SequencerSet` keeps, read from its storage without executing anything.

The places are those of `contracts/storage-layouts.txt`; a test compares them with the contract's
own answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.codec.hashes import keccak256
from metis_node.codec.sequencer_transactions import SEQUENCER_SET
from metis_node.execution.engine import Engine
from metis_node.staking.rewards import EpochRecord, SequencerRecord
from metis_node.types.primitives import Hash32

ENTRIES = 0
RECORDS = 1
HEAD = 2
BOOKS = 3  # two, by the parity of the epoch
BOOK_SLOTS = 7
NAMED_LATE = 25

# Within a book.
BUILT = 1
NAMED = 2
MEMBERS = 3
TALLIES = 4
VOTES = 6
VOTES_PER_WORD = 8

U32 = (1 << 32) - 1
U64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where an epoch lies."""

    start: int
    end: int
    stake_block: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """Of the last block's epoch and the one before it: ids."""

    builders: frozenset[int]  # who built a block
    named: frozenset[int]  # whom a record names, in a block of another


class SequencerSetState:
    """The storage as of one block: the head, or one whose state is still kept."""

    def __init__(self, engine: Engine, at: int) -> None:
        self._engine = engine
        self._at = at

    def entry(self, epoch: int) -> Entry | None:
        """None where the epoch has not begun."""
        word = self._word(_place(epoch, ENTRIES))
        if not word:
            return None
        return Entry(
            start=word & U64,
            end=word >> 64 & U64,
            stake_block=word >> 128 & U64,
            version=word >> 192,
        )

    def record(self, epoch: int) -> EpochRecord | None:
        """What the sequencers of an epoch did up to this block; None where it is kept no more."""
        book, entry = BOOKS + BOOK_SLOTS * (epoch & 1), self.entry(epoch)
        if entry is None or self._word(book) & U64 != epoch:
            return None
        done = tuple(
            self._record_of(book, place) for place in range(self._word(book) >> 128 & 0xFFFF)
        )
        return EpochRecord(
            start=entry.start, end=entry.end, stake_block=entry.stake_block, sequencers=done
        )

    def record_hash(self, epoch: int) -> Hash32 | None:
        """Of the closed record; None while it is open."""
        word = self._word(_place(epoch, RECORDS))
        return Hash32(word.to_bytes(32, "big")) if word else None

    def participation(self) -> Participation:
        """What decides who is absent in the next epoch (E4)."""
        current = self._word(HEAD) & U64
        earliest = max(current - 1, 0)
        builders: set[int] = set()
        named: set[int] = set()
        for epoch in range(earliest, current + 1):
            book = BOOKS + BOOK_SLOTS * (epoch & 1)
            built, seen = self._word(book + BUILT), self._word(book + NAMED)
            for place, sequencer_id in enumerate(self._members(book)):
                if built >> place & 1:
                    builders.add(sequencer_id)
                late = self._word(_place(sequencer_id, NAMED_LATE))
                if seen >> place & 1 or late > earliest:
                    named.add(sequencer_id)
        return Participation(builders=frozenset(builders), named=frozenset(named))

    def _record_of(self, book: int, place: int) -> SequencerRecord:
        tally = self._word(_place(place, book + TALLIES))
        votes = self._word(_place(place // VOTES_PER_WORD, book + VOTES))
        return SequencerRecord(
            sequencer_id=tally & U64,
            blocks_built=tally >> 64 & U32,
            turns_missed=tally >> 96 & U32,
            votes_recorded=votes >> 32 * (place % VOTES_PER_WORD) & U32,
            block_pay=tally >> 128 & U64,
        )

    def _members(self, book: int) -> list[int]:
        size = self._word(book) >> 128 & 0xFFFF
        return [self._word(_place(place, book + MEMBERS)) & U64 for place in range(size)]

    def _word(self, slot: int) -> int:
        value = self._engine.storage(SEQUENCER_SET, slot.to_bytes(32, "big"), self._at)
        return int.from_bytes(value, "big")


def _place(key: int, slot: int) -> int:
    """Where a mapping in `slot` has the value of a key."""
    return int.from_bytes(keccak256(key.to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")
