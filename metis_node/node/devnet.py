"""A devnet from start to end: its L1, its directory, its sequencer.

The files are `devnet_directory.py`'s business, the L1 child `l1_process.py`'s. Heavy imports stand
after the start of the L1, which takes a moment of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metis_node.node.child_process import ChildProcess
from metis_node.node.l1_process import l1_process

if TYPE_CHECKING:
    from metis_node.execution.genesis import Genesis
    from metis_node.node.config import Config
    from metis_node.node.devnet_contracts import DevnetContracts
    from metis_node.node.devnet_directory import DevnetDirectory
    from metis_node.node.node import Ready
    from metis_node.node.service import Service

EMBEDDED_CONFIRMATIONS = 0  # the embedded L1 never reorganises
EXTERNAL_CONFIRMATIONS = 1
DEPLOYMENT_PATIENCE_S = 90.0  # some blocks of a slow L1; after that the banner comes without it


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
    contracts: bool
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
        from metis_node.node.node import run_node
        from metis_node.node.runtime import run_daemon

        l1_url = str(child.await_facts()["rpc"]) if child is not None else str(settings.l1)
        directory = DevnetDirectory(settings.data_dir)
        genesis = _chain(directory, settings, l1_url)
        deployment = _deployment(directory, settings, l1_url, genesis)
        config = _config(directory, settings, l1_url)
        _ensure_block_0(config, genesis)
        say("starting the sequencer")
        announcer = _Announcer(
            announce=announce,
            deployment=deployment,
            more={
                "l1": l1_url,
                "l1_pid": child.pid if child is not None else None,
                "data_dir": str(settings.data_dir),
            },
            say=say,
        )
        companions: dict[str, Service] = {"banner": announcer.run}
        if child is not None:
            companions["embedded L1"] = child.watch
        run_daemon(
            lambda stop: run_node(
                config, genesis, stop=stop, on_ready=announcer.on_ready, companions=companions
            )
        )


class _Announcer:
    """Tells what there is once the node serves and the contracts stand (or cannot)."""

    def __init__(
        self,
        *,
        announce: Callable[[dict[str, Any]], None],
        deployment: Future[DevnetContracts] | None,
        more: dict[str, Any],
        say: Callable[[str], None],
    ) -> None:
        self._announce = announce
        self._deployment = deployment
        self._more = more
        self._say = say
        self._ready: asyncio.Future[Ready] | None = None

    def on_ready(self, ready: Ready) -> None:
        assert self._ready is not None  # services start before the node is ready
        self._ready.set_result(ready)

    async def run(self) -> None:
        """A companion of the node: it lives as long."""
        self._ready = asyncio.get_running_loop().create_future()
        ready = await self._ready
        contracts: dict[str, Any] = {"contracts": None, "contracts_problem": None}
        if self._deployment is not None:
            if not self._deployment.done():
                self._say("deploying the contracts onto the L1")
            contracts = await self._outcome(self._deployment)
        self._announce(ready.facts() | self._more | contracts)
        await asyncio.Event().wait()

    async def _outcome(self, deployment: Future[DevnetContracts]) -> dict[str, Any]:
        """An L1 that takes long must not keep back what serves already."""
        outcome = asyncio.wrap_future(deployment)
        done, _ = await asyncio.wait([outcome], timeout=DEPLOYMENT_PATIENCE_S)
        if done:
            return outcome.result().facts()
        problem = f"not finished after {DEPLOYMENT_PATIENCE_S:g} s; it goes on"
        return {"contracts": None, "contracts_problem": problem}


def reset_devnet(data_dir: Path) -> None:
    """Delete what a devnet wrote there, and nothing else. InvalidConfig for a foreign directory."""
    from metis_node.node.assembly import database_dir
    from metis_node.node.devnet_directory import DevnetDirectory

    DevnetDirectory(data_dir).delete(database_dir(data_dir))


def _embedded_l1(settings: DevnetSettings) -> AbstractContextManager[ChildProcess]:
    return l1_process(
        data_dir=settings.data_dir / "l1",
        log_file=settings.data_dir / "l1.log",
        host=settings.host,
        port=settings.l1_port,
        block_time_ms=settings.l1_block_time_ms,
        fork=settings.l1_fork,
    )


def _deployment(
    directory: DevnetDirectory, settings: DevnetSettings, l1_url: str, genesis: Genesis
) -> Future[DevnetContracts] | None:
    if not settings.contracts:
        return None
    from metis_node.node.devnet_contracts import deploy_beside

    return deploy_beside(
        l1_url=l1_url,
        l1_chain_id=genesis.rules.l1_chain_id,
        l2_chain_id=genesis.rules.chain_id,
        file=directory.contracts_file,
    )


def _chain(directory: DevnetDirectory, settings: DevnetSettings, l1_url: str) -> Genesis:
    from metis_node.node.devnet_directory import ChainChoices, await_l1
    from metis_node.node.json_rpc_client import JsonRpcClient

    l1 = JsonRpcClient(url=l1_url)
    await_l1(l1, patience_s=settings.l1_wait_s)
    choices = ChainChoices(**settings.rules)
    if directory.exists:
        return directory.reopen(l1, choices)
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
