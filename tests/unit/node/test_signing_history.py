"""`metis-node keys protection`: what a key signed goes with it, and is never begun by accident."""

from __future__ import annotations

import stat
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from metis_node._native import sign_digest
from metis_node.chain import block_store
from metis_node.codec.consensus import digest_of, encode_message
from metis_node.consensus.guard import Duty, Guard
from metis_node.engine.consensus.journal import JOURNAL_FILE
from metis_node.engine.consensus.signer import GUARD_FILE, GuardedSigner, GuardFile
from metis_node.errors import InvalidConfig
from metis_node.node.assembly import database_dir, initialise_chain, opened_blockchain
from metis_node.node.checkup.signing import history_finding
from metis_node.node.cli.main import run
from metis_node.node.config import load_config
from metis_node.node.config.model import Storage
from metis_node.node.consensus_assembly import _signer, signing_domain
from metis_node.node.exit_codes import ExitCode
from metis_node.node.keys import KeyDirectory, parse_private_key
from metis_node.types.consensus import Certificate, SignedBy, Vote, VoteKind
from metis_node.types.primitives import Hash32
from tests import chains, factories, sequenced

Capture = pytest.CaptureFixture[str]
CHEAP = 2
KEY = (sequenced.FIRST_KEY + 1).to_bytes(32, "big")
SIGNER = sequenced.signer(1)
SEEN = Hash32(b"\x07" * 32)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a node with a signer's key and the genesis file of a chain with validators."""
    monkeypatch.delenv("METIS_NODE_CONFIG", raising=False)
    return new_directory(tmp_path / "node")


def new_directory(path: Path, *, key: bytes = KEY, chain_id: int = factories.CHAIN_ID) -> Path:
    path.mkdir()
    document = chains.genesis_document(consensus=sequenced.static_set(4), chain_id=chain_id)
    (path / "genesis.json").write_bytes(orjson.dumps(document))
    (path / "config.toml").write_text('[chain]\ngenesis = "genesis.json"\n')
    keys = KeyDirectory(path / "keys")
    keys.store("signer", parse_private_key(key.hex()), "pw", iterations=CHEAP)
    return path


def protection(command: str, *arguments: str, at: Path) -> int:
    return run(["keys", "protection", command, *arguments, "-d", str(at)])


def shown(capsys: Capture, at: Path) -> dict[str, dict[str, object]]:
    capsys.readouterr()
    assert protection("show", "--json", at=at) == ExitCode.OK
    found: dict[str, dict[str, object]] = orjson.loads(capsys.readouterr().out)
    return found


def raise_to(at: Path, height: int) -> None:
    """As a node does before it signs."""
    file = GuardFile(at / GUARD_FILE)
    guard = file.guard or Guard(signer=SIGNER, chain_id=factories.CHAIN_ID, version=1)
    vote = Vote(kind=VoteKind.PRECOMMIT, height=height, round=0, block_hash=SEEN, sender=SIGNER)
    file.store(guard.raised(vote))
    file.close()


def test_a_missing_history_is_begun_by_an_order_alone(data_dir: Path, capsys: Capture) -> None:
    assert protection("show", at=data_dir) == ExitCode.INVALID
    assert "there is no signing history" in capsys.readouterr().err
    assert not (data_dir / GUARD_FILE).exists()
    assert protection("init", at=data_dir) == ExitCode.INVALID
    assert "--never-signed and --floor" in capsys.readouterr().err
    assert protection("init", "--never-signed", "--floor", "5", at=data_dir) == ExitCode.INVALID
    assert protection("init", "--never-signed", at=data_dir) == ExitCode.OK
    assert "nothing signed" in capsys.readouterr().out
    assert stat.S_IMODE((data_dir / GUARD_FILE).stat().st_mode) == 0o600
    found = shown(capsys, data_dir)
    assert (found["signer"], found["chain_id"]) == ("0x" + SIGNER.hex(), factories.CHAIN_ID)
    assert found["watermarks"] == {}


