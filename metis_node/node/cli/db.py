"""`metis-node db`: look at a database, and check it against itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    SetOption,
    loaded_config,
)

if TYPE_CHECKING:
    from metis_node.node.config import Config

app = typer.Typer(
    help="Look at the database of a stopped node, and check it.", no_args_is_help=True
)


@app.command("inspect")
def inspect(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Print chain, heads, and how many entries and bytes each table has."""
    from metis_node.node.assembly import opened_store
    from metis_node.node.cli.printing import print_facts, print_json, print_table
    from metis_node.node.database_summary import chain_summary, table_summary

    directory, settings = _located(config, data_dir, assignments)
    with opened_store(directory, settings.storage, create=False) as store:
        facts = chain_summary(store)
        tables = table_summary(store)
    if json:
        print_json({**facts, "tables": tables})
        return
    print_facts(facts)
    print()
    print_table(
        ("TABLE", "PREFIX", "ENTRIES", "BYTES"),
        ((t["name"], t["prefix"], f"{t['entries']:,}", f"{t['bytes']:,}") for t in tables),
    )


@app.command("verify")
def verify(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Check the whole database from genesis: headers, roots, receipts, indexes and state.

    Exit code 0: sound. 6: not; the findings are printed.
    """
    from metis_node.chain.verification import verify_store
    from metis_node.node.assembly import opened_store
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.cli.progress import progress_bars
    from metis_node.node.exit_codes import ExitCode

    directory, settings = _located(config, data_dir, assignments)
    with (
        opened_store(directory, settings.storage, create=False) as store,
        progress_bars(shown=not json) as advance,
    ):
        report = verify_store(store, advance)
    facts: dict[str, Any] = {
        "sound": report.sound,
        "head": report.head,
        "head_hash": "0x" + report.head_hash.hex(),
        "state_root": "0x" + report.state_root.hex(),
        "blocks": report.blocks,
        "transactions": report.transactions,
        "logs": report.logs,
        "findings": report.findings,
    }
    if json:
        print_json(facts)
    else:
        findings = facts.pop("findings")
        print_facts({name.replace("_", " "): value for name, value in facts.items()})
        for finding in findings:
            print(f"  - {finding}")
    if not report.sound:
        raise typer.Exit(ExitCode.FAILED_CHECK)


def _located(
    config: Path | None, data_dir: Path | None, assignments: list[str] | None
) -> tuple[Path, Config]:
    settings = loaded_config(config, data_dir, assignments).config
    return settings.chain.data_dir, settings
