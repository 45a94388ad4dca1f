"""Keystores: creation, import, permissions, damage; the well-known devnet accounts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import orjson
import pytest

from metis_node.errors import InvalidConfig
from metis_node.node.config.model import Keys
from metis_node.node.keys import (
    KeyDirectory,
    devnet_accounts,
    parse_private_key,
    read_password_file,
    unlock_keystore,
    write_password_file,
)
from metis_node.node.passwords import require_password

CHEAP = 2  # scrypt's N: these keys guard nothing
FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
FIRST_KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


@pytest.fixture
def directory(tmp_path: Path) -> KeyDirectory:
    return KeyDirectory(tmp_path / "keys")


def test_a_new_key_is_private_on_disk_and_unlocks(directory: KeyDirectory) -> None:
    entry = directory.create("batcher", "secret", iterations=CHEAP)
    assert stat.S_IMODE(entry.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(entry.path.parent.stat().st_mode) == 0o700
    assert directory.unlock("batcher", "secret").address == entry.address
    assert directory.entries() == [entry]


def test_an_imported_key_keeps_its_address(directory: KeyDirectory) -> None:
    account = parse_private_key("0x" + FIRST_KEY)
    assert directory.store("first", account, "pw", iterations=CHEAP).address == FIRST
    assert bytes(directory.unlock("first", "pw").key).hex() == FIRST_KEY


def test_a_key_is_never_overwritten(directory: KeyDirectory) -> None:
    first = directory.create("batcher", "secret", iterations=CHEAP)
    with pytest.raises(InvalidConfig, match="exists already"):
        directory.create("batcher", "secret", iterations=CHEAP)
    assert directory.entry("batcher") == first


def test_a_wrong_password_is_said_so(directory: KeyDirectory) -> None:
    directory.create("batcher", "secret", iterations=CHEAP)
    with pytest.raises(InvalidConfig, match="the password is wrong"):
        directory.unlock("batcher", "other")


def test_a_key_that_others_may_read_is_refused_with_the_remedy(directory: KeyDirectory) -> None:
    path = directory.create("batcher", "secret", iterations=CHEAP).path
    path.chmod(0o640)
    with pytest.raises(InvalidConfig, match=r"mode 0640.*chmod 600"):
        directory.unlock("batcher", "secret")
    path.chmod(0o400)
    assert directory.unlock("batcher", "secret")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not an Ethereum keystore"),
        (b'{"version": 1}', "not an Ethereum keystore"),
        (b'{"version": 3}', "without a valid address"),
        (b" " * 70_000, "larger than a keystore"),
    ],
)
def test_a_damaged_keystore_is_refused(directory: KeyDirectory, data: bytes, words: str) -> None:
    path = directory.create("batcher", "secret", iterations=CHEAP).path
    path.write_bytes(data)
    with pytest.raises(InvalidConfig, match=words):
        directory.unlock("batcher", "secret")


@pytest.mark.parametrize("change", ["crypto", "address", "kdf"])
def test_an_edited_keystore_is_refused(directory: KeyDirectory, change: str) -> None:
    path = directory.create("batcher", "secret", iterations=CHEAP).path
    keystore = orjson.loads(path.read_bytes())
    match change:
        case "crypto":
            del keystore["crypto"]
        case "address":
            keystore["address"] = FIRST[2:].lower()
        case _:
            keystore["crypto"]["kdf"] = "md5"
    path.write_bytes(orjson.dumps(keystore))
    with pytest.raises(InvalidConfig, match=r"damaged|was edited"):
        directory.unlock("batcher", "secret")


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "x" * 65, ".hidden"])
def test_a_name_that_could_leave_the_directory_is_refused(
    directory: KeyDirectory, name: str
) -> None:
    with pytest.raises(InvalidConfig, match="cannot name a key"):
        directory.create(name, "secret", iterations=CHEAP)


def test_an_empty_password_is_refused(directory: KeyDirectory) -> None:
    with pytest.raises(InvalidConfig, match="empty password"):
        directory.create("batcher", "", iterations=CHEAP)


@pytest.mark.parametrize("text", ["", "0x12", "z" * 64, "0" * 64, "f" * 64, "1" * 65])
def test_what_is_not_a_private_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig):
        parse_private_key(text)


def test_a_missing_key_is_named(directory: KeyDirectory) -> None:
    with pytest.raises(InvalidConfig, match="there is no keystore at"):
        directory.unlock("batcher", "secret")


def test_the_password_file_gives_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    write_password_file(path, "pa ss")
    assert read_password_file(path) == "pa ss"
    assert require_password(Keys(password_file=path)) == "pa ss"
    path.chmod(0o644)
    with pytest.raises(InvalidConfig, match="chmod 600"):
        read_password_file(path)


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("\nsecond")
    os.chmod(path, 0o600)
    with pytest.raises(InvalidConfig, match="empty first line"):
        read_password_file(path)


def test_without_terminal_or_configuration_there_is_no_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "empty").open("w+") as empty:
        monkeypatch.setattr("sys.stdin", empty)
        with pytest.raises(InvalidConfig, match=r"keys\.password_file"):
            require_password(Keys())


def test_the_devnet_accounts_are_the_well_known_ones() -> None:
    accounts = devnet_accounts(2)
    assert accounts[0].address == FIRST
    assert bytes(accounts[0].key).hex() == FIRST_KEY
    assert accounts[1].address == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_a_key_directory_that_others_may_write_is_refused(directory: KeyDirectory) -> None:
    directory.create("batcher", "secret", iterations=CHEAP)
    directory.path.chmod(0o770)
    for act in (lambda: directory.unlock("batcher", "secret"), directory.entries):
        with pytest.raises(InvalidConfig, match=r"mode 0770.*chmod 700"):
            act()
    directory.path.chmod(0o750)
    assert directory.unlock("batcher", "secret")


def test_a_password_changes_and_the_key_stays(directory: KeyDirectory) -> None:
    before = directory.create("batcher", "old", iterations=CHEAP)
    (directory.path / ".batcher.json.new").write_text("left by a crash")
    after = directory.change_password("batcher", "old", "new", iterations=CHEAP)
    assert after == before
    assert stat.S_IMODE(after.path.stat().st_mode) == 0o600
    assert directory.unlock("batcher", "new").address == before.address
    assert directory.entries() == [before]
    with pytest.raises(InvalidConfig, match="the password is wrong"):
        directory.unlock("batcher", "old")


def test_a_password_changes_only_for_who_knows_it(directory: KeyDirectory) -> None:
    directory.create("batcher", "old", iterations=CHEAP)
    with pytest.raises(InvalidConfig, match="the password is wrong"):
        directory.change_password("batcher", "guess", "new", iterations=CHEAP)
    with pytest.raises(InvalidConfig, match="empty password"):
        directory.change_password("batcher", "old", "", iterations=CHEAP)
    assert directory.unlock("batcher", "old")


def test_an_export_is_a_private_copy_that_opens(directory: KeyDirectory, tmp_path: Path) -> None:
    entry = directory.create("batcher", "pw", iterations=CHEAP)
    copy = directory.export("batcher", "pw", tmp_path / "copy.json").path
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert unlock_keystore(copy, "pw").address == entry.address
    bare = directory.export("batcher", "pw", tmp_path / "bare", private=True).path
    assert stat.S_IMODE(bare.stat().st_mode) == 0o600
    assert parse_private_key(bare.read_text()).address == entry.address


def test_an_export_overwrites_nothing_and_needs_the_password(
    directory: KeyDirectory, tmp_path: Path
) -> None:
    directory.create("batcher", "pw", iterations=CHEAP)
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(InvalidConfig, match="exists already"):
        directory.export("batcher", "pw", taken)
    assert taken.read_text() == "mine"
    with pytest.raises(InvalidConfig, match="the password is wrong"):
        directory.export("batcher", "guess", tmp_path / "copy")
    with pytest.raises(InvalidConfig, match="no directory"):
        directory.export("batcher", "pw", tmp_path / "none" / "copy")
    assert not (tmp_path / "copy").exists()
