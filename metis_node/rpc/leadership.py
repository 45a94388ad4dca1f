"""Whether this node builds the next block: what /leader and metis_activeSequencer answer from."""

from __future__ import annotations

from typing import Any

from metis_node.engine.consensus.turns import Turn
from metis_node.rpc import views
from metis_node.rpc.backend import Backend, ConsensusView

Json = dict[str, Any]


def turn_view(view: ConsensusView, turn: Turn) -> Json:
    """The active sequencer, and the block that it is about to build."""
    validator = turn.validator
    return {
        "id": hex(validator.sequencer_id),
        "signer": views.hex_data(validator.signer),
        "place": hex(turn.place),
        "epoch": hex(turn.epoch.number),
        "height": hex(turn.height),
        "isMe": validator.signer == view.me,
    }


def leadership(backend: Backend) -> Json:
    """`leader`, the active sequencer where there is one, and the reason where it is not this
    node."""
    view = backend.consensus
    if view is None:
        reason = "" if backend.builds_alone else "this node builds no blocks"
        return _answer(reason, None)
    turn = view.turn()
    return _answer(_reason(view, turn), turn_view(view, turn) if turn is not None else None)


def _answer(reason: str, active: Json | None) -> Json:
    return {"leader": not reason, "reason": reason or None, "active": active}


def _reason(view: ConsensusView, turn: Turn | None) -> str:
    if view.me is None:
        return "this node has no signer key: it watches"
    if view.stopped_signing():
        return f"this node does not sign: {view.stopped_signing()}"
    if turn is None:
        return "the next epoch is not decided by L1 yet"
    if turn.validator.signer != view.me:
        return f"it is the turn of sequencer {turn.validator.sequencer_id}"
    if view.position()[0] == 0:
        return "this node has not joined the agreement yet"
    return ""
