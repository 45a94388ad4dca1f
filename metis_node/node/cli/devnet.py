"""`metis-node devnet`: a whole layer 2 with its L1, ready to use."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metis_node.node.cli.options import JsonOption, LogLevelOption, SetOption

EMBEDDED_CONFIRMATIONS = 0  # the embedded L1 never reorganises
EXTERNAL_CONFIRMATIONS = 1

if TYPE_CHECKING:
    from metis_node.node.config import LoadedConfig
    from metis_node.node.devnet_directory import DevnetDirectory
    from metis_node.node.node import Ready


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
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="Port of JSON-RPC; 0: any.")] = 8545,
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
    reset: Annotated[
        bool, typer.Option("--reset", help="Delete the data directory's chain first.")
    ] = False,
    assignments: SetOption = None,
    log_level: LogLevelOption = None,
    json: JsonOption = False,
) -> None:
    """Run a devnet: an L1, one sequencer, batches. Ctrl-C stops it; the next start continues it.

    Prints the address of JSON-RPC and the funded accounts with their keys. The keys are known to
    everybody: never send anything of value to them. With --json one JSON object is printed to
    standard output once everything serves, and logs go to standard error.
    """
    from metis_node.node.assembly import initialise_chain, is_initialised
    from metis_node.node.cli.devnet_banner import print_banner
    from metis_node.node.devnet_directory import ChainChoices, DevnetDirectory, await_l1
    from metis_node.node.json_rpc_client import JsonRpcClient
    from metis_node.node.l1_process import l1_process
    from metis_node.node.logs import configure_logs
    from metis_node.node.node import run_node
    from metis_node.node.runtime import run_daemon

    directory = DevnetDirectory(data_dir)
    choices = ChainChoices(
        chain_id=chain_id,
        block_time_ms=block_time_ms,
        gas_limit=gas_limit,
        max_block_bytes=max_block_bytes,
    )
    configure_logs(level=log_level or "info")
    if reset:
        _delete(directory)
    with ExitStack() as stack:
        _say("starting the embedded L1" if l1 is None else f"waiting for the L1 at {l1}")
        l1_pid = None
        if l1 is None:
            child = l1_process(
                data_dir=directory.l1_dir,
                log_file=directory.l1_log,
                host=host,
                port=l1_port,
                block_time_ms=l1_block_time_ms,
                fork=l1_fork,
            )
            process = stack.enter_context(child)
            l1_url, l1_pid = process.url, process.pid
        else:
            l1_url = l1
        l1_client = JsonRpcClient(url=l1_url)
        await_l1(l1_client, patience_s=l1_wait_s)
        if directory.exists:
            genesis = directory.reopen(choices)
        else:
            depth = EMBEDDED_CONFIRMATIONS if l1 is None else EXTERNAL_CONFIRMATIONS
            genesis = directory.create(l1_client, choices, confirmations=depth)
        _say("starting the sequencer")
        config = _loaded(directory, l1_url, host, port, batcher, assignments, log_level).config
        if not is_initialised(data_dir):
            initialise_chain(data_dir, config.storage, genesis)

        def announce(ready: Ready) -> None:
            print_banner(ready, directory, l1_url=l1_url, l1_pid=l1_pid, json=json)

        run_daemon(lambda stop: run_node(config, genesis, stop=stop, on_ready=announce))


def _say(step: str) -> None:
    """One line of what takes a moment, for people at a terminal."""
    if sys.stderr.isatty():
        print(f"{step} ...", file=sys.stderr, flush=True)


def _loaded(
    directory: DevnetDirectory,
    l1_url: str,
    host: str,
    port: int,
    batcher: bool,
    assignments: list[str] | None,
    log_level: str | None,
) -> LoadedConfig:
    from metis_node.node.cli.options import loaded_config
    from metis_node.node.devnet_directory import BATCHER_KEY, PASSWORD_FILE

    return loaded_config(
        directory.config_file,
        directory.path,
        assignments,
        l1__endpoints=l1_url,
        rpc__host=host,
        rpc__port=port,
        batcher__enabled=batcher,
        keys__batcher=BATCHER_KEY,
        keys__password_file=directory.path / PASSWORD_FILE,
        log__level=log_level,
    )


def _delete(directory: DevnetDirectory) -> None:
    """Remove what a devnet wrote there, and nothing else."""
    import shutil

    from metis_node.errors import InvalidConfig
    from metis_node.node.assembly import database_dir

    if not directory.path.exists():
        return
    if not directory.exists and any(directory.path.iterdir()):
        raise InvalidConfig(
            f"{directory.path} is not a devnet's directory (it has no genesis.json): not deleted"
        )
    for path in (directory.l1_dir, database_dir(directory.path), directory.path / "keys"):
        shutil.rmtree(path, ignore_errors=True)
    for name in ("genesis.json", "config.toml", "password", "l1.log"):
        (directory.path / name).unlink(missing_ok=True)
