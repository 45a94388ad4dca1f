"""What `metis-node devnet --sequencers N` shows: a banner, then a table that follows the nodes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from metis_node.node.cluster import RunningNode
    from metis_node.node.cluster_config import Member


def run(
    *,
    data_dir: Path,
    sequencers: int,
    host: str,
    port: int,
    l1: str | None,
    l1_port: int,
    l1_block_time_ms: int,
    l1_fork: str,
    l1_wait_s: float,
    reset: bool,
    chain_id: int | None,
    block_time_ms: int | None,
    gas_limit: int | None,
    max_block_bytes: int | None,
    epoch_length: int,
    static_set: bool,
    followers: int,
    prepare: bool,
    log_level: str,
    json: bool,
) -> None:
    """Run until a signal; `prepare`: write the nodes' directories and return."""
    from metis_node.errors import InvalidConfig
    from metis_node.node.cli.devnet_banner import print_banner
    from metis_node.node.cluster import ClusterSettings, prepare_cluster, run_cluster
    from metis_node.node.cluster_directory import ClusterDirectory
    from metis_node.node.devnet_directory import ChainChoices
    from metis_node.node.logs import configure_logs

    configure_logs(level=log_level)
    if prepare and l1 is None:
        raise InvalidConfig("--prepare needs --l1: nodes that run elsewhere share an L1 elsewhere")
    if reset:
        ClusterDirectory(data_dir, sequencers).delete()
    settings = ClusterSettings(
        data_dir=data_dir,
        sequencers=sequencers,
        host=host,
        port=port,
        l1=l1,
        l1_port=_l1_port(port, l1_port, sequencers),
        l1_block_time_ms=l1_block_time_ms,
        l1_fork=l1_fork,
        l1_wait_s=l1_wait_s,
        choices=ChainChoices(
            chain_id=chain_id,
            block_time_ms=block_time_ms,
            gas_limit=gas_limit,
            max_block_bytes=max_block_bytes,
        ),
        epoch_length=epoch_length,
        staked=not static_set,
        followers=followers,
        log_level=log_level,
    )
    if prepare:
        _print_prepared(prepare_cluster(settings, say=_say), json=json)
        return
    display = NodeTable() if sys.stdout.isatty() and not json else None
    try:
        run_cluster(
            settings,
            say=_say,
            announce=lambda facts: print_banner(facts, json=json),
            display=display,
        )
    finally:
        if display is not None:
            display.close()


def _print_prepared(members: Sequence[Member], *, json: bool) -> None:
    from metis_node.node.cli.devnet_banner import account_facts
    from metis_node.node.cli.printing import print_json

    facts = account_facts()
    if json:
        nodes = [{"name": one.name, "config": str(one.config_file)} for one in members]
        print_json({"nodes": nodes, **facts})
        return
    for one in members:
        print(f"{one.name:12} metis-node start --init --config {one.config_file}")
    print("\nFunded accounts, everybody knows their keys:\n")
    for index, account in enumerate(facts["accounts"]):
        print(f"  ({index}) {account['address']}  {account['private_key']}")


def _l1_port(port: int, l1_port: int, sequencers: int) -> int:
    """The nodes' ports count up from the first: the L1 makes room for them."""
    if port and port <= l1_port < port + sequencers:
        return port + sequencers
    return l1_port


class NodeTable:
    """A table that is drawn again in its place. See `cluster.Display`."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def show(self, nodes: Sequence[RunningNode], seen: Sequence[dict[str, Any] | None]) -> None:
        from rich.live import Live

        table = node_table(nodes, seen)
        if self._live is None:
            self._live = Live(table, auto_refresh=False)
            self._live.start()
        self._live.update(table, refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()


def node_table(nodes: Sequence[RunningNode], seen: Sequence[dict[str, Any] | None]) -> Table:
    """One row a node: who leads, how far it is, whom it sees."""
    from rich.table import Table

    table = Table("node", "", "head", "epoch", "round", "peers", "JSON-RPC", "pid")
    for node, status in zip(nodes, seen, strict=True):
        table.add_row(node.member.name, *_cells(status), node.url, str(node.process.pid))
    return table


def _cells(status: dict[str, Any] | None) -> list[str]:
    if status is None:
        return ["[red]no answer[/red]", "", "", "", ""]
    active = status["active"] or {}
    state = "[green]leads[/green]" if active.get("isMe") else ""
    if status["stoppedSigning"]:
        state = "[red]does not sign[/red]"
    elif status["isSyncing"]:
        state = "catches up"
    numbers = (status["head"]["number"], active.get("epoch"), status["round"], status["peers"])
    return [state, *["" if number is None else str(int(number, 16)) for number in numbers]]


def _say(step: str) -> None:
    if sys.stderr.isatty():
        print(f"{step} ...", file=sys.stderr, flush=True)
