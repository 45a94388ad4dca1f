"""The command line as scripts and people meet it: output, exit codes, words of errors, speed."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from metis_node import __version__
from metis_node.node.cli.main import run
from metis_node.node.exit_codes import ExitCode

Capture = pytest.CaptureFixture[str]
COMMANDS = [
    ["init"],
    ["start"],
    ["devnet"],
    ["l1-dev"],
    ["status"],
    ["sync"],
    ["version"],
    ["yield"],
    ["explain"],
    ["doctor"],
    ["db"],
    ["db", "inspect"],
    ["db", "verify"],
    ["keys"],
    ["keys", "new"],
    ["keys", "import"],
    ["keys", "show"],
    ["keys", "list"],
    ["keys", "export"],
    ["keys", "password"],
    ["keys", "prove"],
    ["keys", "protection"],
    *(["keys", "protection", name] for name in ("show", "export", "import", "init")),
    ["stake"],
    *(
        ["stake", name]
        for name in (
            *("info", "lock", "relock", "withdraw", "unlock", "claim", "rewards", "activate"),
            *("set-recipient", "update-signer", "transfer-owner", "unjail"),
        )
    ),
    ["gov"],
    *(["gov", name] for name in ("params", "propose", "vote", "queue", "execute", "list", "show")),
    ["l1"],
    ["l1", "deploy"],
    ["l1", "verify"],
    ["config"],
    ["config", "show"],
]

GROUPS = (
    *(["db"], ["keys"], ["keys", "protection"]),
    *(["l1"], ["stake"], ["gov"], ["config"]),
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("METIS_NODE_CONFIG", "METIS_NODE_KEYS__PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def json_of(capture: Capture) -> dict[str, object]:
    parsed: dict[str, object] = orjson.loads(capture.readouterr().out)
    return parsed


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str], capsys: Capture) -> None:
    assert run([*command, "--help"]) == ExitCode.OK
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert f"metis-node {' '.join(command)}" in text
    options = re.findall(r"│ +(?:\* +)?(--[a-z0-9-]+)", text)
    assert command in GROUPS or "--json" in options


def test_help_comes_fast() -> None:
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "metis_node", "--help"], check=True, capture_output=True)
    slow = ("web3", "pydantic", "fastapi", "metis_node._native", "eth_account", "structlog")
    code = f"import sys, metis_node.node.cli.main; sys.exit(any(m in sys.modules for m in {slow}))"
    subprocess.run([sys.executable, "-c", code], check=True)  # what keeps it fast
    assert time.monotonic() - started < 30  # and it comes at all on a loaded machine


def test_version(capsys: Capture) -> None:
    assert run(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out.strip() == __version__
    assert run(["version", "--json"]) == ExitCode.OK
    assert json_of(capsys)["metis_node"] == __version__


def test_wrong_usage_is_code_2(capsys: Capture) -> None:
    assert run(["start", "--no-such-flag"]) == ExitCode.USAGE
    assert "--no-such-flag" in capsys.readouterr().err
    assert run(["nonsense"]) == ExitCode.USAGE


def test_wrong_configuration_is_code_3_without_a_traceback(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text("[rpc]\nprot = 1\n")
    assert run(["config", "show", "-c", str(file)]) == ExitCode.INVALID
    error = capsys.readouterr().err
    assert "did you mean rpc.port?" in error
    assert "Traceback" not in error
    assert run(["--debug", "config", "show", "-c", str(file)]) == ExitCode.INVALID
    assert "Traceback" in capsys.readouterr().err


def test_config_show_tells_value_and_source(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METIS_NODE_KEYS__PASSWORD", "hunter2")
    assert run(["config", "show", "--json", "-s", "rpc.port=9545"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert "hunter2" not in out
    shown = orjson.loads(out)
    assert shown["rpc.port"] == {"value": 9545, "source": "flag rpc.port"}
    assert shown["keys.password"]["value"] == "***"
    assert run(["config", "show"]) == ExitCode.OK
    assert "rpc.port" in capsys.readouterr().out


def test_a_malformed_assignment_is_refused(capsys: Capture) -> None:
    assert run(["config", "show", "-s", "rpc.port"]) == ExitCode.INVALID
    assert "KEY=VALUE" in capsys.readouterr().err


def test_keys_from_new_to_show(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METIS_NODE_KEYS__PASSWORD", "pw")
    where = ["--keys-dir", str(tmp_path / "keys")]
    secret = tmp_path / "secret"
    secret.write_text("0x" + "11" * 32 + "\n")
    assert run(["keys", "import", str(secret), *where]) == ExitCode.INVALID
    assert "chmod 600" in capsys.readouterr().err
    secret.chmod(0o600)
    assert run(["keys", "import", str(secret), "--json", *where]) == ExitCode.OK
    imported = json_of(capsys)
    assert imported["address"] == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
    assert "private_key" not in imported
    assert run(["keys", "show", "batcher", "--private", "--json", *where]) == ExitCode.OK
    assert json_of(capsys)["private_key"] == "0x" + "11" * 32
    monkeypatch.setenv("METIS_NODE_KEYS__PASSWORD", "other")
    assert run(["keys", "show", "batcher", "--private", *where]) == ExitCode.INVALID
    assert "password is wrong" in capsys.readouterr().err
    assert run(["keys", "list", "--json", *where]) == ExitCode.OK
    assert len(orjson.loads(capsys.readouterr().out)) == 1


def test_an_empty_key_directory_says_what_to_do(capsys: Capture, tmp_path: Path) -> None:
    assert run(["keys", "list", "--keys-dir", str(tmp_path / "none")]) == ExitCode.OK
    assert "metis-node keys new" in capsys.readouterr().out


def test_status_of_no_node_is_code_5(capsys: Capture) -> None:
    assert run(["status", "--rpc", "http://127.0.0.1:9"]) == ExitCode.UNAVAILABLE
    assert "is the node running?" in capsys.readouterr().err
    assert run(["status", "--rpc", "nonsense"]) == ExitCode.UNAVAILABLE


@pytest.mark.parametrize("command", [["yield"], ["explain", "5"]], ids=" ".join)
def test_a_question_to_no_node_is_code_5(capsys: Capture, command: list[str]) -> None:
    assert run([*command, "--rpc", "http://127.0.0.1:9"]) == ExitCode.UNAVAILABLE
    assert "is the node running?" in capsys.readouterr().err
    assert run(["explain", "0"]) == ExitCode.USAGE


def test_a_database_that_is_not_there_is_refused(capsys: Capture, tmp_path: Path) -> None:
    for command in (["db", "inspect"], ["db", "verify"], ["start"]):
        code = run([*command, "--data-dir", str(tmp_path / "none")])
        assert code in (ExitCode.FATAL, ExitCode.INVALID)
        assert "metis-node init" in capsys.readouterr().err


def test_a_key_is_exported_and_its_password_changed(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METIS_NODE_KEYS__PASSWORD", "pw")
    where = ["--keys-dir", str(tmp_path / "keys")]
    assert run(["keys", "new", "signer", "--json", *where]) == ExitCode.OK
    address = json_of(capsys)["address"]
    copy = str(tmp_path / "copy.json")
    assert run(["keys", "export", "signer", copy, "--json", *where]) == ExitCode.OK
    assert json_of(capsys) == {"name": "signer", "address": address, "file": copy}
    assert run(["keys", "export", "signer", copy, *where]) == ExitCode.INVALID
    assert "exists already" in capsys.readouterr().err
    fresh = tmp_path / "fresh"
    fresh.write_text("other\n")
    assert run(["keys", "password", "signer", *where]) == ExitCode.INVALID
    assert "--new-password-file" in capsys.readouterr().err
    change = ["keys", "password", "signer", "--new-password-file", str(fresh), *where]
    assert run(change) == ExitCode.INVALID
    assert "chmod 600" in capsys.readouterr().err
    fresh.chmod(0o600)
    assert run(change) == ExitCode.OK
    capsys.readouterr()
    assert run(["keys", "show", "signer", "--private", *where]) == ExitCode.INVALID
    assert "password is wrong" in capsys.readouterr().err
