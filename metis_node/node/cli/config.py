"""`metis-node config`: look at the effective configuration."""

from __future__ import annotations

import typer

from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    SetOption,
    loaded_config,
)

app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at the configuration."""


@app.command("show")
def show(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Print every key with its effective value and where it came from; secrets are masked.

    Sources, each over the one before: defaults, the file, the environment (METIS_NODE_RPC__PORT=1),
    flags.
    """
    from metis_node.node.cli.printing import print_json, print_table
    from metis_node.node.config.display import shown_values

    values = shown_values(loaded_config(config, data_dir, assignments))
    if json:
        print_json(values)
    else:
        print_table(
            ("KEY", "VALUE", "SOURCE"),
            ((key, entry["value"], entry["source"]) for key, entry in values.items()),
        )
