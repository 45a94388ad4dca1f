"""Which account signs on L1, of the ways an operator may keep its key; opened once, at the edge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metis_node.errors import InvalidConfig
from metis_node.node.keys import KeyDirectory, parse_private_key, read_private
from metis_node.node.passwords import require_password
from metis_node.types.primitives import Address

if TYPE_CHECKING:
    from metis_node.l1.signing import TransactionSigner
    from metis_node.node.config import Config

MAX_KEY_FILE_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerChoice:
    """At most one way. None of them: the keystore named `key`, or `default_key`."""

    default_key: str
    key: str | None = None
    private_key_file: Path | None = None
    signer_url: str | None = None
    account: Address | None = None  # checked against the key, or chosen of a remote signer


def open_signer(choice: SignerChoice, config: Config) -> TransactionSigner:
    """The account with its key. InvalidConfig where it cannot be opened or is another one."""
    _require_one_way(choice)
    signer = _opened(choice, config)
    found = Address(bytes.fromhex(signer.address[2:]))
    if choice.account is not None and choice.account != found:
        raise InvalidConfig(
            f"the key is of {signer.address}, --from names 0x{choice.account.hex()}: name the "
            "right key, or leave --from out"
        )
    return signer


def account_of(choice: SignerChoice, config: Config) -> Address:
    """The address alone, without opening a key where that is possible: for what only looks."""
    _require_one_way(choice)
    if choice.account is not None:
        return choice.account
    if choice.private_key_file is not None or choice.signer_url is not None:
        return Address(bytes.fromhex(open_signer(choice, config).address[2:]))
    entry = KeyDirectory(config.keys_dir).entry(choice.key or choice.default_key)
    return Address(bytes.fromhex(entry.address[2:]))


def _opened(choice: SignerChoice, config: Config) -> TransactionSigner:
    if choice.signer_url is not None:
        from metis_node.l1.remote_signer import remote_signer

        return remote_signer(choice.signer_url, choice.account)
    if choice.private_key_file is not None:
        data = read_private(choice.private_key_file, limit=MAX_KEY_FILE_BYTES, what="key file")
        return parse_private_key(data.decode(errors="replace"))
    name = choice.key or choice.default_key
    directory = KeyDirectory(config.keys_dir)
    directory.entry(name)  # before a password is asked for
    return directory.unlock(name, require_password(config.keys))


def _require_one_way(choice: SignerChoice) -> None:
    ways = {
        "--key": choice.key,
        "--private-key-file": choice.private_key_file,
        "--signer-url": choice.signer_url,
    }
    named = [option for option, value in ways.items() if value is not None]
    if len(named) > 1:
        raise InvalidConfig(f"{' and '.join(named)} name different keys: use one of them")
