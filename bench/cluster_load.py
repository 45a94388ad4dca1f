"""Several sequencers beside one under the same load: included transactions per second, and
rotations that no fault explains, since every node lives.

The load goes to one node, as a wallet's would; all nodes execute every block, so on a machine with
fewer cores than nodes the work is divided among them.
"""

from __future__ import annotations

import argparse

from bench.cluster import Cluster, running_cluster
from bench.devnet_process import devnet
from bench.loadgen import BLOCK_BYTES, GAS_LIMIT, load
from bench.report import publish

PATIENCE_S = 300.0


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench cluster_load", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--txs", type=int, default=15_000, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=0, help="transactions a second; 0: no limit")
    parser.add_argument("--workload", default="transfer")
    parser.add_argument("--block-time-ms", type=int, default=1_000)
    options = parser.parse_args(arguments)
    columns = ["sequencers", "tx/s", "lowest", "highest", "bad", "loaded heights", "rounds above 0"]
    rows: list[list[object]] = []
    for size in options.nodes:
        rows.append([size, *(_one(options) if size == 1 else _several(size, options))])
        print(rows[-1], flush=True)
    publish("cluster_load", columns, rows, block_time_ms=options.block_time_ms)


def _one(options: argparse.Namespace) -> list[object]:
    flags = ("--no-batcher", "--block-time-ms", str(options.block_time_ms))
    with devnet(gas_limit=GAS_LIMIT, max_block_bytes=BLOCK_BYTES, options=flags) as node:
        speeds, bad = _rounds(node.url, node.key, options)
    return [*_spread(speeds), bad, "", ""]


def _several(size: int, options: argparse.Namespace) -> list[object]:
    flags = ("--gas-limit", str(GAS_LIMIT), "--max-block-bytes", str(BLOCK_BYTES))
    with running_cluster(size, *flags, block_time_ms=options.block_time_ms) as cluster:
        cluster.await_blocks(3, PATIENCE_S)
        first = cluster.nodes[0].head()
        speeds, bad = _rounds(cluster.nodes[0].url, cluster.keys[1], options)
        loaded, late = _rotations(cluster, first + 1, cluster.nodes[0].head())
    return [*_spread(speeds), bad, loaded, late]


def _rounds(url: str, key: str, options: argparse.Namespace) -> tuple[list[float], int]:
    results = [
        load(url, key, options.workload, options.txs, rate=options.rate)
        for _ in range(options.rounds)
    ]
    bad = sum(int(one["failed"]) + int(one["lost"]) for one in results)
    return [float(one["e2e_tps"]) for one in results], bad


def _rotations(cluster: Cluster, first: int, last: int) -> tuple[int, int]:
    """Heights with transactions beside the system's, and those of all that took more than a
    round."""
    node, loaded, late = cluster.nodes[0], 0, 0
    for height in range(first, last + 1):
        count = int(node.call("eth_getBlockTransactionCountByNumber", hex(height)), 16)
        loaded += count > 3
        late += int(node.call("metis_certificate", hex(height))["round"], 16) > 0
    return loaded, late


def _spread(speeds: list[float]) -> list[object]:
    ordered = sorted(speeds)
    return [round(ordered[len(ordered) // 2]), round(ordered[0]), round(ordered[-1])]
