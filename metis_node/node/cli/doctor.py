"""`metis-node doctor`: is everything in place that a sequencer needs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    PasswordFileOption,
    SetOption,
    loaded_config,
)
from metis_node.node.cli.signer_options import ContractsOption, KeysDirOption, L1Option

if TYPE_CHECKING:
    from metis_node.node.checkup.finding import Finding


def command(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    l1: L1Option = None,
    contracts: ContractsOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    assignments: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Check endpoints, chain ids, contracts, clock, disk, keys, balances and ports.

    Nothing is changed. Each failing check says what to do. Exit code 6 where one fails; a warning
    alone is no failure.
    """
    from metis_node.node.checkup.rounds import examine
    from metis_node.node.cli.printing import print_json
    from metis_node.node.exit_codes import ExitCode
    from metis_node.node.logs import configure_logs

    configure_logs(level="warning")
    settings = loaded_config(
        config,
        data_dir,
        assignments,
        l1__endpoints=l1,
        l1__contracts=contracts,
        keys__dir=keys_dir,
        keys__password_file=password_file,
    ).config
    findings = examine(settings)
    failed = any(finding.state == "fail" for finding in findings)
    if json:
        print_json({"healthy": not failed, "checks": [_json(finding) for finding in findings]})
    else:
        print_findings(findings)
    if failed:
        raise typer.Exit(ExitCode.FAILED_CHECK)


def print_findings(findings: list[Finding]) -> None:
    """A line each, and under it what to do."""
    from rich.text import Text

    from metis_node.node.cli.printing import console

    colours = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": "dim"}
    width = max((len(finding.check) for finding in findings), default=0)
    out = console()
    for finding in findings:
        line = Text().append(finding.state.ljust(6), style=colours[finding.state])
        out.print(line.append(f"{finding.check.ljust(width)}  {finding.found}"))
        if finding.remedy:
            out.print(Text(f"{' ' * (8 + width)}-> {finding.remedy}"))


def _json(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "state": finding.state,
        "found": finding.found,
        "remedy": finding.remedy or None,
    }
