"""Keys on disk: Ethereum keystore files (version 3), one per name, readable by their owner alone.

Whoever signs gets a `LocalAccount` from here; nothing else of the project reads key files.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from metis_node.errors import InvalidConfig

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

KEY_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MAX_KEYSTORE_BYTES = 64 << 10  # a keystore is half a KiB of JSON: more is another file by mistake
FILE_MODE = 0o600
DIR_MODE = 0o700
DEVNET_MNEMONIC = "test test test test test test test test test test test junk"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A keystore in the key directory. The address is as the file says, unproven until unlocked."""

    name: str
    address: str
    path: Path


class KeyDirectory:
    """The key files of one node: `<dir>/<name>.json`, directory 0700, files 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[KeyEntry]:
        """All keystores by name. An unreadable or foreign file is refused, not skipped."""
        if not self.path.is_dir():
            return []
        return [self.entry(file.stem) for file in sorted(self.path.glob("*.json"))]

    def entry(self, name: str) -> KeyEntry:
        path = self._path(name)
        keystore = read_keystore(path)
        return KeyEntry(name=name, address=_checksum(keystore), path=path)

    def create(self, name: str, password: str, *, iterations: int | None = None) -> KeyEntry:
        """A new random key. InvalidConfig if the name is taken: a key is never overwritten."""
        from eth_account import Account

        return self.store(name, Account.create(), password, iterations=iterations)

    def store(
        self, name: str, account: LocalAccount, password: str, *, iterations: int | None = None
    ) -> KeyEntry:
        """Encrypt and write a key. `iterations`: scrypt's cost N, for keys of devnets and tests."""
        from eth_account import Account

        path = self._path(name)
        if path.exists():
            raise InvalidConfig(
                f"a key named {name!r} exists already ({path}): choose another name, or move that "
                "file away if you no longer need it",
                name=name,
            )
        _require_password(password)
        keystore = Account.encrypt(account.key, password, kdf="scrypt", iterations=iterations)
        _write_private(path, orjson.dumps(keystore, option=orjson.OPT_INDENT_2))
        return KeyEntry(name=name, address=account.address, path=path)

    def unlock(self, name: str, password: str) -> LocalAccount:
        """The key. InvalidConfig for a wrong password, weak permissions or a damaged file."""
        return unlock_keystore(self._path(name), password)

    def change_password(
        self, name: str, old: str, new: str, *, iterations: int | None = None
    ) -> KeyEntry:
        """Encrypt a key anew. The file is replaced as a whole: a crash leaves one or the other."""
        from eth_account import Account

        account = self.unlock(name, old)
        _require_password(new)
        keystore = Account.encrypt(account.key, new, kdf="scrypt", iterations=iterations)
        path = self._path(name)
        _replace_private(path, orjson.dumps(keystore, option=orjson.OPT_INDENT_2))
        return KeyEntry(name=name, address=account.address, path=path)

    def export(self, name: str, password: str, file: Path, *, private: bool = False) -> KeyEntry:
        """Copy a key to a new file of mode 0600: its keystore, or the bare private key.

        The password is tried first, so that no copy is made that nobody can open.
        """
        account = self.unlock(name, password)
        if file.exists():
            raise InvalidConfig(f"{file} exists already: name a file that does not")
        if not file.parent.is_dir():
            raise InvalidConfig(f"there is no directory {file.parent}: make it first")
        bare = b"0x" + bytes(account.key).hex().encode() + b"\n"
        _write_private(file, bare if private else self._path(name).read_bytes())
        return KeyEntry(name=name, address=account.address, path=file)

    def _path(self, name: str) -> Path:
        if not KEY_NAME.fullmatch(name):
            raise InvalidConfig(
                f"{name!r} cannot name a key: use up to 64 lower-case letters, digits, "
                "'.', '_' and '-'"
            )
        _require_guarded(self.path)
        return self.path / f"{name}.json"


def unlock_keystore(path: Path, password: str) -> LocalAccount:
    """Decrypt a keystore and check that it holds the key of the address it names."""
    from eth_account import Account

    keystore = read_keystore(path)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(keystore, password))
    except (ValueError, TypeError, KeyError, NotImplementedError, AssertionError) as error:
        reason = "the password is wrong" if "MAC" in str(error) else f"it is damaged ({error})"
        raise InvalidConfig(
            f"cannot unlock the keystore {path}: {reason}", path=str(path)
        ) from error
    if account.address != _checksum(keystore):
        raise InvalidConfig(
            f"the keystore {path} says {_checksum(keystore)} but holds the key of "
            f"{account.address}: it was edited; restore it from a backup",
            path=str(path),
        )
    return account


