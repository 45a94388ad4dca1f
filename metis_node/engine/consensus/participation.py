"""Whose precommits this node holds for the last blocks: what it records when it builds, and what it
holds the records of others against.

A record names votes that were really cast: each is proven by a signature that is known here, or
that comes with the proposal (rule C20).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from metis_node.staking.epochs import LATE_HEIGHTS
from metis_node.types.consensus import Certificate, Vote, VoteKind
from metis_node.types.epochs import Validator
from metis_node.types.primitives import Address, Hash32


@dataclass(slots=True)
class _Height:
    block_hash: Hash32
    places: dict[Address, int]
    votes: dict[int, Vote] = field(default_factory=dict)  # by place
    recorded: int = 0  # bits of the places that blocks name


class PrecommitBook:
    """Of the last eight heights. Event loop only."""

    def __init__(self) -> None:
        self._heights: OrderedDict[int, _Height] = OrderedDict()

    def on_decided(
        self, certificate: Certificate, order: Sequence[Validator], participation: Sequence[int]
    ) -> None:
        """A block was decided: `order` is that of its epoch, `participation` what it records."""
        number = certificate.height
        for index, places in enumerate(participation):
            known = self._heights.get(number - 1 - index)
            if known is not None:
                known.recorded |= places
        self._heights[number] = _Height(
            block_hash=certificate.block_hash,
            places={validator.signer: place for place, validator in enumerate(order)},
        )
        for entry in certificate.signatures:
            self.add(
                Vote(
                    kind=VoteKind.PRECOMMIT,
                    height=number,
                    round=certificate.round,
                    block_hash=certificate.block_hash,
                    sender=entry.signer,
                    signature=entry.signature,
                )
            )
        while len(self._heights) > LATE_HEIGHTS:
            self._heights.popitem(last=False)

    def add(self, vote: Vote) -> bool:
        """Keep a precommit for a decided block; False where it is none, or known."""
        known = self._heights.get(vote.height)
        if known is None or vote.kind is not VoteKind.PRECOMMIT:
            return False
        place = known.places.get(vote.sender)
        if place is None or vote.block_hash != known.block_hash or place in known.votes:
            return False
        known.votes[place] = vote
        return True

    def record(self, number: int) -> tuple[tuple[int, ...], tuple[Vote, ...]]:
        """What block `number` shall record, and the votes that prove it: all that no block has
        recorded yet."""
        participation: list[int] = []
        proofs: list[Vote] = []
        for height in range(number - 1, number - 1 - LATE_HEIGHTS, -1):
            known = self._heights.get(height)
            fresh = 0
            for place, vote in sorted(known.votes.items()) if known is not None else ():
                if not known.recorded >> place & 1:  # type: ignore[union-attr]
                    fresh |= 1 << place
                    proofs.append(vote)
            participation.append(fresh)
        while participation and not participation[-1]:
            participation.pop()
        return tuple(participation), tuple(proofs)

    def completed(self, votes: Iterable[Vote]) -> list[Vote]:
        """Attached votes name no block: put in the decided one. Those of other heights, and those
        that are known here already, are left out."""
        wanted: list[Vote] = []
        for vote in votes:
            known = self._heights.get(vote.height)
            if known is None:
                continue
            if any(vote.signature == other.signature for other in known.votes.values()):
                continue
            wanted.append(replace(vote, block_hash=known.block_hash))
        return wanted

    def unproven(self, number: int, participation: Sequence[int]) -> str:
        """Why the record of block `number` cannot be believed; empty where all of it is proven."""
        for index, places in enumerate(participation):
            known = self._heights.get(number - 1 - index)
            if known is None:
                if places:
                    return f"the votes for block {number - 1 - index} are not known here"
                continue
            missing = places & ~known.recorded & ~sum(1 << place for place in known.votes)
            if missing:
                place = missing.bit_length() - 1
                return f"nothing proves that place {place} precommitted block {number - 1 - index}"
        return ""
