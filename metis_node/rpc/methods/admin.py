"""admin_: orders of the operator. Served only where `rpc.namespaces` names it."""

from __future__ import annotations

from typing import Any

from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal
from metis_node.rpc.backend import Backend, ConsensusView
from metis_node.rpc.errors import REFUSED
from metis_node.rpc.leadership import turn_view
from metis_node.rpc.method import Method
from metis_node.rpc.session import Session


class Admin:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def methods(self) -> list[Method]:
        return [Method("admin_yield", self.yield_turn)]

    def yield_turn(self, params: list[Any], session: Session) -> Any:
        """Hand the pen on: this node lets its turn pass, the next in order builds. Refused where it
        is not this node's turn. Returns the turn that is given away."""
        hexadecimal.reject_more(params, 0)
        _reject_page(session)
        view = self._signing()
        turn = view.turn()
        if turn is None:
            raise _refused("the next epoch is not decided yet: nobody holds the pen")
        if turn.validator.signer != view.me:
            other = turn.validator.sequencer_id
            raise _refused(f"sequencer {other} holds the pen, not this node: nothing to hand on")
        if len(turn.epoch.order) == 1:
            raise _refused("this node is the only validator: there is nobody to hand the pen to")
        view.yield_turn()
        return turn_view(view, turn)

    def _signing(self) -> ConsensusView:
        view = self._backend.consensus
        if view is None:
            raise _refused("this chain has no validators: its one sequencer holds no turn")
        if view.me is None:
            raise _refused("this node has no signer key: it watches, and holds no turn")
        if view.stopped_signing():
            raise _refused(f"this node does not sign: {view.stopped_signing()}")
        return view


def _reject_page(session: Session) -> None:
    """Any page in the operator's browser can reach a node on this machine."""
    if session.is_page:
        raise _refused("admin_ methods are not for web pages: call without an Origin header")


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(reason, code=REFUSED)
