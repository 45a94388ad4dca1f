"""A sequencer's signer key as the L1 wants it: from a keystore here, or proven elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from metis_node.errors import InvalidRequest
from metis_node.l1.signer_proof import require_proof, signer_pubkey
from metis_node.node.keys import KeyDirectory, read_password_file
from metis_node.node.passwords import require_password
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain

if TYPE_CHECKING:
    from metis_node.node.config import Config

MAX_PROOF_BYTES = 64 << 10


def proven_signer(
    config: Config,
    name: str | None,
    password_file: Path | None,
    domain: SigningDomain,
    *,
    owner: Address,
) -> tuple[Address, bytes]:
    """Open the signer's keystore and let it consent to this owner."""
    directory, key = KeyDirectory(config.keys_dir), name or config.keys.signer
    directory.entry(key)  # before a password is asked for
    password = (
        read_password_file(password_file)
        if password_file is not None
        else require_password(config.keys)
    )
    account = directory.unlock(key, password)
    pubkey = signer_pubkey(bytes(account.key), domain, owner=owner)
    return Address(bytes.fromhex(account.address[2:])), pubkey


def given_signer(text: str, domain: SigningDomain, *, owner: Address) -> tuple[Address, bytes]:
    """Check what `keys prove` printed elsewhere: hexadecimal, or `@FILE` with its JSON."""
    if text.startswith("@"):
        text = _proof_in(Path(text[1:]))
    try:
        pubkey = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise InvalidRequest(
            "--signer-pubkey is not hexadecimal: use what `keys prove` prints"
        ) from None
    return require_proof(pubkey, domain, owner=owner), pubkey


def _proof_in(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            proof = orjson.loads(stream.read(MAX_PROOF_BYTES))["signer_pubkey"]
    except OSError as error:
        raise InvalidRequest(f"cannot read {file}: {error.strerror}") from error
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f"{file} is no proof: make it with `metis-node keys prove --json`"
        ) from error
    return str(proof)
