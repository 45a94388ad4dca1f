"""The node's network key: 32 secret bytes (secp256k1) in a file of mode 0600. It signs no block.

Losing it costs nothing but a known peer id, so it is made where there is none and has no password.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from metis_node.errors import InvalidConfig

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAX_FILE_BYTES = 256


def load_or_create_network_key(path: Path) -> bytes:
    """The secret in a file of hexadecimal digits; made if there is none."""
    try:
        return _read(path)
    except FileNotFoundError:
        secret = _fresh_secret()
        _write(path, secret)
        return secret


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        text = file.read(MAX_FILE_BYTES)
    if mode & 0o077:
        raise InvalidConfig(
            f"the network key {path} is open to other users (mode {mode:04o}): "
            f"run `chmod 600 {path}`",
            path=str(path),
        )
    digits = text.decode(errors="replace").strip().removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits) or not 0 < int(digits, 16) < SECP256K1_ORDER:
        raise InvalidConfig(
            f"{path} holds no network key (64 hexadecimal digits): remove it, and a new one is "
            "made; the node's peer id changes with it",
            path=str(path),
        )
    return bytes.fromhex(digits)


def _fresh_secret() -> bytes:
    return (1 + secrets.randbelow(SECP256K1_ORDER - 1)).to_bytes(32, "big")


def _write(path: Path, secret: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret.hex().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
