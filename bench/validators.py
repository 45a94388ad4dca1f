"""What a validator costs that has nothing to do, against the number of validators: processor time,
memory, messages and bytes for each block.

Every node is a process with its own network; nothing is sent to them. Where the machine has too few
cores for all of them at once the blocks come slower, and the column of blocks per second shows it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

from bench.cluster import Cluster, Node, running_cluster
from bench.report import publish

SETTLE_BLOCKS = 10
PATIENCE_S = 300.0


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench validators", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[4, 7, 16, 32])
    parser.add_argument("--seconds", type=float, default=40.0, help="measured, after settling")
    parser.add_argument("--block-time-ms", type=int, default=1_000)
    options = parser.parse_args(arguments)
    columns = [
        *("validators", "blocks/s", "rounds above 0", "CPU % of a core each", "highest"),
        *("MB each", "messages out each a block", "kB out each a block"),
    ]
    rows: list[list[object]] = []
    for size in options.nodes:
        with running_cluster(size, "--static-set", block_time_ms=options.block_time_ms) as cluster:
            cluster.await_blocks(SETTLE_BLOCKS, PATIENCE_S)
            rows.append([size, *_measured(cluster, options.seconds)])
            print(rows[-1], flush=True)
    publish("validators", columns, rows, block_time_ms=options.block_time_ms)


@dataclass(frozen=True)
class _Reading:
    at: float
    cpu_s: float
    messages: float
    kilobytes: float


def _reading(node: Node) -> _Reading:
    return _Reading(
        at=time.monotonic(),
        cpu_s=node.cpu_s(),
        messages=node.metric("metis_network_messages_out"),
        kilobytes=node.metric("metis_network_bytes_out") / 1024,
    )


def _measured(cluster: Cluster, seconds: float) -> list[object]:
    first, first_head = [_reading(node) for node in cluster.nodes], cluster.nodes[0].head()
    started = time.monotonic()
    time.sleep(seconds)  # the time that is measured
    last_head, took = cluster.nodes[0].head(), time.monotonic() - started
    last = [_reading(node) for node in cluster.nodes]
    blocks = max(1, last_head - first_head)
    pairs = list(zip(first, last, strict=True))
    cpu = [100 * (b.cpu_s - a.cpu_s) / (b.at - a.at) for a, b in pairs]
    late = sum(
        int(found["round"], 16) > 0
        for height in range(first_head + 1, last_head + 1)
        if (found := cluster.nodes[0].call("metis_certificate", hex(height)))
    )
    return [
        round(blocks / took, 2),
        late,
        round(statistics.mean(cpu), 1),
        round(max(cpu), 1),
        round(statistics.mean(node.rss_mb() for node in cluster.nodes)),
        round(statistics.mean((b.messages - a.messages) / blocks for a, b in pairs), 1),
        round(statistics.mean((b.kilobytes - a.kilobytes) / blocks for a, b in pairs), 1),
    ]
