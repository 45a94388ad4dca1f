"""How one height came about, as a node saw it: its rounds, why each ended, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass, field

from metis_node.types.epochs import Validator
from metis_node.types.primitives import Address

MAX_ROUNDS = 64  # told of one height; a chain that stood for hours had more
MAX_REMARKS = 16

YIELDED = "its sequencer let the turn pass"
INVALID = "its block is invalid"
NO_BLOCK = "no block came in time"
GONE = "its node is not connected any more"
UNJUDGED = "its block could not be judged in time"
NO_PREVOTES = "too few voted for its block in time"
NO_PRECOMMITS = "too few committed its block in time"
OTHERS_MOVED = "the others went on without this node"


@dataclass(slots=True)
class RoundTale:
    """Times are milliseconds after the height began here."""

    number: int
    proposer: Address
    entered_ms: int
    proposed_ms: int | None = None  # its proposal came, or was signed here
    ended: str = ""  # why it failed; empty for one that decided, or runs


@dataclass(slots=True)
class Tale:
    """`rounds` and `remarks` are bounded: the first of them are kept."""

    height: int
    epoch: int
    order: tuple[Validator, ...] = ()
    rounds: list[RoundTale] = field(default_factory=list)
    decided_round: int = -1
    signers: int = 0
    began_ms: int = 0  # of this process's clock
    took_ms: int = 0  # from the begin of the height here
    by_certificate: bool = False  # taken from a peer, not agreed on here
    remarks: list[str] = field(default_factory=list)

    @property
    def last(self) -> RoundTale | None:
        return self.rounds[-1] if self.rounds else None

    def remark(self, text: str) -> None:
        if text and text not in self.remarks and len(self.remarks) < MAX_REMARKS:
            self.remarks.append(text)

    def blame(self, round_number: int, reason: str) -> bool:
        """Say why a round failed; the first reason holds. False where there was one."""
        for told in self.rounds:
            if told.number == round_number and not told.ended:
                told.ended = reason
                return True
        return False

    def proposed(self, round_number: int, after_ms: int) -> None:
        for told in self.rounds:
            if told.number == round_number and told.proposed_ms is None:
                told.proposed_ms = after_ms

    def sequencer(self, signer: Address) -> int | None:
        """Its id; None for who is no validator here."""
        return next((one.sequencer_id for one in self.order if one.signer == signer), None)
