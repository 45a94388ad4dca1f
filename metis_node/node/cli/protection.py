"""`metis-node keys protection`: the history that keeps a signer's key from signing twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metis_node.errors import InvalidConfig
from metis_node.node.cli.options import ConfigOption, DataDirOption, JsonOption, loaded_config
from metis_node.node.cli.signer_options import KeysDirOption

if TYPE_CHECKING:
    from metis_node.consensus.guard import Guard
    from metis_node.node.signing_history import SigningHistory

app = typer.Typer(
    help="The history of what the signer's key signed: it must move with the key, and never be "
    "lost, or the key may sign twice and lose its stake.",
    no_args_is_help=True,
)


@app.command("show")
def show(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    json: JsonOption = False,
) -> None:
    """Print the highest height and round that the key signed for, by duty."""
    history = _history(config, data_dir, keys_dir)
    _print(history.show(), history, json=json)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    json: JsonOption = False,
) -> None:
    """Write the history as JSON, to go with the key to another machine. The node must be stopped.

    Do not start the key here again afterwards: what it signs then is not in the file.
    """
    history = _history(config, data_dir, keys_dir)
    _print(history.export(file), history, json=json, exported=str(file))


@app.command("import")
def import_history(
    file: Annotated[Path, typer.Argument(help="What `keys protection export` wrote.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    json: JsonOption = False,
) -> None:
    """Take over the history of the machine that the key ran on. The node must be stopped.

    Where there is a history already, the higher mark of each duty holds: nothing is forgotten.
    """
    history = _history(config, data_dir, keys_dir)
    _print(history.import_file(file), history, json=json)


@app.command("init")
def init(
    never_signed: Annotated[
        bool,
        typer.Option("--never-signed", help="The key is new: it signed nothing, anywhere."),
    ] = False,
    floor: Annotated[
        int | None,
        typer.Option(
            "--floor",
            metavar="HEIGHT",
            min=0,
            max=2**63 - 1,
            help="Sign nothing up to this height: one above the head of the other nodes.",
        ),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    json: JsonOption = False,
) -> None:
    """Begin the history of a key that has none here: of a new key, or of one whose history is lost.

    A node does not sign without one. The node must be stopped.
    """
    if never_signed == (floor is not None):
        raise InvalidConfig("say one of --never-signed and --floor HEIGHT")
    history = _history(config, data_dir, keys_dir)
    guard = history.begin_unused() if floor is None else history.begin_above(floor)
    _print(guard, history, json=json)


def _history(config: Path | None, data_dir: Path | None, keys_dir: Path | None) -> SigningHistory:
    from metis_node.node.signing_history import SigningHistory

    return SigningHistory(loaded_config(config, data_dir, None, keys__dir=keys_dir))


def _print(guard: Guard, history: SigningHistory, *, json: bool, **more: str) -> None:
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.signing_history import watermarks

    if json:
        print_json({"file": str(history.path), **more, **guard.to_json()})
        return
    facts = {
        "file": str(history.path),
        "signer": "0x" + guard.signer.hex(),
        "chain id": guard.chain_id,
        **watermarks(guard),
    }
    print_facts({**facts, **more})
