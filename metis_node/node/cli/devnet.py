"""`metis-node devnet`: a whole layer 2 with its L1, ready to use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from metis_node.node.cli.options import JsonOption, LogLevelOption, SetOption


def command(
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data-dir", "-d", metavar="DIR", help="Made at first, continued afterwards."
        ),
    ] = Path("devnet-data"),
    l1: Annotated[
        str | None,
        typer.Option(
            "--l1", metavar="URL", help="Use this L1 (anvil, geth) instead of the embedded one."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", "--rpc-host", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "--rpc-port", "-p", help="Port of JSON-RPC; 0: any.")
    ] = 8545,
    l1_port: Annotated[
        int, typer.Option("--l1-port", help="Port of the embedded L1; 0: any free one.")
    ] = 8546,
    block_time_ms: Annotated[
        int | None,
        typer.Option("--block-time-ms", min=200, max=60_000, help="Of a new chain; default 1000."),
    ] = None,
    gas_limit: Annotated[
        int | None, typer.Option("--gas-limit", help="Of a new chain; default 60000000.")
    ] = None,
    max_block_bytes: Annotated[
        int | None, typer.Option("--max-block-bytes", help="Of a new chain; default 1048576.")
    ] = None,
    chain_id: Annotated[
        int | None, typer.Option("--chain-id", min=1, help="Of a new chain; default 901.")
    ] = None,
    l1_block_time_ms: Annotated[
        int, typer.Option("--l1-block-time-ms", min=1000, help="Of a new embedded L1.")
    ] = 2_000,
    l1_fork: Annotated[
        str, typer.Option("--l1-fork", help="Of a new embedded L1: prague or osaka.")
    ] = "prague",
    l1_wait_s: Annotated[
        float, typer.Option("--l1-wait-s", min=0, help="Patience with an L1 that does not answer.")
    ] = 30.0,
    batcher: Annotated[
        bool, typer.Option("--batcher/--no-batcher", help="Post batches to the L1.")
    ] = True,
    contracts: Annotated[
        bool,
        typer.Option("--contracts/--no-contracts", help="Deploy the contracts onto the L1."),
    ] = True,
    sequencers: Annotated[
        int,
        typer.Option(
            "--sequencers",
            min=1,
            max=32,
            help="Nodes that share sequencing, each a process of its own, of a new chain.",
        ),
    ] = 1,
    static_set: Annotated[
        bool,
        typer.Option(
            "--static-set",
            help="With --sequencers: name the validators in the genesis file, without contracts.",
        ),
    ] = False,
    epoch_length: Annotated[
        int,
        typer.Option("--epoch-length", min=64, max=86_400, help="Blocks, of a new chain."),
    ] = 64,
    followers: Annotated[
        int,
        typer.Option("--followers", min=0, max=8, help="Nodes besides that verify and serve only."),
    ] = 0,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare",
            help="Only write the directories of nodes that run elsewhere, each on a machine or in "
            "a container with its name (node-1, follower-1); start them with `metis-node start`.",
        ),
    ] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Delete the data directory's chain first.")
    ] = False,
    assignments: SetOption = None,
    log_level: LogLevelOption = None,
    json: JsonOption = False,
) -> None:
    """Run a devnet: an L1, sequencers, batches. Ctrl-C stops it; the next start continues it.

    With --sequencers 4 four nodes with stake on the L1 agree on every block and take over from each
    other; a table shows who leads, heights, peers and epochs. Their ports count up from --port.

    Prints the address of JSON-RPC and the funded accounts with their keys. The keys are known to
    everybody: never send anything of value to them. With --json one JSON object is printed to
    standard output once everything serves, and logs go to standard error.
    """
    from metis_node.errors import InvalidConfig
    from metis_node.node.cli.devnet_banner import print_banner
    from metis_node.node.cli.options import assigned
    from metis_node.node.devnet import DevnetSettings, reset_devnet, run_devnet
    from metis_node.node.logs import configure_logs

    if sequencers > 1:
        from metis_node.node.cli.devnet_cluster import run

        run(
            data_dir=data_dir,
            sequencers=sequencers,
            host=host,
            port=port,
            l1=l1,
            l1_port=l1_port,
            l1_block_time_ms=l1_block_time_ms,
            l1_fork=l1_fork,
            l1_wait_s=l1_wait_s,
            reset=reset,
            chain_id=chain_id,
            block_time_ms=block_time_ms,
            gas_limit=gas_limit,
            max_block_bytes=max_block_bytes,
            epoch_length=epoch_length,
            static_set=static_set,
            followers=followers,
            prepare=prepare,
            log_level=log_level or "info",
            json=json,
        )
        return
    if static_set or followers or prepare:
        raise InvalidConfig("--static-set, --followers and --prepare need --sequencers 2 or more")
    flags = assigned(assignments) | ({"log.level": log_level} if log_level else {})
    configure_logs(level=log_level or "info")
    if reset:
        reset_devnet(data_dir)
    settings = DevnetSettings(
        data_dir=data_dir,
        host=host,
        port=port,
        l1=l1,
        l1_port=l1_port,
        l1_block_time_ms=l1_block_time_ms,
        l1_fork=l1_fork,
        l1_wait_s=l1_wait_s,
        batcher=batcher,
        contracts=contracts,
        rules={
            "chain_id": chain_id,
            "block_time_ms": block_time_ms,
            "gas_limit": gas_limit,
            "max_block_bytes": max_block_bytes,
        },
        flags=flags,
    )
    run_devnet(settings, say=_say, announce=lambda facts: print_banner(facts, json=json))


def _say(step: str) -> None:
    """One line of what takes a moment, for people at a terminal."""
    if sys.stderr.isatty():
        print(f"{step} ...", file=sys.stderr, flush=True)
