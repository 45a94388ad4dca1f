"""Metrics: names as documented, counters per block, gauges read at the scrape."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import generate_latest

from metis_node.engine.block_builder import BlockReport
from metis_node.node.batch_report import BATCH_GAUGES
from metis_node.node.consensus_metrics import CONSENSUS_GAUGES, NETWORK_GAUGES
from metis_node.node.readiness import L1_GAUGES
from metis_node.node.staking_assembly import STAKING_GAUGES
from metis_node.node.telemetry import CHAIN_GAUGES, Distribution, Labelled, Reading, Telemetry

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
GAUGES = (
    CHAIN_GAUGES | L1_GAUGES | BATCH_GAUGES | STAKING_GAUGES | CONSENSUS_GAUGES | NETWORK_GAUGES
)


def scraped(telemetry: Telemetry) -> dict[str, float]:
    text = generate_latest(telemetry.registry).decode()
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def test_a_block_made_here_is_counted_with_its_times() -> None:
    telemetry = Telemetry()
    telemetry.on_report(
        BlockReport(
            number=1,
            transactions=2,
            candidates=3,
            gas_used=42_000,
            build_ms=4.0,
            import_ms=30.0,
            late_ms=-1,
            deadline_hit=True,
        )
    )
    found = scraped(telemetry)
    assert found["metis_block_build_seconds_sum"] == 0.004
    assert found['metis_block_import_seconds_bucket{le="0.025"}'] == 0
    assert found['metis_block_import_seconds_bucket{le="0.05"}'] == 1
    assert found["metis_block_late_seconds_sum"] == 0
    assert found["metis_build_deadline_hits_total"] == 1


def test_gauges_are_read_at_each_scrape() -> None:
    telemetry = Telemetry()
    height = [1.0]
    telemetry.watch(lambda: {"metis_head_number": height[0]}, CHAIN_GAUGES)
    assert scraped(telemetry)["metis_head_number"] == 1
    height[0] = 2.0
    assert scraped(telemetry)["metis_head_number"] == 2


def test_the_process_itself_is_measured() -> None:
    assert scraped(Telemetry())["process_resident_memory_bytes"] > 1 << 20


def test_the_operations_guide_names_only_metrics_that_exist() -> None:
    named = set(re.findall(r"`(metis_[a-z0-9_]+)`", OPERATIONS.read_text()))
    counted = {name.partition("{")[0] for name in scraped(Telemetry())}
    families = counted | {name.removesuffix("_sum") for name in counted}
    methods = {"metis_l1Status", "metis_batches", "metis_stakingStatus", "metis_syncStatus"}
    assert named - methods <= families | set(GAUGES)


def test_gauges_by_label_and_distributions_are_scraped() -> None:
    telemetry = Telemetry()
    readings: dict[str, Reading] = {
        "of_topics": Labelled("topic", {"votes": 2.0, "blocks": 3.0}),
        "of_seconds": Distribution(edges=(0.1, 0.5), counts=(4, 2, 1), total=1.5),
    }
    telemetry.watch(lambda: readings, {"of_topics": "by topic", "of_seconds": "how long"})
    found = scraped(telemetry)
    assert (found['of_topics{topic="votes"}'], found['of_topics{topic="blocks"}']) == (2, 3)
    assert found['of_seconds_bucket{le="0.1"}'] == 4
    assert found['of_seconds_bucket{le="0.5"}'] == 6
    assert found['of_seconds_bucket{le="+Inf"}'] == found["of_seconds_count"] == 7
    assert found["of_seconds_sum"] == 1.5
