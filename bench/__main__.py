"""`python -m bench [NAME ...]`: run benchmarks by name, or list them."""

from __future__ import annotations

import argparse
import importlib

BENCHMARKS = {
    "import_cost": "block build, verify and write against state size",
    "batch_bytes": "bytes posted to L1 per transaction",
    "catch_up": "a validator that was down: blocks per second, and when it votes again",
    "cluster_load": "throughput and false rotations of several sequencers beside one",
    "compare": "transactions and reads beside anvil, alternating runs",
    "endurance": "memory over a long run",
    "handover": "gaps between blocks when the active sequencer fails",
    "network_load": "CPU and latency of gossip and direct streams between processes",
    "rpc_front": "requests and CPU per RPC method beside anvil",
    "validators": "what an idle validator costs, against the number of validators",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    arguments, rest = parser.parse_known_args()
    if not arguments.names:
        for name, what in BENCHMARKS.items():
            print(f"{name:<14} {what}")
        return
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
        importlib.import_module(f"bench.{name}").run(rest)


if __name__ == "__main__":
    main()
