"""Options that several commands share, and how they become configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metis_node.errors import InvalidConfig

if TYPE_CHECKING:
    from metis_node.node.config import LoadedConfig

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file (TOML); else METIS_NODE_CONFIG, else config.toml in --data-dir.",
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", "-d", metavar="DIR", help="Directory of the database and the keys."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Set any key, e.g. -s rpc.port=9545."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of text for people.")
]
RpcOption = Annotated[
    str | None,
    typer.Option("--rpc", metavar="URL", help="JSON-RPC address of the running node."),
]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="File of mode 0600 with the password."),
]
LogLevelOption = Annotated[
    str | None, typer.Option("--log-level", help="debug, info, warning or error.")
]

CONFIG_FILE_NAME = "config.toml"


def loaded_config(
    config: Path | None,
    data_dir: Path | None,
    assignments: list[str] | None,
    **flags: object,
) -> LoadedConfig:
    """The configuration that a command's options describe. `flags`: key with `__` for the dot."""
    from metis_node.node.config import load_config

    values = assigned(assignments)
    if data_dir is not None:
        values["chain.data_dir"] = data_dir
        if config is None and (data_dir / CONFIG_FILE_NAME).is_file():
            config = data_dir / CONFIG_FILE_NAME
    values |= {key.replace("__", "."): value for key, value in flags.items() if value is not None}
    return load_config(config, values)


def assigned(assignments: list[str] | None) -> dict[str, object]:
    """The keys and values of `--set` options."""
    return dict(map(_assignment, assignments or ()))


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidConfig(f"--set {text}: write it as KEY=VALUE, for example rpc.port=9545")
    return key.strip(), value.strip()
