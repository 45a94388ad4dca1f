"""`metis-node yield`, `explain` and `status` against a node of an agreement that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from metis_node.engine.heads import Heads, PendingTransactions
from metis_node.node.cli.main import run
from metis_node.node.exit_codes import ExitCode
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.rpc.backend import Backend
from metis_node.rpc.server import RpcServer
from tests.integration.consensus.asking import backend_of
from tests.integration.consensus.test_faces import leader_of
from tests.integration.consensus.village import Villager, village
from tests.integration.rpc.rpc_node import running_node

Capture = pytest.CaptureFixture[str]


@asynccontextmanager
async def served(villager: Villager, **options: Any) -> AsyncIterator[str]:
    """The address of an RPC server over the villager's agreement."""
    known = backend_of(villager)
    with ThreadPoolExecutor(2) as readers:
        backend = Backend(
            client_version="metis-node/test",
            blockchain=villager.chain,
            queries=known.queries,
            mempool=villager.mempool,
            intake=cast("Any", None),  # nothing is sent
            heads=Heads(),
            pending=PendingTransactions(),
            readers=readers,
            registry=CollectorRegistry(),
            epochs=known.epochs,
            consensus=known.consensus,
            peer_count=known.peer_count,
            **options,
        )
        async with RpcServer(backend, port=0) as server:
            yield server.url


async def command(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command, while the village goes on."""
    with capture_logs():  # they go to standard output here
        capsys.readouterr()
        code = await asyncio.to_thread(run, list(arguments))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


async def test_a_sequencer_is_told_what_a_yield_does_and_does_it(
    tmp_path: Path, capsys: Capture
) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(2)
        leader = await leader_of(made)
        me = leader.host.me
        async with served(leader) as url:
            code, _, error = await command(capsys, "yield", "--rpc", url)
            assert code == ExitCode.INVALID  # nobody to ask
            assert "say so with --yes" in error
            assert leader.host.active_sequencer() == me
            code, out, error = await command(capsys, "yield", "--yes", "--json", "--rpc", url)
            assert code == ExitCode.OK, error
            plan = orjson.loads(out)
            assert plan["yielded"]
            assert plan["sequencer"] == int(leader.name.removeprefix("node-"))
            await made.until(lambda: leader.host.active_sequencer() not in (None, me))
            after = await leader_of(made)
            assert plan["next"] == int(after.name.removeprefix("node-"))
            code, _, error = await command(capsys, "yield", "--yes", "--rpc", url)
            assert code == ExitCode.INVALID
            assert "holds the turn, not this node" in error
            height = next(
                number for number, tale in leader.story.tales.items() if len(tale.rounds) > 1
            )
            code, out, error = await command(capsys, "explain", str(height), "--rpc", url)
            assert code == ExitCode.OK, error
            assert "its sequencer let the turn pass" in out
            assert f"sequencer {plan['next']} built instead" in out


async def test_a_node_that_serves_no_admin_says_how_to_yield(
    tmp_path: Path, capsys: Capture
) -> None:
    async with village(tmp_path, 2) as made:
        await made.height(2)
        leader = await leader_of(made)
        async with served(leader, namespaces=frozenset({"metis", "eth"})) as url:
            code, _, error = await command(capsys, "yield", "--yes", "--rpc", url)
        assert code == ExitCode.INVALID
        assert "add it to rpc.namespaces" in error


async def test_a_height_is_explained_to_people_and_to_programs(
    tmp_path: Path, capsys: Capture
) -> None:
    async with village(tmp_path, 4) as made:
        await made.height(3)
        async with served(made.villagers["node-1"]) as url:  # type: ignore[index]
            code, out, _ = await command(capsys, "explain", "2", "--rpc", url)
            assert code == ExitCode.OK
            assert "whose turn it was; decided by" in out
            assert "OUTCOME" in out
            code, out, _ = await command(capsys, "explain", "2", "--json", "--rpc", url)
            assert code == ExitCode.OK
            assert orjson.loads(out)["height"] == "0x2"
            code, _, error = await command(capsys, "explain", "99999", "--rpc", url)
            assert code == ExitCode.INVALID
            assert "has no story" in error


async def test_the_status_names_leader_epoch_peers_and_round(
    tmp_path: Path, capsys: Capture
) -> None:
    async with village(tmp_path, 3) as made:
        await made.height(2)
        leader = await leader_of(made)
        async with served(leader) as url:
            code, out, error = await command(capsys, "status", "--rpc", url)
            assert code == ExitCode.OK, error
            lines = {line.split("  ")[0]: line for line in out.splitlines()}
            number = leader.name.removeprefix("node-")
            assert f"sequencer {number} (0x" in lines["leader"]
            assert "this node" in lines["leader"]
            assert lines["epoch"].split()[-1] == "0"
            assert "round 0" in lines["agreement"]
            assert lines["signing"].split()[-1] == "yes"
            assert lines["peers"].split()[-1] == "2"
            leader.host._key.stopped = "its key signs elsewhere"
            _, out, _ = await command(capsys, "status", "--rpc", url)
            assert "stopped: its key signs elsewhere" in out
            code, out, _ = await command(capsys, "status", "--json", "--rpc", url)
            assert orjson.loads(out)["agreement"]["stoppedSigning"] == "its key signs elsewhere"


async def test_a_chain_without_validators_has_no_turns(capsys: Capture) -> None:
    async with running_node(builds_alone=True) as node:
        url = f"http://127.0.0.1:{node.server.port}"
        code, _, error = await command(capsys, "explain", "1", "--rpc", url)
        assert code == ExitCode.INVALID
        assert "has no validators" in error
        code, _, error = await command(capsys, "yield", "--yes", "--rpc", url)
        assert code == ExitCode.INVALID
        assert "no turn to hand on" in error
        status, body = await node.get("/leader")
        assert (status, orjson.loads(body)["leader"]) == (200, True)
    async with running_node() as node:
        status, body = await node.get("/leader")
        assert (status, orjson.loads(body)["reason"]) == (503, "this node builds no blocks")


async def test_a_transaction_tells_by_whom_it_was_sequenced_and_that_it_is_decided(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, 2) as made:
        await made.height(2)
        one = made.villagers["node-1"]  # type: ignore[index]
        async with served(one) as url:

            def ask(method: str, *params: Any) -> Any:
                return JsonRpcClient(url=url).call(method, *params)

            block = await asyncio.to_thread(ask, "eth_getBlockByNumber", "0x1", False)
            told = await asyncio.to_thread(ask, "metis_transactionStatus", block["transactions"][0])
            builder = (await asyncio.to_thread(ask, "metis_explain", "0x1"))["builder"]
            assert (told["status"], told["blockNumber"]) == ("decided", "0x1")
            assert (told["sequencerId"], told["sequencer"]) == (builder["id"], builder["signer"])
            sync = await asyncio.to_thread(ask, "metis_syncStatus")
            assert (sync["peers"], sync["isValidator"]) == ("0x1", True)
            assert await asyncio.to_thread(ask, "net_peerCount") == "0x1"
            leaders = [
                await asyncio.to_thread(JsonRpcClient(url=url).fetch, path)
                for path in ("/leader", "/readyz")
            ]
            assert leaders[0][0] in (200, 503)
            assert orjson.loads(leaders[0][1])["active"]["epoch"] == "0x0"
            assert leaders[1][0] == 200
