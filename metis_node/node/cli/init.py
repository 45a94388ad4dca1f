"""`metis-node init`: make a data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    SetOption,
    loaded_config,
)

GenesisOption = Annotated[
    Path | None,
    typer.Option("--genesis", "-g", metavar="FILE", help="Genesis file; else chain.genesis."),
]


def command(
    config: ConfigOption = None,
    genesis: GenesisOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write block 0 of a genesis file into an empty data directory."""
    from metis_node.node.assembly import initialise_chain
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.genesis_file import read_genesis_file

    settings = loaded_config(config, data_dir, assignments, chain__genesis=genesis).config
    parsed = read_genesis_file(settings.chain.genesis)
    chain = initialise_chain(settings.chain.data_dir, settings.storage, parsed)
    facts = {
        "data_dir": str(settings.chain.data_dir),
        "chain_id": parsed.rules.chain_id,
        "genesis_hash": "0x" + chain.genesis.hash.hex(),
        "state_root": "0x" + chain.genesis.header.state_root.hex(),
        "accounts": len(parsed.alloc),
    }
    if json:
        print_json(facts)
    else:
        print_facts({name.replace("_", " "): value for name, value in facts.items()})
