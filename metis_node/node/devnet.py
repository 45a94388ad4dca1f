"""A devnet from start to end: its L1, its directory, its sequencer.

The files are `devnet_directory.py`'s business, the L1 child `l1_process.py`'s. Heavy imports stand
after the start of the L1, which takes a moment of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metis_node.node.l1_process import L1Process, l1_process

if TYPE_CHECKING:
    from metis_node.execution.genesis import Genesis
    from metis_node.node.config import Config
    from metis_node.node.devnet_directory import DevnetDirectory

EMBEDDED_CONFIRMATIONS = 0  # the embedded L1 never reorganises
EXTERNAL_CONFIRMATIONS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DevnetSettings:
    """What the operator asked for. `rules` and `l1_*` are of a new chain, None: the default."""

    data_dir: Path
    host: str
    port: int
    l1: str | None  # URL; None: the embedded one
    l1_port: int
    l1_block_time_ms: int
    l1_fork: str
    l1_wait_s: float
    batcher: bool
    rules: Mapping[str, int | None]
    flags: Mapping[str, object]  # keys of the configuration


def run_devnet(
    settings: DevnetSettings,
    *,
    say: Callable[[str], None],
    announce: Callable[[dict[str, Any]], None],
) -> None:
    """Run until a signal. `announce` gets everything that a user needs, once all serves."""
    with ExitStack() as stack:
        child = stack.enter_context(_embedded_l1(settings)) if settings.l1 is None else None
        say("starting the embedded L1" if child else f"waiting for the L1 at {settings.l1}")
        from metis_node.node.devnet_directory import DevnetDirectory
        from metis_node.node.node import Ready, run_node
        from metis_node.node.runtime import run_daemon

        l1_url = child.await_url() if child is not None else str(settings.l1)
        directory = DevnetDirectory(settings.data_dir)
        genesis = _chain(directory, settings, l1_url)
        config = _config(directory, settings, l1_url)
        _ensure_block_0(config, genesis)
        say("starting the sequencer")

        def on_ready(ready: Ready) -> None:
            l1 = {"l1": l1_url, "l1_pid": child.pid if child is not None else None}
            announce(ready.facts() | l1 | {"data_dir": str(settings.data_dir)})

        companions = {"embedded L1": child.watch} if child is not None else {}
        run_daemon(
            lambda stop: run_node(
                config, genesis, stop=stop, on_ready=on_ready, companions=companions
            )
        )


def reset_devnet(data_dir: Path) -> None:
    """Delete what a devnet wrote there, and nothing else. InvalidConfig for a foreign directory."""
    from metis_node.node.assembly import database_dir
    from metis_node.node.devnet_directory import DevnetDirectory

    DevnetDirectory(data_dir).delete(database_dir(data_dir))


def _embedded_l1(settings: DevnetSettings) -> AbstractContextManager[L1Process]:
    return l1_process(
        data_dir=settings.data_dir / "l1",
        log_file=settings.data_dir / "l1.log",
        host=settings.host,
        port=settings.l1_port,
        block_time_ms=settings.l1_block_time_ms,
        fork=settings.l1_fork,
    )


def _chain(directory: DevnetDirectory, settings: DevnetSettings, l1_url: str) -> Genesis:
    from metis_node.node.devnet_directory import ChainChoices, await_l1
    from metis_node.node.json_rpc_client import JsonRpcClient

    l1 = JsonRpcClient(url=l1_url)
    await_l1(l1, patience_s=settings.l1_wait_s)
    choices = ChainChoices(**settings.rules)
    if directory.exists:
        return directory.reopen(choices)
    confirmations = EMBEDDED_CONFIRMATIONS if settings.l1 is None else EXTERNAL_CONFIRMATIONS
    return directory.create(l1, choices, confirmations=confirmations)


def _config(directory: DevnetDirectory, settings: DevnetSettings, l1_url: str) -> Config:
    from metis_node.node.config import load_config
    from metis_node.node.devnet_directory import BATCHER_KEY, PASSWORD_FILE

    flags = {
        "chain.data_dir": directory.path,
        "l1.endpoints": l1_url,
        "rpc.host": settings.host,
        "rpc.port": settings.port,
        "batcher.enabled": settings.batcher,
        "keys.batcher": BATCHER_KEY,
        "keys.password_file": directory.path / PASSWORD_FILE,
    }
    return load_config(directory.config_file, flags | dict(settings.flags)).config


def _ensure_block_0(config: Config, genesis: Genesis) -> None:
    from metis_node.node.assembly import initialise_chain, is_initialised

    if not is_initialised(config.chain.data_dir):
        initialise_chain(config.chain.data_dir, config.storage, genesis)
