"""The effective configuration as people and scripts read it, with secrets masked."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from metis_node.node.config.loading import LoadedConfig
from metis_node.node.config.model import key_paths
from metis_node.node.config.values import masked_url

URL_KEYS = frozenset({"l1.endpoints", "l1.beacon_endpoints"})


def shown_values(loaded: LoadedConfig) -> dict[str, dict[str, object]]:
    """For each key its value, secrets and credentials in URLs masked, and its source."""
    return {
        key: {"value": _shown(key, loaded), "source": loaded.sources[key]} for key in key_paths()
    }


def _shown(key: str, loaded: LoadedConfig) -> object:
    section, name = key_paths()[key]
    value = getattr(getattr(loaded.config, section), name)
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, Path):
        return str(value)
    if key in URL_KEYS:
        return [masked_url(url) for url in value]
    return list(value) if isinstance(value, tuple) else value
