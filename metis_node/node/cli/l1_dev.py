"""`metis-node l1-dev`: run the embedded L1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metis_node.node.cli.options import JsonOption


def command(
    data_dir: Annotated[
        Path,
        typer.Option("--data-dir", "-d", metavar="DIR", help="Directory of the L1's database."),
    ] = Path("l1-data"),
    host: Annotated[
        str, typer.Option("--host", "--rpc-host", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "--rpc-port", help="Port of JSON-RPC; 0: any free one.")
    ] = 8546,
    block_time_ms: Annotated[
        int, typer.Option("--block-time-ms", min=1000, max=60_000, help="Time between two blocks.")
    ] = 2_000,
    fork: Annotated[
        str, typer.Option("--fork", help="Rules of Ethereum: prague or osaka.")
    ] = "prague",
    chain_id: Annotated[int, typer.Option("--chain-id", min=1, help="Chain id.")] = 900,
    finalized_depth: Annotated[
        int, typer.Option("--finalized-depth", min=0, help="Blocks until a block is final.")
    ] = 2,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when the parent process ends.")
    ] = False,
    log_level: Annotated[str, typer.Option("--log-level", help="Least severity logged.")] = "info",
    json: JsonOption = False,
) -> None:
    """Run the embedded L1: a one-node Ethereum with blobs, for devnets and tests.

    The accounts of the well-known test mnemonic have 10,000 coins each. Block time, fork and chain
    id are those of the first start in a data directory.
    """
    import time

    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.devnet_genesis import FORKS, FUNDED_ACCOUNTS, layer1_genesis
    from metis_node.node.keys import devnet_accounts
    from metis_node.node.l1_dev import L1DevSettings, L1Ready, ensure_l1_chain, run_l1
    from metis_node.node.logs import configure_logs
    from metis_node.node.runtime import end_with_parent, run_daemon

    if fork not in FORKS:
        raise typer.BadParameter(f"{fork!r} is not one of {', '.join(FORKS)}", param_hint="--fork")
    if with_parent:
        end_with_parent()
    configure_logs(level=log_level)
    settings = L1DevSettings(
        data_dir=data_dir, host=host, port=port, finalized_depth=finalized_depth
    )
    ensure_l1_chain(
        settings,
        layer1_genesis(
            timestamp=int(time.time()),
            funded=[account.address for account in devnet_accounts(FUNDED_ACCOUNTS)],
            block_time_ms=block_time_ms,
            fork=fork,
            chain_id=chain_id,
        ),
    )

    def announce(ready: L1Ready) -> None:
        if json:
            print_json(ready.facts())
        else:
            print_facts({name.replace("_", " "): value for name, value in ready.facts().items()})

    run_daemon(lambda stop: run_l1(settings, stop=stop, on_ready=announce))