def read_keystore(path: Path) -> dict[str, Any]:
    """The JSON of a keystore file, refused if others may read it or if it is not one."""
    text = read_private(path, limit=MAX_KEYSTORE_BYTES, what="keystore")
    try:
        keystore = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidConfig(f"the keystore {path} is not JSON: {error}", path=str(path)) from error
    if not isinstance(keystore, dict) or keystore.get("version") != 3:
        raise InvalidConfig(
            f"{path} is not an Ethereum keystore of version 3: use `metis-node keys import`",
            path=str(path),
        )
    _checksum(keystore)
    return keystore


def read_private(path: Path, *, limit: int, what: str) -> bytes:
    """A file that only its owner may read or write. InvalidConfig names the chmod that mends it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise InvalidConfig(
                    f"the {what} {path} is open to other users (mode {mode:04o}): "
                    f"run `chmod 600 {path}`",
                    path=str(path),
                )
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise InvalidConfig(f"there is no {what} at {path}", path=str(path)) from error
    except OSError as error:
        raise InvalidConfig(f"cannot read the {what} {path}: {error.strerror}") from error
    if len(data) > limit:
        raise InvalidConfig(f"{path} is larger than a {what} may be ({limit} bytes)")
    return data


def read_password_file(path: Path) -> str:
    """The first line of a password file of mode 0600."""
    data = read_private(path, limit=4_096, what="password file")
    try:
        password = data.decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise InvalidConfig(f"the password file {path} is not UTF-8 text") from error
    if not password:
        raise InvalidConfig(f"the password file {path} has an empty first line")
    return password


def write_password_file(path: Path, password: str) -> None:
    """A password file of mode 0600, never over an existing one."""
    _write_private(path, password.encode() + b"\n")


def parse_private_key(text: str) -> LocalAccount:
    """A private key in hexadecimal, with or without 0x."""
    from eth_account import Account

    digits = text.strip().removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        raise InvalidConfig("a private key is 64 hexadecimal digits, with or without 0x")
    try:
        account: LocalAccount = Account.from_key(bytes.fromhex(digits))
    except Exception as error:  # eth-keys has its own families of errors for a scalar out of range
        raise InvalidConfig(
            "this number is not a private key of secp256k1 (0 or too large)"
        ) from error
    return account


def devnet_accounts(count: int) -> list[LocalAccount]:
    """The first accounts of the well-known test mnemonic, path m/44'/60'/0'/0/i."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    return [
        Account.from_mnemonic(DEVNET_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
        for index in range(count)
    ]


def _checksum(keystore: Mapping[str, Any]) -> str:
    from eth_utils.address import is_hex_address, to_checksum_address

    address = "0x" + str(keystore.get("address", "")).removeprefix("0x")
    if not is_hex_address(address):
        raise InvalidConfig("a keystore without a valid address: import the key again")
    return to_checksum_address(address)


def _require_guarded(directory: Path) -> None:
    """Who may write into the directory may put another key under a name that is trusted."""
    try:
        mode = stat.S_IMODE(directory.stat().st_mode)
    except FileNotFoundError:
        return  # made with DIR_MODE by the first key
    if mode & 0o022:
        raise InvalidConfig(
            f"the key directory {directory} is writable by other users (mode {mode:04o}): "
            f"run `chmod 700 {directory}`",
            path=str(directory),
        )


def _require_password(password: str) -> None:
    if not password:
        raise InvalidConfig("an empty password protects nothing: choose another")


def _write_private(path: Path, data: bytes) -> None:
    """Write a new file that its owner alone can read, durably: a lost key is lost for ever."""
    path.parent.mkdir(mode=DIR_MODE, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync_directory(path.parent)


def _replace_private(path: Path, data: bytes) -> None:
    """Put new contents in the place of a private file, all of them or none."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)  # of a replacement that was cut short
    _write_private(fresh, data)
    fresh.replace(path)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
