"""What people see of the agreement: the view of the RPC, and what keeps a node from being ready."""

from __future__ import annotations

from metis_node.engine.consensus.stored_certificates import stored_certificate
from metis_node.engine.consensus.turns import next_turn
from metis_node.node.assembly import ChainParts
from metis_node.node.consensus_assembly import ConsensusParts, signing_domain
from metis_node.rpc.backend import ConsensusView


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
    )


def peer_count(agreement: ConsensusParts | None) -> int:
    """Connected peers of the same chain."""
    network = agreement.network if agreement is not None else None
    return len(network.peers()) if network is not None else 0
