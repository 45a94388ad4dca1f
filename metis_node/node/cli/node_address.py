"""Where the running node is that a command asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metis_node.node.cli.options import loaded_config

if TYPE_CHECKING:
    from metis_node.node.json_rpc_client import JsonRpcClient


def node_client(config: Path | None, data_dir: Path | None, rpc: str | None) -> JsonRpcClient:
    """At `--rpc`, else where the configuration says that it listens."""
    from metis_node.node.json_rpc_client import JsonRpcClient

    return JsonRpcClient(url=rpc or _configured_url(config, data_dir))


def _configured_url(config: Path | None, data_dir: Path | None) -> str:
    """The configured address; a devnet writes its own port into its configuration."""
    rpc = loaded_config(config, data_dir, None).config.rpc
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(rpc.host, rpc.host)
    return f"http://{host}:{rpc.port}"
