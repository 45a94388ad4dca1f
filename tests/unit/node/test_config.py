"""Configuration: precedence, refusal of wrong keys and values, masking, the shipped files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from metis_node.errors import InvalidConfig
from metis_node.node.config import load_config
from metis_node.node.config.display import shown_values
from metis_node.node.config.loading import environment_variable
from metis_node.node.config.model import key_paths

CONFIG_DIR = Path(__file__).parents[3] / "config"
NOTHING: dict[str, str] = {}


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "node.toml"
    file.write_text(text)
    return file


def test_flags_beat_environment_beats_file_beats_defaults(tmp_path: Path) -> None:
    file = write(tmp_path, '[rpc]\nport = 1\nhost = "a"\nfilters = 7\n')
    environment = {"METIS_NODE_RPC__PORT": "2", "METIS_NODE_RPC__HOST": "b"}
    loaded = load_config(file, {"rpc.port": "3"}, environment)
    rpc = loaded.config.rpc
    assert (rpc.port, rpc.host, rpc.filters, rpc.subscriptions) == (3, "b", 7, 128)
    assert loaded.sources["rpc.port"] == "flag rpc.port"
    assert loaded.sources["rpc.host"] == "environment METIS_NODE_RPC__HOST"
    assert loaded.sources["rpc.filters"] == str(file)
    assert loaded.sources["rpc.subscriptions"] == "default"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, "[rpc]\nport = 5\n")
    assert load_config(None, {}, {"METIS_NODE_CONFIG": str(file)}).config.rpc.port == 5


def test_lists_may_be_written_with_commas_outside_of_toml() -> None:
    environment = {"METIS_NODE_L1__ENDPOINTS": "http://one:1, https://two"}
    assert load_config(None, {}, environment).config.l1.endpoints == ("http://one:1", "https://two")
    assert load_config(None, {"rpc.allowed_origins": ""}, NOTHING).config.rpc.allowed_origins == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rpc]\nprot = 1\n", ["unknown key rpc.prot", "did you mean rpc.port?", "node.toml"]),
        ("[rcp]\nport = 1\n", ["unknown section [rcp]", "did you mean rpc?"]),
        ("[rcp]\n", ["unknown section [rcp]", "did you mean rpc?"]),
        ("port = 1\n", ["unknown key port", "did you mean rpc.port?"]),
        ("rpc = 1\n", ["unknown key rpc "]),
        ("[rpc]\nport = 65536\n", ["rpc.port = 65536", "less than or equal to 65535", "TCP port"]),
        ('[rpc]\nport = "x"\n', ["rpc.port = 'x'", "valid integer"]),
        ('[rpc]\nnamespaces = ["personal"]\n', ["rpc.namespaces", "'personal'", "eth, net"]),
        ("[rpc.port]\nx = 1\n", ["rpc.port = {'x': 1}", "valid integer"]),
        ('[sequencer]\nfee_recipient = "0x12"\n', ["fee_recipient", "40 hexadecimal digits"]),
        (
            '[sequencer]\nfee_recipient = "0xF39fd6e51aad88F6F4ce6aB8827279cffFb92266"\n',
            ["fee_recipient", "EIP-55"],
        ),
        ('[l1]\nendpoints = ["ftp://x"]\n', ["l1.endpoints", "http:// or https://"]),
        ('[log]\nlevel = "loud"\n', ["log.level = 'loud'", "'debug', 'info'"]),
        ("[storage]\nhistory_blocks = 1\n", ["history_blocks = 1", "greater than or equal to 256"]),
        ("[rpc\n", ["not valid TOML", "line 1"]),
    ],
)
def test_a_wrong_file_is_refused_with_key_value_and_remedy(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        load_config(write(tmp_path, text), {}, NOTHING)
    for word in words:
        assert word in refusal.value.message


def test_an_unknown_environment_variable_names_the_nearest() -> None:
    with pytest.raises(
        InvalidConfig, match=r"METIS_NODE_RPC__PROT: did you mean METIS_NODE_RPC__PORT"
    ):
        load_config(None, {}, {"METIS_NODE_RPC__PROT": "1"})


def test_other_environment_variables_are_none_of_our_business() -> None:
    assert load_config(None, {}, {"METISNODE_X": "1", "PATH": "/bin"}).config.rpc.port == 8545


def test_a_wrong_environment_value_names_the_variable() -> None:
    with pytest.raises(InvalidConfig, match=r"environment METIS_NODE_RPC__PORT"):
        load_config(None, {}, {"METIS_NODE_RPC__PORT": "x"})


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(InvalidConfig, match=r"l1\.endpoint in flag .*did you mean l1\.endpoints"):
        load_config(None, {"l1.endpoint": "http://x"}, NOTHING)


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(InvalidConfig, match=r"rpc\.port.*1 more.*rpc\.filters"):
        load_config(None, {"rpc.port": -1, "rpc.filters": 0}, NOTHING)


def test_a_missing_or_huge_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="No such file"):
        load_config(tmp_path / "none.toml", {}, NOTHING)
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(InvalidConfig, match="is it the right file"):
        load_config(huge, {}, NOTHING)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfig, match="not valid TOML"):
        load_config(binary, {}, NOTHING)


def test_secrets_are_masked_and_never_in_errors() -> None:
    environment = {
        "METIS_NODE_KEYS__PASSWORD": "hunter2",
        "METIS_NODE_L1__ENDPOINTS": "https://user:pass@host:9/v3/apikey?token=1",
    }
    loaded = load_config(None, {}, environment)
    shown = str(shown_values(loaded)) + repr(loaded)
    assert "hunter2" not in shown
    assert shown_values(loaded)["keys.password"]["value"] == "***"
    assert shown_values(loaded)["l1.endpoints"]["value"] == ["https://host:9/***"]
    with pytest.raises(InvalidConfig) as refusal:
        load_config(None, {"keys.password": 77}, NOTHING)
    assert "77" not in refusal.value.message


def test_a_relative_genesis_starts_at_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, '[chain]\ngenesis = "g.json"\n')
    assert load_config(file, {}, NOTHING).config.chain.genesis == tmp_path / "g.json"
    flagged = load_config(file, {"chain.genesis": "other.json"}, NOTHING)
    assert flagged.config.chain.genesis == Path("other.json")


@pytest.mark.parametrize("name", ["devnet", "sepolia", "mainnet"])
def test_each_shipped_file_loads_and_explains_every_key(name: str) -> None:
    file = CONFIG_DIR / f"{name}.toml"
    loaded = load_config(file, {}, NOTHING)
    assert loaded.config.chain.genesis.is_file()
    text = file.read_text()
    for key, (section, field) in key_paths().items():
        table = text.partition(f"[{section}]\n")[2].partition("\n[")[0]
        explained = re.search(rf"^# .+\n(#.*\n)*(# )?{field} = ", table, re.MULTILINE)
        assert explained, f"{key} is not explained in {file.name}"


def test_the_devnet_file_says_no_other_keys_than_the_model() -> None:
    tables = tomllib.loads((CONFIG_DIR / "devnet.toml").read_text())
    assert {f"{s}.{k}" for s, table in tables.items() for k in table} <= set(key_paths())


def test_every_key_has_an_environment_variable() -> None:
    assert environment_variable("rpc.port") == "METIS_NODE_RPC__PORT"
    assert len({environment_variable(key) for key in key_paths()}) == len(key_paths())
