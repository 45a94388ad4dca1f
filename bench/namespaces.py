"""Sequencers in network namespaces of their own, joined by a bridge: each has a cable that a
benchmark can pull. Needs root and iproute2; everything is removed at the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import Cluster, Node, first_object
from bench.devnet_process import METIS_NODE
from metis_node.node.keys import devnet_accounts

BRIDGE = "metis-br"
SUBNET = "10.77.0"
RPC_PORT = 8545


@dataclass
class FarNode(Node):
    """A sequencer behind a cable."""

    def pull_cable(self) -> None:
        _ip("link", "set", self._cable, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self._cable, "up")

    @property
    def _cable(self) -> str:
        return _cable(self.name)

    def command(self) -> list[str]:
        program = [str(METIS_NODE), "start", "--init", "--config", self.config, "--json"]
        return ["ip", "netns", "exec", _namespace(self.name), *program]


@contextlib.contextmanager
def running_namespaces(
    size: int, *, block_time_ms: int = 1_000, keep: Path | None = None
) -> Iterator[Cluster]:
    """Like `running_cluster`, with an embedded L1 on the bridge."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise SystemExit("network namespaces need root and iproute2 (apt-get install iproute2)")
    names = [f"node-{number}" for number in range(1, size + 1)]
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="metis-namespaces-"))
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_wired(names))
        l1 = stack.enter_context(_l1(folder))
        _prepare(folder, names, block_time_ms, l1)
        nodes: list[Node] = [_node(folder, index, name) for index, name in enumerate(names)]
        for node in nodes:
            node.start()
            stack.callback(_stop, node)
        yield Cluster(nodes=nodes, keys=["0x" + bytes(a.key).hex() for a in devnet_accounts(2)])


@contextlib.contextmanager
def _wired(names: list[str]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        _ip("link", "add", BRIDGE, "type", "bridge")
        stack.callback(_ip, "link", "del", BRIDGE)
        _ip("addr", "add", f"{SUBNET}.1/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for index, name in enumerate(names):
            space, cable = _namespace(name), _cable(name)
            _ip("netns", "add", space)
            stack.callback(_ip, "netns", "del", space)
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", cable, "master", BRIDGE, "up")
            _ip("-n", space, "addr", "add", f"{_address(index)}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "lo", "up")
            _ip("-n", space, "link", "set", "eth0", "up")
        yield


@contextlib.contextmanager
def _l1(folder: Path) -> Iterator[str]:
    command = [
        *(str(METIS_NODE), "l1-dev", "--json", "--host", f"{SUBNET}.1", "--port", "0"),
        *("-d", str(folder / "l1")),
    ]
    log = folder / "l1.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stream)
    try:
        yield str(first_object(process, str(log))["rpc"])
    finally:
        process.terminate()
        process.wait()


def _prepare(folder: Path, names: list[str], block_time_ms: int, l1: str) -> None:
    """Directories of nodes that know each other by name, made to know their addresses: here is no
    name server."""
    command = [
        *(str(METIS_NODE), "devnet", "--prepare", "--sequencers", str(len(names)), "--l1", l1),
        *("-d", str(folder / "net"), "--block-time-ms", str(block_time_ms)),
    ]
    with (folder / "prepare.log").open("ab") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True)
    for name in names:
        config = folder / "net" / name / "config.toml"
        text = config.read_text()
        for index, other in enumerate(names):
            text = text.replace(f"/dns4/{other}/", f"/ip4/{_address(index)}/")
        config.write_text(text)


def _node(folder: Path, index: int, name: str) -> FarNode:
    return FarNode(
        name=name,
        url=f"http://{_address(index)}:{RPC_PORT}",
        pid=0,
        config=str(folder / "net" / name / "config.toml"),
        log=str(folder / f"{name}.log"),
    )


def _stop(node: Node) -> None:
    if node.child is not None and node.child.poll() is None:
        node.child.terminate()
        node.child.wait()


def _namespace(name: str) -> str:
    return f"metis-{name}"


def _cable(name: str) -> str:
    return f"v-{name}"  # at most 15 characters


def _address(index: int) -> str:
    return f"{SUBNET}.{10 + index}"


def _ip(*arguments: str) -> None:
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {result.stderr.strip()}")
