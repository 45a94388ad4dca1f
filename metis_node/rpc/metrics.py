"""The RPC's figures for Prometheus, read from plain counters when they are scraped."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from metis_node.rpc.desk import Desk
from metis_node.rpc.method import BUCKETS, Method
from metis_node.rpc.subscriptions import Feeds
from metis_node.rpc.websocket import WebSocketFace


class RpcCollector(Collector):
    """Register it with the node's registry. Methods that were never called are left out."""

    def __init__(self, desk: Desk, feeds: Feeds, face: WebSocketFace) -> None:
        self._desk = desk
        self._feeds = feeds
        self._face = face

    def collect(self) -> Iterator[Metric]:
        yield from self._method_families()
        yield CounterMetricFamily(
            "metis_rpc_requests", "HTTP and WebSocket requests", value=self._desk.requests
        )
        yield CounterMetricFamily(
            "metis_rpc_refused",
            "Requests and connections refused before a method was called",
            value=self._desk.refused + self._desk.dispatcher.refused.errors,
        )
        yield GaugeMetricFamily(
            "metis_rpc_connections", "Open HTTP connections", value=self._desk.connections
        )
        yield GaugeMetricFamily(
            "metis_rpc_websockets", "Open WebSockets", value=self._face.connections
        )
        yield GaugeMetricFamily(
            "metis_rpc_subscriptions", "Subscriptions on WebSockets", value=len(self._feeds)
        )

    def _method_families(self) -> Iterator[Metric]:
        errors = CounterMetricFamily(
            "metis_rpc_errors", "Calls answered with an error", labels=["method"]
        )
        seconds = HistogramMetricFamily(
            "metis_rpc_call_seconds", "Time from call to answer", labels=["method"]
        )
        for method in self._desk.dispatcher.methods.values():
            if method.calls:
                errors.add_metric([method.name], method.errors)
                seconds.add_metric([method.name], _cumulative(method), method.seconds)
        yield errors
        yield seconds


def _cumulative(method: Method) -> list[tuple[str, float]]:
    """Prometheus' buckets: how many calls took at most so long."""
    total = 0
    buckets: list[tuple[str, float]] = []
    for edge, count in zip((*map(str, BUCKETS), "+Inf"), method.buckets, strict=True):
        total += count
        buckets.append((edge, total))
    return buckets
