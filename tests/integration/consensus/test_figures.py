"""Metrics and readiness of an agreement that runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import generate_latest

from metis_node.engine.chain_epochs import chain_epochs
from metis_node.engine.consensus.sync import SyncStatus
from metis_node.network.counters import Counters
from metis_node.node.consensus_metrics import (
    CONSENSUS_GAUGES,
    NETWORK_GAUGES,
    consensus_gauges,
    network_gauges,
)
from metis_node.node.consensus_report import consensus_checks, consensus_view
from metis_node.node.telemetry import Labelled, Telemetry
from metis_node.rpc.app import readiness_problems
from tests.integration.consensus.village import Villager, village


class Network:
    """As many peers as a test wants."""

    def __init__(self, peers: int) -> None:
        self._peers = peers

    def peers(self) -> Sequence[int]:
        return range(self._peers)

    def stats(self) -> Counters:
        return Counters(bans=3)


def parts_of(villager: Villager) -> Any:
    return SimpleNamespace(blockchain=villager.chain, epochs=chain_epochs(villager.chain))


def agreement_of(villager: Villager, *, network: Network | None) -> Any:
    return SimpleNamespace(
        host=villager.host,
        story=villager.story,
        sync=villager.sync,
        reception=villager.reception,
        network=network,
    )


def problems(villager: Villager, *, network: Network | None) -> dict[str, str]:
    checks = consensus_checks(parts_of(villager), agreement_of(villager, network=network))
    return readiness_problems(checks)


async def test_a_scrape_shows_the_agreement_and_the_network(tmp_path: Path) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(4)
        one = made.villagers["node-1"]  # type: ignore[index]
        agreement = agreement_of(one, network=Network(3))
        view = consensus_view(parts_of(one), agreement)
        facts, network = consensus_gauges(agreement, view)(), network_gauges(agreement)()
        assert set(facts) == set(CONSENSUS_GAUGES)
        assert set(network) == set(NETWORK_GAUGES)
        assert facts["metis_consensus_validators"] == 4
        assert facts["metis_consensus_heights_decided"] == one.story.counts["heights_decided"] > 0
        votes = facts["metis_consensus_votes"]
        assert isinstance(votes, Labelled)
        assert set(votes.values) <= {"1", "2", "3", "4"}
        assert sum(votes.values.values()) >= 3 * len(one.story.voters)
        telemetry = Telemetry()
        telemetry.watch(lambda: facts, CONSENSUS_GAUGES)
        telemetry.watch(lambda: network, NETWORK_GAUGES)
        text = generate_latest(telemetry.registry).decode()
        flushes = sum(one.story.flushes.counts)
        assert flushes > 0
        assert f"metis_consensus_journal_fsync_seconds_count {float(flushes)}" in text
        assert 'metis_consensus_journal_fsync_seconds_bucket{le="+Inf"}' in text
        assert 'metis_network_mesh{topic="votes"} 0.0' in text
        assert "metis_network_bans 3.0" in text
        assert 'metis_consensus_timeouts{step="propose"} 0.0' in text


async def test_a_node_in_the_agreement_is_ready_and_one_that_is_not_says_why(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        one = made.villagers["node-1"]  # type: ignore[index]
        assert problems(one, network=Network(3)) == {}
        alone = problems(one, network=Network(0))
        assert "no peer is connected of 3 other validators" in alone["peers"]
        assert "network.enabled is off" in problems(one, network=None)["peers"]
        one.host._key.stopped = "its key signs elsewhere"
        assert "its key signs elsewhere" in problems(one, network=Network(3))["agreement"]


async def test_the_only_validator_needs_no_peers(tmp_path: Path) -> None:
    async with village(tmp_path, 1) as made:
        await made.height(1)
        assert problems(made.villagers["node-1"], network=None) == {}  # type: ignore[index]


async def test_a_node_far_behind_its_peers_is_not_ready(tmp_path: Path) -> None:
    async with village(tmp_path, 1) as made:
        await made.height(1)
        one = made.villagers["node-1"]  # type: ignore[index]
        agreement = agreement_of(one, network=None)
        agreement.sync = SimpleNamespace(
            status=SyncStatus(target=10_000, is_syncing=True, peer="somebody")
        )
        found = readiness_problems(consensus_checks(parts_of(one), cast("Any", agreement)))
        assert "behind block 10000: fetching from somebody" in found["sync"]


def test_a_chain_without_validators_has_no_such_checks() -> None:
    assert consensus_checks(cast("Any", None), None) == ()
