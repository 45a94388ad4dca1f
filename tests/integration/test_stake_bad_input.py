"""Whatever operators, files and endpoints get wrong, commands end in clear words and send nothing;
and what is right in another way (a remote signer, a key file) works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from metis_node.node.cli.main import run
from metis_node.node.exit_codes import ExitCode
from metis_node.node.keys import devnet_accounts
from tests.e2e.staking_world import ALLOTTED, L1, METIS, Operator, anvil_l1
from tests.fakes.web3signer import running_web3signer
from tests.integration.test_doctor import answering

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def l1() -> Iterator[L1]:
    with anvil_l1() as running:
        yield running


@pytest.fixture
def operator(l1: L1, tmp_path: Path, capsys: Capture) -> Operator:
    operator = Operator(tmp_path, l1, capsys)
    operator.deploy()
    return operator


@pytest.fixture
def blocks(operator: Operator) -> Iterator[None]:
    """Nothing was sent, whatever the test did."""
    before = operator.l1.head()[0]
    yield
    assert operator.l1.head()[0] == before


LOCK = ("--signer-key", "signer-0", "--force")


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("stake", "lock", "20000 ETH", *LOCK), "is no amount of METIS"),
        (("stake", "lock", "-1", *LOCK), "No such option"),
        (("stake", "lock", "1e5", *LOCK), "no exponent"),
        (("stake", "lock", "20000.0000000000000000001", *LOCK), "more than 18 decimals"),
        (("stake", "lock", "20000", "--reward-recipient", "0x12", *LOCK), "40 hexadecimal"),
        (
            (
                *("stake", "lock", "20000", "--reward-recipient"),
                *("0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266", *LOCK),
            ),
            "EIP-55 checksum is wrong",
        ),
        (("stake", "lock", "20000", "--signer-pubkey", "0xzz", "--force"), "not hexadecimal"),
        (("stake", "lock", "20000", "--signer-pubkey", "0x12", "--force"), "has 129 bytes"),
        (("stake", "lock", "20000", "--signer-pubkey", "@none", "--force"), "cannot read none"),
        (
            ("stake", "lock", "20000", "--signer-pubkey", "0x12", "--signer-key", "a", "--force"),
            "use one of them",
        ),
        (("stake", "lock", "20000", "--signer-key", "none", "--force"), "there is no keystore"),
        (("stake", "lock", "20000", "--signer-key", "owner-0", "--force"), "are one key"),
        (("stake", "relock", "nothing"), "is no amount"),
        (("stake", "unlock"), "owns no sequencer"),
        (("stake", "claim"), "owns no sequencer"),
        (("stake", "activate", "--id", "9"), "owns no sequencer"),
        (("stake", "set-recipient", "me"), "40 hexadecimal"),
        (("stake", "transfer-owner"), "one of the three"),
        (("stake", "transfer-owner", "--accept", "--cancel"), "one of the three"),
        (("gov", "propose"), "a proposal must do something"),
        (("gov", "propose", "--change", "maxLock"), "write it as KEY=VALUE"),
        (("gov", "propose", "--change", "maxlock=1"), "did you mean maxLock"),
        (("gov", "propose", "--change", "exitDelay=soon"), "is no time"),
        (("gov", "propose", "--change", "slashFraction=5%%"), "is no share"),
        (("gov", "propose", "--change", "maxLock=5", "--description", " "), "say why"),
        (("gov", "propose", "--change", "maxLock=5", "--description", "x"), "has 0 METIS of power"),
        (("gov", "propose", "--call", "Pool.pause"), "contracts are"),
        (("gov", "propose", "--call", "LockingPool.paused"), "no function 'paused' that changes"),
        (("gov", "propose", "--call", "LockingPool.setPause"), "takes other arguments"),
        (("gov", "propose", "--call", "LockingPool.setPause=maybe"), "'maybe' is no bool"),
        (("gov", "propose", "--call", "LockingPool.setSlasher=0x12"), "40 hexadecimal"),
        (("gov", "vote", "1", "for"), "there is no proposal 1"),
        (("gov", "queue", "one"), "is no proposal"),
    ],
)
def test_what_is_typed_wrong_is_named(
    operator: Operator, command: tuple[str, ...], words: str
) -> None:
    code = ExitCode.USAGE if words == "No such option" else ExitCode.INVALID
    error = operator.json(*command, owner=0, code=code)
    assert words in error
    assert "Traceback" not in error


@pytest.mark.usefixtures("blocks")
def test_reading_commands_name_what_is_not_there(operator: Operator) -> None:
    for asked, words in (
        ("7", "there is no sequencer 7"),
        ("0x" + "11" * 20, "there is no sequencer of 0x11"),
        ("-7", "No such option"),
        ("seven", "40 hexadecimal"),
    ):
        code = ExitCode.USAGE if asked == "-7" else ExitCode.INVALID
        assert words in operator.json("stake", "info", asked, code=code)
    assert "there is no proposal 9" in operator.json("gov", "show", "9", code=ExitCode.INVALID)


@pytest.mark.usefixtures("blocks")
def test_a_proof_for_another_owner_is_refused(operator: Operator, capsys: Capture) -> None:
    prove = ["keys", "prove", "signer-1", "--owner", "owner-1", "--json"]
    assert run([*prove, "-c", str(operator.directory / "node.toml")]) == ExitCode.OK
    (operator.directory / "proof.json").write_text(capsys.readouterr().out)
    given = ("--signer-pubkey", f"@{operator.directory / 'proof.json'}", "--force")
    refused = operator.json("stake", "lock", "20000", *given, owner=0, code=ExitCode.INVALID)
    assert "was not made for the owner" in refused
    (operator.directory / "proof.json").write_text("[]")
    refused = operator.json("stake", "lock", "20000", *given, owner=1, code=ExitCode.INVALID)
    assert "is no proof" in refused


@pytest.mark.usefixtures("blocks")
def test_nobody_to_ask_is_not_a_yes(operator: Operator, capsys: Capture) -> None:
    command = ["stake", "lock", "20000", *LOCK, "--key", "owner-0"]
    assert run([*command, "-c", str(operator.directory / "node.toml")]) == ExitCode.INVALID
    assert "nobody to ask: say so with --yes" in capsys.readouterr().err


@pytest.mark.usefixtures("blocks")
def test_keys_that_are_open_or_several_are_refused(operator: Operator, capsys: Capture) -> None:
    shared = ["stake", "unlock", "-c", str(operator.directory / "node.toml"), "--yes"]
    file = operator.directory / "deployer.key"
    both = [*shared, "--private-key-file", str(file), "--key", "owner-0"]
    assert run(both) == ExitCode.INVALID
    assert "name different keys: use one of them" in capsys.readouterr().err
    other = [*shared, "--private-key-file", str(file), "--from", "0x" + "11" * 20]
    assert run(other) == ExitCode.INVALID
    assert "--from names 0x1111" in capsys.readouterr().err
    file.chmod(0o644)
    assert run([*shared, "--private-key-file", str(file)]) == ExitCode.INVALID
    assert "chmod 600" in capsys.readouterr().err
    file.chmod(0o600)
    file.write_text("0x12")
    assert run([*shared, "--private-key-file", str(file)]) == ExitCode.INVALID
    assert "64 hexadecimal digits" in capsys.readouterr().err


@pytest.mark.usefixtures("blocks")
def test_another_chain_and_other_contracts_are_refused(operator: Operator) -> None:
    with answering(chain_id=5) as url:
        error = operator.json(
            "stake", "lock", "20000", *LOCK, "--l1", url, owner=0, code=ExitCode.INVALID
        )
        assert "is chain 5, but" in error
        assert "nothing was sent" in error
    written = operator.contracts.read_bytes()
    pool = operator.address("LockingPool")
    nowhere = written.replace(pool.encode(), b"0x" + b"1" * 40)
    operator.contracts.write_bytes(nowhere)
    error = operator.json("stake", "info", code=ExitCode.FATAL)
    assert "is no LockingPool: is the addresses file of this chain?" in error
    operator.contracts.unlink()
    assert "there is no addresses file" in operator.json("stake", "info", code=ExitCode.INVALID)


def test_a_dead_or_babbling_l1_is_said_so(operator: Operator) -> None:
    info = ("stake", "info", "--l1")
    dead = operator.json(*info, "http://127.0.0.1:9", code=ExitCode.UNAVAILABLE)
    assert "127.0.0.1:9" in dead
    with answering(body=b"<html>") as url:
        babbling = operator.json(*info, url, code=ExitCode.UNAVAILABLE)
        assert url.removeprefix("http://") in babbling
    wrong = operator.json(*info, "ftp://x", code=ExitCode.INVALID)
    assert "http://" in wrong


def test_an_account_without_ether_is_told_so_before_anything_is_sent(operator: Operator) -> None:
    address = operator.accounts[3].address
    balance = operator.l1.ether(address)
    operator.l1.rpc.call("anvil_setBalance", address, "0x1")
    lock = ("stake", "lock", "20000", "--signer-key", "signer-3", "--force")
    error = operator.json(*lock, owner=3, code=ExitCode.INVALID)
    assert "has 0.000001 ETH on L1" in error or "insufficient" in error.lower()
    operator.l1.rpc.call("anvil_setBalance", address, hex(balance))
    assert operator.metis(address) == ALLOTTED


def test_a_remote_signer_locks_and_one_that_lies_does_not(
    operator: Operator, capsys: Capture
) -> None:
    key = bytes(operator.accounts[2].key)
    command = ["stake", "lock", "20000", "--signer-key", "signer-2", "--force", "--yes", "--json"]
    command += ["-c", str(operator.directory / "node.toml")]
    with running_web3signer(key, chain_id=operator.l1.chain_id) as signer:
        signer.changes = {"value": 10**18}
        before = operator.l1.head()[0]
        assert run([*command, "--signer-url", signer.url]) == ExitCode.INVALID
        assert "signed another transaction: value" in capsys.readouterr().err
        assert operator.l1.head()[0] == before
        signer.changes = {}
        assert run([*command, "--signer-url", signer.url]) == ExitCode.OK
        done = orjson.loads(capsys.readouterr().out)
        assert done["sequencer"]["owner"] == operator.accounts[2].address
        assert operator.metis(operator.accounts[2].address) == ALLOTTED - 20_000 * METIS
        signer.broken = (500, b"")
        assert run([*command, "--signer-url", signer.url]) == ExitCode.UNAVAILABLE
        assert "HTTP 500" in capsys.readouterr().err


def test_what_reverts_between_look_and_send_is_put_into_words(operator: Operator) -> None:
    """The contract has the last word: here the parameter changes under the operator's eyes."""
    first = ("stake", "lock", "20000", "--signer-key", "signer-0", "--force")
    operator.json(*first, owner=0)
    taken = ("stake", "lock", "20000", "--signer-key", "signer-0", "--force")
    error = operator.json(*taken, owner=1, code=ExitCode.INVALID)
    assert "was used by sequencer" in error
    assert "belongs to it for ever" in error
    assert devnet_accounts(2)[1].address == operator.accounts[1].address
