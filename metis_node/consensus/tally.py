"""Who voted what in a height, as far as the machine itself has to know: to see a vote again, to see
two that contradict, and to see a majority."""

from __future__ import annotations

from collections import Counter

from metis_node.consensus.members import Members
from metis_node.types.consensus import Vote, VoteKind
from metis_node.types.primitives import Address, Hash32

Place = tuple[VoteKind, int, Address]


class Tally:
    """Holds the first vote of each kind, round and sender: as many as the driver is told of."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._votes: dict[Place, Vote] = {}
        self._accused: set[Place] = set()
        self._power: Counter[tuple[VoteKind, int, Hash32]] = Counter()
        self._committed: set[Hash32] = set()

    def seen(self, vote: Vote) -> Vote | None:
        """The vote that stands in the place of this one."""
        return self._votes.get(_place(vote))

    def add(self, vote: Vote) -> None:
        self._votes[_place(vote)] = vote
        self._power[_kind(vote)] += self._members.power(vote.sender)
        if vote.kind is VoteKind.PRECOMMIT and self.has_quorum(vote):
            self._committed.add(vote.block_hash)

    def has_quorum(self, vote: Vote) -> bool:
        """Whether more than 2/3 of the power voted as `vote` does."""
        return self._members.is_quorum(self._power[_kind(vote)])

    def is_committed(self, block_hash: Hash32) -> bool:
        """Whether more than 2/3 of the power precommitted it in one round."""
        return block_hash in self._committed

    def accuse(self, vote: Vote) -> None:
        """Its sender contradicted itself in this place; once is enough."""
        self._accused.add(_place(vote))

    def is_accused(self, vote: Vote) -> bool:
        return _place(vote) in self._accused


def _place(vote: Vote) -> Place:
    return vote.kind, vote.round, vote.sender


def _kind(vote: Vote) -> tuple[VoteKind, int, Hash32]:
    return vote.kind, vote.round, vote.block_hash
