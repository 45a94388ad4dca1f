"""How long a round's steps may take (consensus.md, "Time-outs")."""

from __future__ import annotations

from enum import IntEnum

from metis_node.types.rules import Timeouts


class Step(IntEnum):
    """What a time-out ends (the driver's numbers)."""

    PROPOSE = 0
    PREVOTE = 1
    PRECOMMIT = 2


def duration_ms(timeouts: Timeouts, step: Step, round_number: int) -> int:
    """Grows with the round up to the cap."""
    if step is Step.PROPOSE:
        wanted = timeouts.propose_ms + timeouts.propose_step_ms * round_number
    else:
        wanted = timeouts.vote_ms + timeouts.vote_step_ms * round_number
    return min(wanted, timeouts.cap_ms)
