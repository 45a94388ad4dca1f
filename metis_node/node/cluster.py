"""A devnet with several sequencers: its L1, and every node as a process of its own.

Files are `cluster_directory.py`'s business. This process only starts, watches, tells and ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from metis_node.errors import MetisError
from metis_node.execution.genesis import Genesis
from metis_node.node.assembly import initialise_chain, is_initialised
from metis_node.node.child_process import ChildProcess, running_child
from metis_node.node.cluster_config import Member, Placement
from metis_node.node.cluster_directory import ClusterDirectory
from metis_node.node.config import load_config
from metis_node.node.devnet import EMBEDDED_CONFIRMATIONS, EXTERNAL_CONFIRMATIONS
from metis_node.node.devnet_directory import ChainChoices, await_l1
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.l1_process import l1_process

LOOK_S = 1.0
MIN_STARTED_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """What the operator asked for. `choices` are of a new chain."""

    data_dir: Path
    sequencers: int
    host: str
    port: int  # of the first node's JSON-RPC; the others follow. 0: any
    l1: str | None  # URL; None: the embedded one
    l1_port: int
    l1_block_time_ms: int
    l1_fork: str
    l1_wait_s: float
    choices: ChainChoices
    epoch_length: int
    staked: bool  # or the genesis file names the validators
    followers: int
    log_level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNode:
    """A node that serves."""

    member: Member
    process: ChildProcess
    facts: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.facts["rpc"])


class Display(Protocol):
    """Where the table goes."""

    def show(self, nodes: Sequence[RunningNode], seen: Sequence[dict[str, Any] | None]) -> None:
        """`seen`: each node's `metis_syncStatus` with its `metis_activeSequencer`
        as `active`; None where it does not answer."""
        ...


def run_cluster(
    settings: ClusterSettings,
    *,
    say: Callable[[str], None],
    announce: Callable[[dict[str, Any]], None],
    display: Display | None,
) -> None:
    """Run until a signal. `announce` gets everything that a user needs, once all serve."""
    with ExitStack() as stack:
        child = None
        if settings.l1 is None:
            say("starting the embedded L1")
            child = stack.enter_context(
                l1_process(
                    data_dir=settings.data_dir / "l1",
                    log_file=settings.data_dir / "l1.log",
                    host=settings.host,
                    port=settings.l1_port,
                    block_time_ms=settings.l1_block_time_ms,
                    fork=settings.l1_fork,
                )
            )
        l1_url = settings.l1 or str(child.await_facts()["rpc"] if child is not None else "")
        directory = ClusterDirectory(settings.data_dir, settings.sequencers, settings.followers)
        genesis = _chain(directory, settings, l1_url, say)
        members = _members(directory, settings, l1_url, genesis)
        say(f"starting {len(members)} nodes")
        nodes = _started(members, stack)
        announce(_facts(settings, directory, l1_url, child, nodes))
        asyncio.run(_watch(nodes, child, display))


def prepare_cluster(settings: ClusterSettings, *, say: Callable[[str], None]) -> list[Member]:
    """Write the directories of nodes that run elsewhere, each where its name leads to."""
    assert settings.l1 is not None
    directory = ClusterDirectory(settings.data_dir, settings.sequencers, settings.followers)
    _chain(directory, settings, settings.l1, say)
    return directory.configure(_placement(settings, settings.l1, apart=True))


def _chain(
    directory: ClusterDirectory, settings: ClusterSettings, l1_url: str, say: Callable[[str], None]
) -> Genesis:
    l1 = JsonRpcClient(url=l1_url)
    await_l1(l1, patience_s=settings.l1_wait_s)
    if directory.exists:
        return directory.reopen()
    if settings.staked:
        say("deploying the contracts and locking stake on the L1")
    return directory.create(
        l1,
        settings.choices,
        confirmations=_confirmations(settings),
        epoch_length=settings.epoch_length,
        staked=settings.staked,
    )


def _confirmations(settings: ClusterSettings) -> int:
    return EMBEDDED_CONFIRMATIONS if settings.l1 is None else EXTERNAL_CONFIRMATIONS


def _placement(settings: ClusterSettings, l1_url: str, *, apart: bool) -> Placement:
    return Placement(
        apart=apart,
        host=settings.host,
        first_port=settings.port,
        l1_url=l1_url,
        confirmations=_confirmations(settings),
        log_level=settings.log_level,
    )


def _members(
    directory: ClusterDirectory, settings: ClusterSettings, l1_url: str, genesis: Genesis
) -> list[Member]:
    members = directory.configure(_placement(settings, l1_url, apart=False))
    for member in members:
        storage = load_config(member.config_file).config.storage
        if not is_initialised(member.path):
            initialise_chain(member.path, storage, genesis)
    return members


def _started(members: Sequence[Member], stack: ExitStack) -> list[RunningNode]:
    """A few at once: each needs seconds of a core, and all together would be too late."""
    group = max(MIN_STARTED_AT_ONCE, os.cpu_count() or 1)
    return [
        node
        for first in range(0, len(members), group)
        for node in _started_together(members[first : first + group], stack)
    ]


def _started_together(members: Sequence[Member], stack: ExitStack) -> list[RunningNode]:
    processes = [
        stack.enter_context(
            running_child(
                member.name,
                ["start", "--config", str(member.config_file), "--json"],
                member.log_file,
            )
        )
        for member in members
    ]
    return [
        RunningNode(member=member, process=process, facts=process.await_facts())
        for member, process in zip(members, processes, strict=True)
    ]


def _facts(
    settings: ClusterSettings,
    directory: ClusterDirectory,
    l1_url: str,
    l1: ChildProcess | None,
    nodes: Sequence[RunningNode],
) -> dict[str, Any]:
    first = nodes[0].facts
    return {
        **first,
        "l1": l1_url,
        "l1_pid": l1.pid if l1 is not None else None,
        "data_dir": str(settings.data_dir),
        "contracts": str(directory.contracts_file) if directory.contracts_file.is_file() else None,
        "contracts_problem": None,
        "sequencers": [_node_facts(node) for node in nodes if node.member.is_sequencer],
        "followers": [_node_facts(node) for node in nodes if not node.member.is_sequencer],
    }


def _node_facts(node: RunningNode) -> dict[str, Any]:
    return {
        "name": node.member.name,
        "rpc": node.url,
        "pid": node.process.pid,
        "config": str(node.member.config_file),
        "log": str(node.member.log_file),
    }


async def _watch(
    nodes: Sequence[RunningNode], l1: ChildProcess | None, display: Display | None
) -> None:
    """Until a signal. A node may die and be started again by hand: the others go on without it."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(stop.wait())]
    if l1 is not None:
        tasks.append(asyncio.ensure_future(l1.watch()))
    if display is not None:
        tasks.append(asyncio.ensure_future(_look(nodes, display)))
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


async def _look(nodes: Sequence[RunningNode], display: Display) -> None:
    while True:
        seen = await asyncio.gather(*[asyncio.to_thread(_status, node.url) for node in nodes])
        display.show(nodes, seen)
        await asyncio.sleep(LOOK_S)


def _status(url: str) -> dict[str, Any] | None:
    try:
        status, active = JsonRpcClient(url=url, timeout_s=LOOK_S).batch(
            [("metis_syncStatus", []), ("metis_activeSequencer", [])]
        )
    except MetisError:
        return None
    return {**status, "active": active}
