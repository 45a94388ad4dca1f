"""Gauges of the agreement and of the network, read when a scrape comes. Names and meanings are in
docs/operations.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from metis_node.engine.consensus.durations import Durations
from metis_node.network.counters import Counters
from metis_node.node.consensus_assembly import ConsensusParts
from metis_node.node.telemetry import Distribution, Facts, Labelled, Reading
from metis_node.rpc.backend import ConsensusView

CONSENSUS_GAUGES = {
    "metis_consensus_height": "Height that is agreed on",
    "metis_consensus_round": "Round of that height",
    "metis_consensus_epoch": "Epoch of that height",
    "metis_consensus_validators": "Validators of that epoch",
    "metis_consensus_is_active": "1 where this node holds the turn",
    "metis_consensus_is_validator": "1 where this node's key votes in this epoch",
    "metis_consensus_heights_decided": "Heights that this node agreed on itself",
    "metis_consensus_heights_taken": "Heights taken from peers by their certificates",
    "metis_consensus_rounds_failed": "Rounds that ended without a block",
    "metis_consensus_reselections": "Blocks that another built than whose turn it was",
    "metis_consensus_yields": "Turns that their sequencer let pass",
    "metis_consensus_timeouts": "Time-outs that ended a step of a round",
    "metis_consensus_blocks_unknown": "Proposed blocks that could not be judged here",
    "metis_consensus_messages_refused": "Messages that the agreement refused",
    "metis_consensus_abstained": "Messages that the signing history kept from being signed",
    "metis_consensus_messages_dropped": "Messages dropped because a queue was full",
    "metis_consensus_evidence": "Contradictions of validators that were seen",
    "metis_consensus_signing_stopped": "1 where this node stopped signing",
    "metis_consensus_votes": "Certificates of the last blocks that hold a vote of this sequencer",
    "metis_consensus_votes_window": "Blocks that metis_consensus_votes counts",
    "metis_consensus_block_bytes": "Size of the last decided block",
    "metis_consensus_gas_target": "Gas of transactions that a block of this node is offered",
    "metis_consensus_decide_seconds": "From a block's proposal to its certificate, as seen here",
    "metis_consensus_hand_over_seconds": "Time of heights whose turn went to another sequencer",
    "metis_consensus_journal_fsync_seconds": "Writes of the journal to disk",
    "metis_consensus_journal_fsync_longest_seconds": "The longest of them",
    "metis_sync_target": "Highest block that a peer says it has",
    "metis_sync_running": "1 while blocks are fetched from a peer",
}

NETWORK_GAUGES = {
    "metis_network_peers": "Connected peers",
    "metis_network_mesh": "Peers that gossip of a topic goes to",
    "metis_network_messages_in": "Messages received, by topic",
    "metis_network_messages_out": "Messages sent, by topic",
    "metis_network_bytes_in": "Bytes received, by topic",
    "metis_network_bytes_out": "Bytes sent, by topic",
    "metis_network_dropped_in": "Received messages dropped: the engine did not keep up",
    "metis_network_dropped_out": "Messages dropped before sending: the wire did not keep up",
    "metis_network_too_fast": "Messages above a peer's rate",
    "metis_network_malformed": "Messages that do not decode",
    "metis_network_fallbacks": "Direct messages that took gossip instead",
    "metis_network_requests_failed": "Requests to peers without an answer",
    "metis_network_bans": "Peers banned",
    "metis_network_refused_peers": "Peers refused at the handshake",
    "metis_network_restarts": "Restarts of the network",
}
_NETWORK_SUMS = (
    "malformed",
    "fallbacks",
    "requests_failed",
    "bans",
    "refused_peers",
    "restarts",
)
_BY_TOPIC = (
    "mesh",
    "messages_in",
    "messages_out",
    "bytes_in",
    "bytes_out",
    "dropped_in",
    "dropped_out",
    "too_fast",
)
_STEPS = ("propose", "prevote", "precommit")
_SUMS = (
    "heights_decided",
    "heights_taken",
    "rounds_failed",
    "reselections",
    "yields",
    "blocks_unknown",
    "messages_refused",
    "abstained",
    "evidence",
)


def consensus_gauges(agreement: ConsensusParts, view: ConsensusView) -> Facts:
    """The gauges of `CONSENSUS_GAUGES`."""

    def facts() -> Mapping[str, Reading]:
        story, sync = agreement.story, agreement.sync.status
        counts, dropped = story.counts, agreement.reception.dropped
        votes = Counter(voter for voters in story.voters for voter in voters)
        named = {f"metis_consensus_{name}": float(counts[name]) for name in _SUMS}
        steps = {step: float(counts[f"timeouts_{step}"]) for step in _STEPS}
        return {
            **_position(view),
            **named,
            "metis_consensus_timeouts": Labelled("step", steps),
            "metis_consensus_messages_dropped": float(counts["messages_dropped"] + dropped),
            "metis_consensus_signing_stopped": float(bool(agreement.host.stopped_signing)),
            "metis_consensus_votes": Labelled(
                "sequencer", {str(voter): float(count) for voter, count in sorted(votes.items())}
            ),
            "metis_consensus_votes_window": float(len(story.voters)),
            "metis_consensus_block_bytes": float(story.last_block_bytes),
            "metis_consensus_gas_target": float(agreement.host.gas_target),
            "metis_consensus_decide_seconds": _distribution(story.decisions),
            "metis_consensus_hand_over_seconds": _distribution(story.hand_overs),
            "metis_consensus_journal_fsync_seconds": _distribution(story.flushes),
            "metis_consensus_journal_fsync_longest_seconds": story.flushes.longest_s,
            "metis_sync_target": float(sync.target),
            "metis_sync_running": float(sync.is_syncing),
        }

    return facts


def network_gauges(agreement: ConsensusParts) -> Facts:
    """The gauges of `NETWORK_GAUGES`; none of them on a node without a network."""

    def facts() -> Mapping[str, Reading]:
        network = agreement.network
        if network is None:
            return {"metis_network_peers": 0.0}
        counters = network.stats()
        return {
            "metis_network_peers": float(len(network.peers())),
            **{f"metis_network_{name}": float(getattr(counters, name)) for name in _NETWORK_SUMS},
            **{f"metis_network_{name}": _by_topic(counters, name) for name in _BY_TOPIC},
        }

    return facts


def _position(view: ConsensusView) -> dict[str, Reading]:
    height, round_number = view.position()
    found: dict[str, Reading] = {
        "metis_consensus_height": float(height),
        "metis_consensus_round": float(round_number),
    }
    turn = view.turn()
    if turn is not None:
        order = turn.epoch.order
        is_validator = any(validator.signer == view.me for validator in order)
        found["metis_consensus_epoch"] = float(turn.epoch.number)
        found["metis_consensus_validators"] = float(len(order))
        found["metis_consensus_is_validator"] = float(is_validator)
        found["metis_consensus_is_active"] = float(turn.validator.signer == view.me)
    return found


def _by_topic(counters: Counters, name: str) -> Labelled:
    values = getattr(counters, name)
    return Labelled("topic", {topic.value: float(count) for topic, count in values.items()})


def _distribution(durations: Durations) -> Distribution:
    return Distribution(
        edges=durations.edges_s, counts=tuple(durations.counts), total=durations.total_s
    )
