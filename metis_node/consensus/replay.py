"""What a machine would have ordered while it reads a journal, kept until the end shows what of it
is still open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from metis_node.consensus.effects import (
    BuildBlock,
    Decide,
    Effect,
    Halt,
    ReportEvidence,
    ScheduleTimeout,
    Sign,
    ValidateBlock,
)
from metis_node.consensus.inputs import Verdict
from metis_node.types.consensus import Signed
from metis_node.types.primitives import Hash32


class Held:
    """Effects in their order; a `Sign` goes as its answer comes."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []

    def keep(self, effect: Effect) -> None:
        self._effects.append(effect)

    def answer(self, message: Signed) -> None:
        """The journal has the signature: nobody needs to be asked."""
        unsigned = Sign(message=replace(message, signature=b""))
        if unsigned in self._effects:
            self._effects.remove(unsigned)

    def left(
        self, *, round_number: int, verdicts: Mapping[Hash32, Verdict], built: Hash32 | None
    ) -> list[Effect]:
        """What is still to be performed, with the driver in `round_number`."""
        return [
            effect
            for effect in self._effects
            if _is_open(effect, round_number=round_number, verdicts=verdicts, built=built)
        ]


def _is_open(
    effect: Effect,
    *,
    round_number: int,
    verdicts: Mapping[Hash32, Verdict],
    built: Hash32 | None,
) -> bool:
    match effect:
        case Sign() | Decide() | Halt() | ReportEvidence():
            return True
        case ValidateBlock():
            return effect.proposal.block_hash not in verdicts
        case BuildBlock():
            return effect.round == round_number and built is None
        case ScheduleTimeout():
            return effect.round == round_number
        case _:
            return False