def test_a_node_refuses_to_sign_without_and_names_the_commands(data_dir: Path) -> None:
    domain = signing_domain(chains.new_genesis(consensus=sequenced.static_set(4)).rules)
    file = GuardFile(data_dir / GUARD_FILE)
    with pytest.raises(InvalidConfig) as refusal:
        GuardedSigner(secret=KEY, signer=SIGNER, domain=domain, file=file)
    file.close()
    for command in ("import FILE", "init --never-signed", "init --floor HEIGHT"):
        assert f"metis-node keys protection {command}" in refusal.value.message
    assert not (data_dir / GUARD_FILE).exists()  # the next start says the same
    assert protection("init", "--never-signed", at=data_dir) == ExitCode.OK
    file = GuardFile(data_dir / GUARD_FILE)
    assert GuardedSigner(secret=KEY, signer=SIGNER, domain=domain, file=file).guard
    file.close()


def test_the_start_of_a_node_finds_its_history_or_says_how(data_dir: Path) -> None:
    domain = signing_domain(chains.new_genesis(consensus=sequenced.static_set(4)).rules)
    values = {"chain.data_dir": data_dir, "keys.password": "pw"}
    config = load_config(data_dir / "config.toml", values, {}).config
    with ExitStack() as stack, pytest.raises(InvalidConfig, match="init --never-signed"):
        _signer(config, domain, stack)
    assert protection("init", "--never-signed", at=data_dir) == ExitCode.OK
    with ExitStack() as stack:
        assert _signer(config, domain, stack).address == SIGNER


def test_a_history_is_never_begun_twice(data_dir: Path, capsys: Capture) -> None:
    raise_to(data_dir, 9)
    assert protection("init", "--never-signed", at=data_dir) == ExitCode.INVALID
    assert "is not begun again" in capsys.readouterr().err
    assert shown(capsys, data_dir)["watermarks"]["precommit"]["height"] == 9  # type: ignore[index]


def test_a_floor_raises_what_is_lower_and_nothing_falls(data_dir: Path, capsys: Capture) -> None:
    raise_to(data_dir, 9)
    assert protection("init", "--floor", "5", at=data_dir) == ExitCode.OK
    marks = shown(capsys, data_dir)["watermarks"]
    assert [marks[duty.value]["height"] for duty in Duty] == [5, 5, 9]  # type: ignore[index]
    assert protection("init", "--floor", "-1", at=data_dir) == ExitCode.USAGE


def test_a_history_moves_to_another_machine(
    data_dir: Path, tmp_path: Path, capsys: Capture
) -> None:
    raise_to(data_dir, 9)
    file = tmp_path / "history.json"
    assert protection("export", str(file), at=data_dir) == ExitCode.OK
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert protection("export", str(file), at=data_dir) == ExitCode.INVALID
    assert "exists already" in capsys.readouterr().err
    other = new_directory(tmp_path / "other")
    assert protection("import", str(file), at=other) == ExitCode.OK
    assert shown(capsys, other)["watermarks"] == shown(capsys, data_dir)["watermarks"]
    raise_to(other, 20)
    assert protection("import", str(file), at=other) == ExitCode.OK  # an old copy forgets nothing
    assert shown(capsys, other)["watermarks"]["precommit"]["height"] == 20  # type: ignore[index]


