"""`metis-node sync`: rebuild a chain from the L1 alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from metis_node.node.cli.init import GenesisOption
from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    LogLevelOption,
    SetOption,
    loaded_config,
)


class Tag(StrEnum):
    """Up to which L1 block."""

    LATEST = "latest"
    SAFE = "safe"
    FINALIZED = "finalized"


class Source(StrEnum):
    """Where a chain can be rebuilt from."""

    L1 = "l1"


def command(
    source: Annotated[
        Source, typer.Option("--from", help="Where from: l1, the batches on the L1.")
    ] = Source.L1,
    config: ConfigOption = None,
    genesis: GenesisOption = None,
    data_dir: DataDirOption = None,
    l1: Annotated[
        str | None, typer.Option("--l1", metavar="URL", help="L1 endpoint; else l1.endpoints.")
    ] = None,
    until: Annotated[
        Tag, typer.Option("--until", help="L1 block to read up to: latest, safe or finalized.")
    ] = Tag.LATEST,
    assignments: SetOption = None,
    log_level: LogLevelOption = None,
    json: JsonOption = False,
) -> None:
    """Rebuild the chain from the batches on the L1, up to the newest one, into --data-dir.

    An empty directory is initialised first; one with a part of the chain is continued. Every block
    is executed and must come out with the hash that follows from the batches. Ctrl-C stops it; the
    next run goes on.
    """
    from metis_node.node.assembly import initialise_chain, is_initialised
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.cli.progress import progress_bars
    from metis_node.node.genesis_file import read_genesis_file
    from metis_node.node.l1_sync_run import run_sync
    from metis_node.node.logs import configure_logs
    from metis_node.node.runtime import run_daemon

    del source  # there is one so far; the option says what is meant
    settings = loaded_config(
        config,
        data_dir,
        assignments,
        chain__genesis=genesis,
        l1__endpoints=l1,
        log__level=log_level,
    ).config
    configure_logs(level=settings.log.level, form=settings.log.format)
    parsed = read_genesis_file(settings.chain.genesis)
    if not is_initialised(settings.chain.data_dir):
        initialise_chain(settings.chain.data_dir, settings.storage, parsed)
    facts: dict[str, object] = {}
    with progress_bars(shown=not json) as advance:
        run_daemon(
            lambda stop: run_sync(
                settings, parsed, stop=stop, advance=advance, block=until, facts=facts
            )
        )
    if json:
        print_json(facts)
    else:
        print_facts({name.replace("_", " "): value for name, value in facts.items()})
