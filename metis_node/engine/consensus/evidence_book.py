"""Contradictions of validators that are known here: what the machine found, what others told."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metis_node.engine.consensus.reception import EvidenceArrived
from metis_node.engine.consensus.speech import Speech
from metis_node.engine.consensus.story import Story
from metis_node.types.consensus import Evidence
from metis_node.types.network import Offence

if TYPE_CHECKING:
    from metis_node.engine.consensus.ports import Gossip
    from metis_node.staking.epochs import EpochWindow

EVIDENCE_KEPT = 256


class EvidenceBook:
    """The newest of them, each once; what they cost is the business of L1. Event loop only."""

    def __init__(self, *, gossip: Gossip, speech: Speech, story: Story) -> None:
        self._gossip = gossip
        self._speech = speech
        self._story = story
        self._entries: deque[Evidence] = deque(maxlen=EVIDENCE_KEPT)

    @property
    def entries(self) -> Sequence[Evidence]:
        return self._entries

    def found(self, evidence: Evidence) -> None:
        """By the machine itself: the others are told."""
        if self._keep(evidence):
            self._speech.tell_evidence(evidence)

    def heard(self, item: EvidenceArrived, window: EpochWindow | None) -> None:
        """From a peer. What convicts no validator of this epoch or the last is worth nothing."""
        if window is None:
            return
        epochs = [window.current] if window.previous is None else [window.current, window.previous]
        signers = {validator.signer for epoch in epochs for validator in epoch.order}
        if item.evidence.sender in signers:
            self._keep(item.evidence)
        else:
            self._gossip.penalise(item.peer, Offence.FORGED)

    def _keep(self, evidence: Evidence) -> bool:
        """Whether it is new."""
        if evidence in self._entries:
            return False
        self._entries.append(evidence)
        self._story.evidence_seen(evidence)
        return True
