"""`metis-node start`: run a node."""

from __future__ import annotations

from typing import Annotated

import typer

from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    LogLevelOption,
    SetOption,
    loaded_config,
)


def command(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
    rpc_host: Annotated[
        str | None, typer.Option("--rpc-host", help="Address that JSON-RPC listens on.")
    ] = None,
    rpc_port: Annotated[
        int | None, typer.Option("--rpc-port", help="Port of JSON-RPC; 0: any free one.")
    ] = None,
    init: Annotated[
        bool, typer.Option("--init", help="Initialise the data directory first if it is empty.")
    ] = False,
    log_level: LogLevelOption = None,
    json: JsonOption = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when the parent process ends.")
    ] = False,
) -> None:
    """Run a node until SIGTERM or Ctrl-C.

    Logs go to standard error. With --json one JSON object with the node's addresses is printed to
    standard output as soon as it serves.
    """
    from metis_node.node.assembly import expected_genesis, initialise_chain, is_initialised
    from metis_node.node.cli.printing import print_json
    from metis_node.node.genesis_file import read_genesis_file
    from metis_node.node.logs import configure_logs
    from metis_node.node.node import Ready, run_node
    from metis_node.node.runtime import end_with_parent, run_daemon

    if with_parent:
        end_with_parent()
    loaded = loaded_config(
        config, data_dir, assignments, rpc__host=rpc_host, rpc__port=rpc_port, log__level=log_level
    )
    settings = loaded.config
    configure_logs(level=settings.log.level, form=settings.log.format)
    if init and not is_initialised(settings.chain.data_dir):
        genesis = read_genesis_file(settings.chain.genesis)
        initialise_chain(settings.chain.data_dir, settings.storage, genesis)
    expected = expected_genesis(loaded)

    def announce(ready: Ready) -> None:
        if json:
            print_json(ready.facts())

    run_daemon(lambda stop: run_node(settings, expected, stop=stop, on_ready=announce))
