"""`metis-node doctor` before a healthy machine, and before each thing that can be wrong with it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from metis_node.node.checkup.endpoints import look_at_all
from metis_node.node.checkup.finding import Finding
from metis_node.node.checkup.machine import disk_finding
from metis_node.node.checkup.rounds import examine
from metis_node.node.cli.main import run
from metis_node.node.config import Config, load_config
from metis_node.node.devnet_genesis import layer2_genesis
from metis_node.node.exit_codes import ExitCode
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import devnet_accounts
from tests.e2e.staking_world import CHEAP, L1, Operator, anvil_l1


@pytest.fixture(scope="module")
def l1() -> Iterator[L1]:
    with anvil_l1() as running:
        yield running


@pytest.fixture
def operator(l1: L1, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    operator = Operator(tmp_path, l1, capsys)
    operator.deploy()  # of the same salt: all but the first find it done
    genesis = layer2_genesis(
        timestamp=0,
        funded=[],
        batch_submitter=operator.accounts[9].address,
        l1_chain_id=l1.chain_id,
        l1_origin=None,
    )
    (tmp_path / "genesis.json").write_bytes(orjson.dumps(genesis))
    operator.keys.store("batcher", devnet_accounts(10)[9], "pw", iterations=CHEAP)
    operator.keys.create("signer", "pw", iterations=CHEAP)
    operator.keys.store("owner", devnet_accounts(1)[0], "pw", iterations=CHEAP)
    l1.rpc.call("anvil_mine", "0x1")  # a head that is young
    return operator


def config_of(operator: Operator, **changes: Any) -> Config:
    values = {
        "chain.data_dir": operator.directory,
        "chain.genesis": operator.directory / "genesis.json",
        "rpc.port": 0,
    }
    flags = values | {name.replace("__", "."): value for name, value in changes.items()}
    return load_config(operator.directory / "node.toml", flags, {}).config


def failing(operator: Operator, **changes: Any) -> dict[str, Finding]:
    findings = examine(config_of(operator, **changes))
    return {finding.check: finding for finding in findings if finding.state == "fail"}


def test_a_machine_in_order_passes(operator: Operator) -> None:
    assert failing(operator) == {}
    states = {finding.check: finding.state for finding in examine(config_of(operator))}
    for check in ("genesis", "contracts", "contract versions", "disk", "key signer"):
        assert states[check] == "ok"
    assert states["key owner"] == "ok"
    assert states["balance batcher"] == "ok"


def test_the_command_tells_people_and_scripts(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["doctor", "-c", str(operator.directory / "node.toml"), "-s", "rpc.port=0"]
    arguments += ["-s", f"chain.genesis={operator.directory / 'genesis.json'}"]
    arguments += ["-s", f"chain.data_dir={operator.directory}"]
    assert run([*arguments, "--json"]) == ExitCode.OK
    report = orjson.loads(capsys.readouterr().out)
    assert report["healthy"] is True
    assert run([*arguments, "-s", "l1.endpoints=http://127.0.0.1:9"]) == ExitCode.FAILED_CHECK
    printed = capsys.readouterr().out
    assert "fail  l1 http://127.0.0.1:9" in printed
    assert "-> is it running?" in printed


def test_every_failure_says_what_to_do(operator: Operator) -> None:
    nothing = {"chain__data_dir": operator.directory / "x", "keys__dir": operator.directory / "x"}
    found = failing(operator, **nothing, l1__endpoints="http://127.0.0.1:9", chain__genesis="/x")
    assert {"genesis", "key signer", "key batcher"} <= set(found)
    assert all(finding.remedy for finding in found.values())


def test_endpoints_that_are_dead_or_of_another_chain(operator: Operator) -> None:
    dead = failing(operator, l1__endpoints=f"{operator.l1.url},http://127.0.0.1:9")
    assert list(dead) == ["l1 http://127.0.0.1:9"]
    with answering(chain_id=5) as url:
        other = failing(operator, l1__endpoints=url)
        assert "chain 5, this network is on L1 chain 31337" in other[f"l1 {url}"].found
    with answering(body=b"<html>") as url:
        garbage = failing(operator, l1__endpoints=url)[f"l1 {url}"]
        assert "no answer" in garbage.found
    with answering(body=b'[{"id": 0, "result": null}]') as url:
        garbage = failing(operator, l1__endpoints=url)[f"l1 {url}"]
        assert "does not answer like an Ethereum node" in garbage.found


def test_a_head_that_is_old_or_lags(operator: Operator) -> None:
    with answering(head_age_s=3_600) as old:
        assert "too old" in failing(operator, l1__endpoints=old)[f"l1 {old}"].remedy
    with answering(head=100) as best, answering(head=90) as late:
        findings = examine(config_of(operator, l1__endpoints=f"{best},{late}"))
        lagging = next(finding for finding in findings if finding.check == f"l1 {late}")
        assert lagging.state == "warn"
        assert "10 blocks behind" in lagging.remedy


@pytest.mark.parametrize(("offset", "words"), [(60, "behind"), (-60, "ahead of")])
def test_a_clock_that_is_wrong(operator: Operator, offset: int, words: str) -> None:
    with answering(clock_offset_s=offset) as url:
        clock = failing(operator, l1__endpoints=url)["clock"]
    assert words in clock.found
    assert "time server" in clock.remedy


def test_contracts_of_another_code_chain_or_format(operator: Operator) -> None:
    pool = operator.address("LockingPool")
    code = operator.l1.rpc.call("eth_getCode", pool, "latest")
    operator.l1.rpc.call("anvil_setCode", pool, "0x60016002")
    assert "other code" in failing(operator)["contracts"].found
    operator.l1.rpc.call("anvil_setCode", pool, code)
    written = operator.contracts.read_bytes()
    operator.contracts.write_bytes(written.replace(b'"l2_chain_id": 901', b'"l2_chain_id": 902'))
    assert "of L2 chain 902" in failing(operator)["contracts"].found
    operator.contracts.write_bytes(written.replace(b'"complete": true', b'"complete": false'))
    assert "cut short" in failing(operator)["contracts"].found
    operator.contracts.write_bytes(b"{}")
    assert "no addresses file" in failing(operator)["contracts"].found


def test_keys_that_are_open_missing_or_locked(operator: Operator) -> None:
    path = operator.keys.path / "signer.json"
    path.chmod(0o644)
    assert "chmod 600" in failing(operator)["key signer"].found
    path.chmod(0o600)
    (operator.directory / "other").write_text("guess")
    (operator.directory / "other").chmod(0o600)
    locked = failing(operator, keys__password_file=operator.directory / "other")
    assert "password is wrong" in locked["key signer"].found
    (operator.directory / "other").chmod(0o640)
    assert (
        "chmod 600"
        in failing(operator, keys__password_file=operator.directory / "other")["password"].found
    )


def test_an_account_that_cannot_pay(operator: Operator) -> None:
    address = operator.accounts[9].address
    operator.l1.rpc.call("anvil_setBalance", address, "0x0")
    assert "pays for the batches" in failing(operator)["balance batcher"].remedy
    operator.l1.rpc.call("anvil_setBalance", address, hex(10**20))


def test_a_port_that_is_taken(operator: Operator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "set rpc.port" in failing(operator, rpc__port=port)[f"port {port}"].remedy


def test_a_port_where_this_chain_is_served_is_in_order(operator: Operator) -> None:
    with answering(chain_id=901) as url:
        port = int(url.rsplit(":", 1)[1])
        assert f"port {port}" not in failing(operator, rpc__port=port)


def test_the_disk_is_measured_where_the_data_will_be(tmp_path: Path) -> None:
    assert "GiB free" in disk_finding(tmp_path / "not" / "yet").found


def test_a_lock_is_refused_while_a_check_fails(operator: Operator) -> None:
    before = operator.metis(operator.accounts[0].address)
    locking = ("stake", "lock", "20000", "--signer-key", "signer-0")
    refused = operator.json(*locking, owner=0, code=ExitCode.INVALID)
    assert "checks of `metis-node doctor` fail" in refused
    assert "genesis:" in refused
    assert "--force" in refused
    assert operator.metis(operator.accounts[0].address) == before


def test_no_endpoint_at_all_is_no_crash() -> None:
    assert look_at_all([]) == []


def test_the_fake_of_this_file_is_an_ethereum() -> None:
    with answering(chain_id=7, head=3) as url:
        assert JsonRpcClient(url=url).call("eth_chainId") == "0x7"
        assert look_at_all([url])[0].head == 3


@contextmanager
def answering(
    *,
    chain_id: int = 31_337,
    head: int = 1,
    head_age_s: int = 0,
    clock_offset_s: float = 0.0,
    body: bytes | None = None,
) -> Iterator[str]:
    """A server that answers every batch with these facts; its clock may be wrong."""
    block = {"number": hex(head), "timestamp": hex(int(time.time()) - head_age_s)}
    results = {
        "eth_chainId": hex(chain_id),
        "eth_getBlockByNumber": block,
        "web3_clientVersion": "fake",
        "eth_getCode": "0x",
        "eth_getBalance": hex(10**18),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
            answers = [
                {"jsonrpc": "2.0", "id": one["id"], "result": results.get(one["method"])}
                for one in (asked if isinstance(asked, list) else [asked])
            ]
            shape = answers if isinstance(asked, list) else answers[0]
            data = orjson.dumps(shape) if body is None else body
            self.send_response_only(200)
            self.send_header("date", formatdate(time.time() + clock_offset_s, usegmt=True))
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Tests read no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