def test_the_history_of_another_key_or_chain_is_refused(
    data_dir: Path, tmp_path: Path, capsys: Capture
) -> None:
    raise_to(data_dir, 9)
    file = tmp_path / "history.json"
    assert protection("export", str(file), at=data_dir) == ExitCode.OK
    stranger = new_directory(tmp_path / "stranger", key=b"\x09" * 32)
    elsewhere = new_directory(tmp_path / "elsewhere", chain_id=4242)
    for other in (stranger, elsewhere):
        capsys.readouterr()
        assert protection("import", str(file), at=other) == ExitCode.INVALID
        assert "this is the signing history of key" in capsys.readouterr().err
        assert not (other / GUARD_FILE).exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 2}', b'{"format": 1}', b"\xff" * 70_000]
)
def test_a_file_that_is_no_history_is_refused(
    data_dir: Path, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "history.json"
    file.write_bytes(content)
    assert protection("import", str(file), at=data_dir) == ExitCode.INVALID
    assert protection("import", str(tmp_path / "nothing.json"), at=data_dir) == ExitCode.INVALID
    assert not (data_dir / GUARD_FILE).exists()


def test_a_damaged_history_leaves_only_a_floor(data_dir: Path, capsys: Capture) -> None:
    raise_to(data_dir, 9)
    (data_dir / GUARD_FILE).write_bytes(b"\x13" * 2_048)
    assert protection("show", at=data_dir) == ExitCode.FATAL
    assert "keys protection init --floor HEIGHT" in capsys.readouterr().err
    assert protection("init", "--never-signed", at=data_dir) == ExitCode.INVALID
    assert protection("init", "--floor", "12", at=data_dir) == ExitCode.OK
    assert shown(capsys, data_dir)["watermarks"]["prevote"]["height"] == 12  # type: ignore[index]
    assert (data_dir / (GUARD_FILE + ".damaged")).exists()


def test_a_key_that_took_part_did_sign(data_dir: Path, capsys: Capture) -> None:
    (data_dir / JOURNAL_FILE).write_bytes(b"")
    assert protection("init", "--never-signed", at=data_dir) == ExitCode.INVALID
    assert "took part in the agreement" in capsys.readouterr().err


def test_a_key_whose_vote_is_on_the_chain_did_sign(data_dir: Path, capsys: Capture) -> None:
    """The data directory was lost and synchronised again: its certificates know the key."""
    initialise_chain(data_dir, Storage(), chains.new_genesis(consensus=sequenced.static_set(4)))
    with opened_blockchain(data_dir, Storage(), None) as chain:
        running = sequenced.SequencedChain.on(chain)
        running.run(3)
        vote = Vote(kind=VoteKind.PRECOMMIT, height=2, round=0, block_hash=SEEN, sender=SIGNER)
        signature = sign_digest(KEY, digest_of(signing_domain(chain.rules), vote))
        certificate = Certificate(
            kind=VoteKind.PRECOMMIT,
            height=2,
            round=0,
            block_hash=SEEN,
            signatures=(SignedBy(signer=SIGNER, signature=signature),),
        )
        chain.store.write([block_store.certificate_write(2, encode_message(certificate))])
        # a node that runs holds the directory: nothing is changed or copied beside it
        assert protection("init", "--never-signed", at=data_dir) == ExitCode.FATAL
        assert "is in use" in capsys.readouterr().err
    assert database_dir(data_dir).exists()
    assert protection("init", "--never-signed", at=data_dir) == ExitCode.INVALID
    assert "its vote decided block 2" in capsys.readouterr().err
    assert protection("init", "--floor", "1", at=data_dir) == ExitCode.INVALID
    assert "the floor must be at least that" in capsys.readouterr().err
    assert protection("init", "--floor", "4", at=data_dir) == ExitCode.OK


def test_the_doctor_knows_whether_the_key_may_sign(data_dir: Path, capsys: Capture) -> None:
    config = load_config(data_dir / "config.toml", {"chain.data_dir": data_dir}, {}).config
    missing = history_finding(config, factories.CHAIN_ID)
    assert (missing.state, "init --never-signed" in missing.remedy) == ("warn", True)
    raise_to(data_dir, 9)
    good = history_finding(config, factories.CHAIN_ID)
    assert (good.state, "height 9" in good.found) == ("ok", True)
    assert history_finding(config, 4242).state == "fail"
    (data_dir / GUARD_FILE).write_bytes(b"\x13" * 2_048)
    damaged = history_finding(config, factories.CHAIN_ID)
    assert damaged.state == "fail"
    assert "--floor HEIGHT" in damaged.found
    code = run(["doctor", "--json", "-d", str(data_dir), "--set", "rpc.port=0"])
    assert code == ExitCode.FAILED_CHECK
    assert '"signing history"' in capsys.readouterr().out
