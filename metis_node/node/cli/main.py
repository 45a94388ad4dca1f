"""Entry point of `metis-node`: the table of commands, and where errors become words.

Commands are in the sibling files. Nothing slow may be imported at the top of any of them.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from metis_node import __version__
from metis_node.errors import MetisError
from metis_node.node.cli import (
    config,
    db,
    devnet,
    doctor,
    explain,
    gov,
    init,
    keys,
    l1,
    l1_dev,
    stake,
    start,
    status,
    sync,
    version,
    yield_turn,
)
from metis_node.node.exit_codes import ExitCode, exit_code_of

app = typer.Typer(
    name="metis-node",
    help="Node of a Metis-style Ethereum layer 2: builds blocks, serves JSON-RPC, posts batches.",
    epilog="Exit codes: 0 done, 1 fault of this software, 2 wrong usage, 3 wrong input "
    "(configuration, genesis, keys), 4 the node cannot go on, 5 something needed does not answer, "
    "6 a check failed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error came from.")
    ] = False,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    context.obj = {"debug": debug}
    if show_version:
        typer.echo(__version__)
        raise typer.Exit


app.command("init")(init.command)
app.command("start")(start.command)
app.command("devnet")(devnet.command)
app.command("l1-dev")(l1_dev.command)
app.command("status")(status.command)
app.command("doctor")(doctor.command)
app.command("sync")(sync.command)
app.command("yield")(yield_turn.command)
app.command("explain")(explain.command)
app.command("version")(version.command)
app.add_typer(db.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(l1.app, name="l1")
app.add_typer(stake.app, name="stake")
app.add_typer(gov.app, name="gov")
app.add_typer(config.app, name="config")


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command. The exit code; errors are printed to standard error without a traceback."""
    try:
        result = app(arguments, prog_name="metis-node", standalone_mode=False)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except TyperException as error:
        print(error.format_message(), file=sys.stderr)
        print("Try the same with --help.", file=sys.stderr)
        return ExitCode.USAGE
    except SystemExit:
        raise
    except BaseException as error:  # also a panic of native code, which is no Exception
        return _report(error, debug="--debug" in arguments)
    return result if isinstance(result, int) else ExitCode.OK


def _report(error: BaseException, *, debug: bool) -> ExitCode:
    code = exit_code_of(error)
    if debug:
        import traceback

        traceback.print_exception(error)
    match error:
        case KeyboardInterrupt():
            print("interrupted", file=sys.stderr)
        case MetisError():
            print(f"error: {error.message}", file=sys.stderr)
        case BrokenPipeError():
            pass
        case _:
            print(
                f"error: {type(error).__name__}: {error}\nThis is a fault of metis-node. "
                "Run it again with `metis-node --debug ...` and report what it prints.",
                file=sys.stderr,
            )
    return code
