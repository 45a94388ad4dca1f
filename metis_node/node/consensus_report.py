"""What people see of the agreement: the view of the RPC, and what keeps a node from being ready."""

from __future__ import annotations

from metis_node.engine.consensus.stored_certificates import stored_certificate
from metis_node.engine.consensus.turns import next_turn
from metis_node.node.assembly import ChainParts
from metis_node.node.consensus_assembly import ConsensusParts, signing_domain
from metis_node.rpc.backend import Check, ConsensusView

BEHIND_BLOCKS = 5  # that peers may be ahead before this node is not ready


def consensus_view(parts: ChainParts, agreement: ConsensusParts) -> ConsensusView:
    """The RPC's view."""
    chain, epochs, host = parts.blockchain, parts.epochs, agreement.host
    assert epochs is not None
    domain = signing_domain(chain.rules)
    return ConsensusView(
        me=host.me,
        turn=lambda: next_turn(chain, epochs),
        position=lambda: host.position,
        stopped_signing=lambda: host.stopped_signing,
        sync=lambda: agreement.sync.status,
        evidence=lambda: tuple(host.evidence),
        tale=agreement.story.tale,
        certificate=lambda number: stored_certificate(chain, domain, number),
        yield_turn=host.yield_turn,
        announced=lambda: agreement.announcements.known,
    )


def peer_count(agreement: ConsensusParts | None) -> int:
    """Connected peers of the same chain."""
    network = agreement.network if agreement is not None else None
    return len(network.peers()) if network is not None else 0


def consensus_checks(parts: ChainParts, agreement: ConsensusParts | None) -> tuple[Check, ...]:
    """None on a chain without validators."""
    if agreement is None:
        return ()
    view = consensus_view(parts, agreement)
    return (
        Check(name="agreement", problem=lambda: _agreement_problem(view)),
        Check(name="peers", problem=lambda: _peers_problem(view, agreement)),
        Check(name="sync", problem=lambda: _sync_problem(parts, view)),
    )


def _agreement_problem(view: ConsensusView) -> str | None:
    if view.stopped_signing():
        return f"this node does not sign any more: {view.stopped_signing()}"
    if view.turn() is None:
        return "the chain waits: L1 does not decide the next epoch yet (see metis_l1Status)"
    if view.position()[0] == 0:
        return "this node listens whether its key signs elsewhere, and has not joined yet"
    return None


def _peers_problem(view: ConsensusView, agreement: ConsensusParts) -> str | None:
    turn = view.turn()
    others = [v for v in turn.epoch.order if v.signer != view.me] if turn is not None else []
    if not others or peer_count(agreement):
        return None
    if agreement.network is None:
        return f"{len(others)} other validators, but network.enabled is off: nobody is heard"
    return (
        f"no peer is connected of {len(others)} other validators: look at network.bootstrap, the "
        "port, and the log for refusals"
    )


def _sync_problem(parts: ChainParts, view: ConsensusView) -> str | None:
    sync, head = view.sync(), parts.blockchain.head.number
    if sync.target - head <= BEHIND_BLOCKS:
        return None
    doing = f"fetching from {sync.peer}" if sync.is_syncing else "nobody serves the next block"
    return f"{sync.target - head} blocks behind block {sync.target}: {doing}"
