"""Where values come from: defaults < TOML file < environment < flags; refusal of wrong ones.

The keys themselves are in `model.py`. Nothing here opens a database or the network.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from metis_node.errors import InvalidConfig
from metis_node.node.config.model import ENVIRONMENT_PREFIX, Config, describe_key, key_paths

CONFIG_FILE_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"
MAX_CONFIG_BYTES = 1 << 20  # a configuration is a page of text: more is another file by mistake

Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A valid configuration and, for every key, the source its value came from."""

    config: Config
    sources: Mapping[str, str]
    file: Path | None


def load_config(
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """Merge all sources. InvalidConfig names the key, the value, its source and how to mend it."""
    environment = os.environ if environment is None else environment
    if file is None and environment.get(CONFIG_FILE_VARIABLE):
        file = Path(environment[CONFIG_FILE_VARIABLE])
    layers = [
        _layer_of_file(file),
        _layer_of_environment(environment),
        {k: (v, f"flag {k}") for k, v in (flags or {}).items()},
    ]
    values: dict[str, object] = {}
    sources = dict.fromkeys(key_paths(), "default")
    for layer in layers:
        for key, (value, source) in layer.items():
            _require_known(key, source)
            values[key] = value
            sources[key] = source
    config = _validated(values, sources)
    return LoadedConfig(config=_rebased(config, file, sources), sources=sources, file=file)


Layer = dict[str, tuple[object, str]]


def _layer_of_file(file: Path | None) -> Layer:
    if file is None:
        return {}
    layer: Layer = {}
    for section, table in read_toml(file).items():
        if not isinstance(table, dict):
            _require_known(section, str(file))
            raise AssertionError("a key without a section is never known")
        for name, value in table.items():
            layer[f"{section}.{name}"] = (value, str(file))
        if not table:
            _require_known_section(section, str(file))
    return layer


def read_toml(file: Path) -> dict[str, Any]:
    """The tables of a TOML file. InvalidConfig: missing, unreadable, too large or malformed."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidConfig(
            f"cannot read the configuration {file}: {error.strerror}; name another with --config",
            file=str(file),
        ) from error
    if len(data) > MAX_CONFIG_BYTES:
        raise InvalidConfig(
            f"{file} has {len(data)} bytes, more than a configuration may have "
            f"({MAX_CONFIG_BYTES}): is it the right file?"
        )
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConfig(f"{file} is not valid TOML: {error}", file=str(file)) from error


def _layer_of_environment(environment: Mapping[str, str]) -> Layer:
    by_variable = {environment_variable(key): key for key in key_paths()}
    layer: Layer = {}
    for variable, value in environment.items():
        name = variable.upper()
        if not name.startswith(ENVIRONMENT_PREFIX) or name == CONFIG_FILE_VARIABLE:
            continue
        if name not in by_variable:
            raise InvalidConfig(
                f"unknown environment variable {variable}{_nearest(name, by_variable)} "
                "(names are METIS_NODE_<SECTION>__<KEY>)",
                variable=variable,
            )
        layer[by_variable[name]] = (value, f"environment {name}")
    return layer


def environment_variable(key: str) -> str:
    """`rpc.port` -> `METIS_NODE_RPC__PORT`."""
    return ENVIRONMENT_PREFIX + key.upper().replace(".", "__")


def _require_known(key: str, source: str) -> None:
    known = key_paths()
    if key in known:
        return
    section = key.partition(".")[0]
    if "." in key and section not in Config.model_fields:
        _require_known_section(section, source)
    raise InvalidConfig(
        f"unknown key {key} in {source}{_nearest(key, known)} (`metis-node config show` "
        "lists all keys)",
        key=key,
        source=source,
    )


def _require_known_section(section: str, source: str) -> None:
    if section not in Config.model_fields:
        raise InvalidConfig(
            f"unknown section [{section}] in {source}{_nearest(section, Config.model_fields)} "
            f"(sections are {', '.join(Config.model_fields)})",
            section=section,
        )


def _nearest(name: str, known: Mapping[str, object]) -> str:
    """`: did you mean X?`. Of the whole name first, else of its last part."""
    found = get_close_matches(name, known, n=1, cutoff=0.6)
    if not found:
        last = name.rpartition(".")[2]
        found = [key for key in known if key.rpartition(".")[2] == last][:1]
    return f": did you mean {found[0]}?" if found else ""


class _Merged(PydanticBaseSettingsSource):
    """The merged layers as the one source of pydantic-settings, which only validates them."""

    values: ClassVar[Tables] = {}

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self.values)


def _validated(values: Mapping[str, object], sources: Mapping[str, str]) -> Config:
    tables: Tables = {}
    for key, value in values.items():
        section, name = key_paths()[key]
        tables.setdefault(section, {})[name] = value
    try:
        return _config_from(tables)
    except ValidationError as error:
        raise _refusal(error, values, sources) from error


def _config_from(tables: Tables) -> Config:
    class Merged(_Merged):
        values = tables

    class Loaded(Config):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (Merged(settings_cls),)

    return Loaded()


def _refusal(
    error: ValidationError, values: Mapping[str, object], sources: Mapping[str, str]
) -> InvalidConfig:
    lines = list(_refusal_lines(error, values, sources))
    more = f" (and {len(lines) - 1} more: {'; '.join(lines[1:])})" if len(lines) > 1 else ""
    return InvalidConfig(lines[0] + more)


def _refusal_lines(
    error: ValidationError, values: Mapping[str, object], sources: Mapping[str, str]
) -> Iterator[str]:
    for detail in error.errors():
        location = [part for part in detail["loc"] if isinstance(part, str)]
        key = ".".join(location[:2])
        reason = detail["msg"].removeprefix("Value error, ")
        reason = reason[:1].lower() + reason[1:]
        if key not in key_paths():
            yield f"[{key}]: {reason}"
            continue
        shown = "***" if key == "keys.password" else repr(values.get(key))
        yield f"{key} = {shown} ({sources[key]}): {reason}; {key} is: {describe_key(key)}"


def _rebased(config: Config, file: Path | None, sources: Mapping[str, str]) -> Config:
    """Paths written in the file start at the file, so that a folder can be moved as a whole."""
    if file is None or config.chain.genesis.is_absolute() or sources["chain.genesis"] != str(file):
        return config
    genesis = file.parent / config.chain.genesis
    return config.model_copy(update={"chain": config.chain.model_copy(update={"genesis": genesis})})
