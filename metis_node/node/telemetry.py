"""Metrics of the node. Counters move once per block, never per transaction; what others keep anyway
(heads, mempool, L1, batches) is read when a scrape comes.

Names and meanings are listed in docs/operations.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from metis_node import __version__

if TYPE_CHECKING:
    from metis_node.chain.blockchain import Blockchain, Imported
    from metis_node.chain.mempool import Mempool
    from metis_node.engine.block_builder import BlockReport, Offence
    from metis_node.engine.intake import Intake

BLOCK_STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One gauge with a value for each of a few names."""

    label: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A histogram that is counted elsewhere: `counts` has one more than the upper `edges`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


Reading = float | Labelled | Distribution
Facts = Callable[[], Mapping[str, Reading]]


class Telemetry:
    """The registry and everything that is counted here. Event loop only."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a time-stamp beside each counter
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        Info("metis_node", "Version of the node", registry=self.registry).info(
            {"version": __version__}
        )
        self._blocks = self._counter("metis_blocks", "Blocks imported, own and others'")
        self._transactions = self._counter("metis_transactions", "Transactions in imported blocks")
        self._gas = self._counter("metis_gas_used", "Gas used by imported blocks")
        self._deadline_hits = self._counter(
            "metis_build_deadline_hits", "Builds that stopped because time was up"
        )
        self._offences = self._counter(
            "metis_offending_transactions", "Transactions dropped because no block can hold them"
        )
        self._build = self._seconds("metis_block_build_seconds", "Execution and sealing of a block")
        self._import = self._seconds(
            "metis_block_import_seconds", "Verification and synced write of an own block"
        )
        self._late = self._seconds("metis_block_late_seconds", "Start of a build after it was due")

    def on_block(self, imported: Imported) -> None:
        """A block became the head."""
        self._blocks.inc()
        self._transactions.inc(len(imported.prepared.transaction_hashes))
        self._gas.inc(imported.prepared.gas_used)

    def on_report(self, report: BlockReport) -> None:
        """A block was made here."""
        self._build.observe(report.build_ms / 1000)
        self._import.observe(report.import_ms / 1000)
        self._late.observe(max(0, report.late_ms) / 1000)
        if report.deadline_hit:
            self._deadline_hits.inc()

    def on_offence(self, offence: Offence) -> None:  # noqa: ARG002
        self._offences.inc()

    def watch(self, facts: Facts, helps: Mapping[str, str]) -> None:
        """Read these gauges at each scrape. `helps`: name and meaning of every one of them."""
        self.registry.register(_Gauges(facts, helps))

    def _counter(self, name: str, meaning: str) -> Counter:
        return Counter(name, meaning, registry=self.registry)

    def _seconds(self, name: str, meaning: str) -> Histogram:
        return Histogram(name, meaning, buckets=BLOCK_STEP_BUCKETS, registry=self.registry)


class _Gauges(Collector):
    def __init__(self, facts: Facts, helps: Mapping[str, str]) -> None:
        self._facts = facts
        self._helps = helps

    def collect(self) -> Iterator[Metric]:
        for name, value in self._facts().items():
            yield _metric(name, self._helps[name], value)

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(name, meaning) for name, meaning in self._helps.items()]


def _metric(name: str, meaning: str, reading: Reading) -> Metric:
    match reading:
        case Labelled():
            gauge = GaugeMetricFamily(name, meaning, labels=[reading.label])
            for value_of, value in reading.values.items():
                gauge.add_metric([value_of], value)
            return gauge
        case Distribution():
            names = [*map(str, reading.edges), "+Inf"]
            buckets = list(zip(names, map(float, accumulate(reading.counts)), strict=True))
            return HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=reading.total)
        case _:
            return GaugeMetricFamily(name, meaning, value=reading)


CHAIN_GAUGES = {
    "metis_head_number": "Number of the head",
    "metis_head_timestamp_seconds": "Timestamp of the head",
    "metis_head_age_seconds": "Time since the head's timestamp",
    "metis_safe_number": "Number of the safe block",
    "metis_finalized_number": "Number of the finalized block",
    "metis_mempool_pending": "Executable transactions in the pool",
    "metis_mempool_queued": "Transactions behind a nonce gap in the pool",
    "metis_mempool_bytes": "Bytes of all transactions in the pool",
    "metis_intake_waiting": "Transactions that are not decoded yet",
}


def chain_facts(
    blockchain: Blockchain, mempool: Mempool, intake: Intake, now: Callable[[], float] = time.time
) -> Facts:
    """The gauges of `CHAIN_GAUGES`."""

    def facts() -> dict[str, float]:
        head, pool = blockchain.head.header, mempool.status()
        return {
            "metis_head_number": head.number,
            "metis_head_timestamp_seconds": head.timestamp,
            "metis_head_age_seconds": max(0.0, now() - head.timestamp),
            "metis_safe_number": blockchain.safe_number,
            "metis_finalized_number": blockchain.finalized_number,
            "metis_mempool_pending": pool.pending,
            "metis_mempool_queued": pool.queued,
            "metis_mempool_bytes": pool.bytes,
            "metis_intake_waiting": intake.waiting,
        }

    return facts
