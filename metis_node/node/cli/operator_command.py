"""Commands that send to the L1 share a dozen options: they are added here, in one place.

    @operator_command(app, "lock")
    def lock(desk: Desk, amount: AmountArgument) -> None: ...

typer sees the command's own parameters and then the shared ones; the command gets a `Desk`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    PasswordFileOption,
    SetOption,
    loaded_config,
)
from metis_node.node.cli.signer_options import (
    ConfirmationsOption,
    ContractsOption,
    DryRunOption,
    FromOption,
    KeyOption,
    KeysDirOption,
    L1Option,
    MaxFeeOption,
    PrivateKeyFileOption,
    SignerUrlOption,
    YesOption,
    signer_choice,
)

if TYPE_CHECKING:
    from metis_node.node.operator_desk import OperatorDesk

Command = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the shared options say. `l1` makes the desk itself, late: it brings web3."""

    options: dict[str, Any]

    @property
    def json(self) -> bool:
        return bool(self.options["json"])

    @property
    def yes(self) -> bool:
        return bool(self.options["yes"])

    @property
    def dry_run(self) -> bool:
        return bool(self.options["dry_run"])

    def config(self) -> Any:
        given = self.options
        return loaded_config(
            given["config"],
            given["data_dir"],
            given["assignments"],
            keys__dir=given["keys_dir"],
            keys__password_file=given["password_file"],
            l1__contracts=given["contracts"],
            l1__endpoints=given["l1"],
        ).config

    def l1(self) -> OperatorDesk:
        from metis_node.node.deployment_file import read_record
        from metis_node.node.logs import configure_logs
        from metis_node.node.operator_desk import DeskOptions, OperatorDesk

        configure_logs(level="warning")
        given, config = self.options, self.config()
        return OperatorDesk(
            config=config,
            urls=config.l1.endpoints,
            record=read_record(config.contracts_file),
            record_file=config.contracts_file,
            choice=signer_choice(
                default_key=config.keys.owner,
                key=given["key"],
                private_key_file=given["private_key_file"],
                signer_url=given["signer_url"],
                account=given["account"],
            ),
            options=DeskOptions(
                dry_run=self.dry_run,
                confirmations=given["confirmations"],
                max_fee_gwei=given["max_fee_gwei"],
            ),
        )


def _shared(
    key: KeyOption = None,
    private_key_file: PrivateKeyFileOption = None,
    signer_url: SignerUrlOption = None,
    account: FromOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    confirmations: ConfirmationsOption = 1,
    max_fee_gwei: MaxFeeOption = 200,
    l1: L1Option = None,
    contracts: ContractsOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    assignments: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Only its parameters count."""


_READING_ONLY = ("l1", "contracts", "config", "data_dir", "assignments", "json")


def operator_command(
    app: typer.Typer, name: str, *, sends: bool = True
) -> Callable[[Command], Command]:
    """Register a command; its first parameter is the desk. `sends`: it needs a key."""

    def register(function: Command) -> Command:
        shared = _parameters(_shared)
        if not sends:
            shared = [entry for entry in shared if entry.name in _READING_ONLY]
        own = _parameters(function)[1:]
        defaults = {entry.name: entry.default for entry in _parameters(_shared)}

        def command(**given: Any) -> None:
            options = {name: given.pop(name, value) for name, value in defaults.items()}
            function(Desk(options=options), **given)

        command.__doc__ = function.__doc__
        command.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        command.__annotations__ = {entry.name: entry.annotation for entry in (*own, *shared)}
        app.command(name)(command)
        return function

    return register


def _parameters(function: Command) -> list[inspect.Parameter]:
    """With annotations as objects, whatever module they were written in. Keyword-only, so that
    defaults may stand in any order."""
    hints = get_type_hints(function, globalns=_names(function), include_extras=True)
    return [
        entry.replace(
            annotation=hints.get(entry.name, entry.annotation), kind=inspect.Parameter.KEYWORD_ONLY
        )
        for entry in inspect.signature(function).parameters.values()
    ]


def _names(function: Command) -> dict[str, Any]:
    names: dict[str, Any] = dict(function.__globals__)
    return {"Path": Path} | names
