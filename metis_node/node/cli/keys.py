"""`metis-node keys`: create, import, export and look at keystore files; prove a signer's key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metis_node.errors import InvalidConfig
from metis_node.node.cli import protection
from metis_node.node.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    PasswordFileOption,
    loaded_config,
)
from metis_node.node.cli.signer_options import ContractsOption, KeysDirOption, address_argument

if TYPE_CHECKING:
    from metis_node.node.keys import KeyDirectory, KeyEntry

app = typer.Typer(
    help="Create, import, export and look at keys (Ethereum keystore files, version 3).",
    no_args_is_help=True,
)
app.add_typer(protection.app, name="protection")

MAX_IMPORT_BYTES = 64 << 10  # a keystore or a line of hexadecimal
NameArgument = Annotated[
    str, typer.Argument(help="Name of the key: the file is <keys directory>/<name>.json.")
]


@app.command("new")
def new(
    name: NameArgument = "batcher",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    json: JsonOption = False,
) -> None:
    """Create a random key.

    The password comes from --password-file, METIS_NODE_KEYS__PASSWORD or a prompt.
    """
    directory, password = _opened(config, data_dir, keys_dir, password_file, confirm=True)
    _print_entry(directory.create(name, password), json=json)


@app.command("import")
def import_key(
    file: Annotated[
        Path,
        typer.Argument(
            help="A keystore, or a file of mode 0600 with a private key in hexadecimal; - "
            "reads the private key from standard input.",
            allow_dash=True,
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the key.")] = "batcher",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    json: JsonOption = False,
) -> None:
    """Import a private key or a keystore of another tool; it is encrypted with your password."""
    from metis_node.node.keys import parse_private_key, read_private, unlock_keystore

    directory, password = _opened(config, data_dir, keys_dir, password_file, confirm=True)
    if str(file) == "-":
        data = sys.stdin.buffer.read(MAX_IMPORT_BYTES)
    else:
        data = read_private(file, limit=MAX_IMPORT_BYTES, what="key file")
    if data.lstrip().startswith(b"{"):
        if str(file) == "-":
            raise InvalidConfig(
                "name the keystore's file: only a hexadecimal key comes by standard input"
            )
        account = unlock_keystore(file, password)
    else:
        account = parse_private_key(data.decode(errors="replace"))
    _print_entry(directory.store(name, account, password), json=json)


@app.command("show")
def show(
    name: NameArgument = "batcher",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    private: Annotated[
        bool, typer.Option("--private", help="Unlock the key and print the private key as well.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print a key's address and file; --private prints the secret itself: mind who looks on."""
    if not private:
        _print_entry(_directory(config, data_dir, keys_dir).entry(name), json=json)
        return
    directory, password = _opened(config, data_dir, keys_dir, password_file, confirm=False)
    secret = "0x" + bytes(directory.unlock(name, password).key).hex()
    _print_entry(directory.entry(name), json=json, private_key=secret)


@app.command("export")
def export(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    private: Annotated[
        bool, typer.Option("--private", help="Write the bare private key in hexadecimal instead.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Copy a key to a file of mode 0600: for a backup, another machine or another tool.

    The copy is a keystore with the same password. With --private it is the secret itself.
    """
    directory, password = _opened(config, data_dir, keys_dir, password_file, confirm=False)
    _print_entry(directory.export(name, password, file, private=private), json=json)


@app.command("password")
def password(
    name: NameArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    new_password_file: Annotated[
        Path | None,
        typer.Option(
            "--new-password-file", metavar="FILE", help="File of mode 0600 with the new password."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Change the password of a key. Copies made earlier keep the old one."""
    from metis_node.node.passwords import new_password

    directory, old = _opened(config, data_dir, keys_dir, password_file, confirm=False)
    directory.unlock(name, old)  # before a new one is asked for
    _print_entry(directory.change_password(name, old, new_password(new_password_file)), json=json)


@app.command("prove")
def prove(
    name: NameArgument = "signer",
    owner: Annotated[
        str,
        typer.Option(
            "--owner", metavar="ADDRESS|NAME", help="Who owns the stake; a key here, by its name."
        ),
    ] = "owner",
    contracts: ContractsOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    json: JsonOption = False,
) -> None:
    """Let a signer's key consent to serve an owner; prints its public key with the proof.

    For `stake lock --signer-pubkey` and `stake update-signer --signer-pubkey` on the owner's
    machine. The proof holds for that owner and this network alone, and tells no secret.
    """
    from metis_node.l1.deployment.record import shown
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.deployment_file import read_record
    from metis_node.node.keys import KeyDirectory
    from metis_node.node.signer_keys import proven_signer
    from metis_node.types.signing import SigningDomain

    settings = loaded_config(
        config,
        data_dir,
        None,
        keys__dir=keys_dir,
        keys__password_file=password_file,
        l1__contracts=contracts,
    ).config
    record = read_record(settings.contracts_file)
    domain = SigningDomain(
        chain_id=record.l2_chain_id, locking_pool=record.addresses["LockingPool"]
    )
    if not owner.startswith("0x"):
        owner = KeyDirectory(settings.keys_dir).entry(owner).address
    to = address_argument(owner, "--owner")
    signer, pubkey = proven_signer(settings, name, None, domain, owner=to)
    facts = {"signer": shown(signer), "owner": shown(to), "signer_pubkey": "0x" + pubkey.hex()}
    if json:
        print_json(facts)
    else:
        print_facts({key.replace("_", " "): value for key, value in facts.items()})


@app.command("list")
def list_keys(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    json: JsonOption = False,
) -> None:
    """List the keys of the key directory."""
    from metis_node.node.cli.printing import print_json, print_table

    directory = _directory(config, data_dir, keys_dir)
    entries = [_facts(entry) for entry in directory.entries()]
    if json:
        print_json(entries)
    elif entries:
        print_table(("NAME", "ADDRESS", "FILE"), (entry.values() for entry in entries))
    else:
        print(f"no keys in {directory.path}: make one with `metis-node keys new`")


def _directory(config: Path | None, data_dir: Path | None, keys_dir: Path | None) -> KeyDirectory:
    from metis_node.node.keys import KeyDirectory

    loaded = loaded_config(config, data_dir, None, keys__dir=keys_dir)
    return KeyDirectory(loaded.config.keys_dir)


def _opened(
    config: Path | None,
    data_dir: Path | None,
    keys_dir: Path | None,
    password_file: Path | None,
    *,
    confirm: bool,
) -> tuple[KeyDirectory, str]:
    from metis_node.node.keys import KeyDirectory
    from metis_node.node.passwords import require_password

    loaded = loaded_config(
        config, data_dir, None, keys__dir=keys_dir, keys__password_file=password_file
    )
    password = require_password(loaded.config.keys, confirm=confirm)
    return KeyDirectory(loaded.config.keys_dir), password


def _facts(entry: KeyEntry) -> dict[str, str]:
    return {"name": entry.name, "address": entry.address, "file": str(entry.path)}


def _print_entry(entry: KeyEntry, *, json: bool, **more: str) -> None:
    from metis_node.node.cli.printing import print_facts, print_json

    facts = _facts(entry) | more
    if json:
        print_json(facts)
    else:
        print_facts({name.replace("_", " "): value for name, value in facts.items()})
