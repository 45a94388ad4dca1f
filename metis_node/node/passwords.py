"""Where the password of the keystores comes from: file, configuration or environment, prompt."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from metis_node.errors import InvalidConfig
from metis_node.node.config.model import Keys
from metis_node.node.keys import read_password_file


def require_password(keys: Keys, *, confirm: bool = False) -> str:
    """The password, asked for on a terminal where it is not configured. InvalidConfig elsewhere.

    `confirm`: ask twice, because a slip would make a key that nobody can open.
    """
    if keys.password_file is not None:
        return read_password_file(keys.password_file)
    if keys.password is not None:
        return keys.password.get_secret_value()
    if not sys.stdin.isatty():
        raise InvalidConfig(
            "the password of the keystore is not configured: set keys.password_file (a file of "
            "mode 0600) or METIS_NODE_KEYS__PASSWORD"
        )
    return _asked("Password of the keystore: ", confirm=confirm)


def new_password(file: Path | None) -> str:
    """The password that a key shall have from now on: from a file, or asked for twice."""
    if file is not None:
        return read_password_file(file)
    if not sys.stdin.isatty():
        raise InvalidConfig("name the file with the new password: --new-password-file")
    return _asked("New password: ", confirm=True)


def _asked(prompt: str, *, confirm: bool) -> str:
    password = getpass.getpass(prompt)
    if confirm and getpass.getpass("The same again: ") != password:
        raise InvalidConfig("the two passwords differ: nothing was written")
    return password
