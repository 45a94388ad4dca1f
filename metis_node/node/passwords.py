"""Where the password of the keystores comes from: file, configuration or environment, prompt."""

from __future__ import annotations

import getpass
import sys

from metis_node.errors import InvalidConfig
from metis_node.node.config.model import Keys
from metis_node.node.keys import read_password_file


def require_password(keys: Keys, *, confirm: bool = False) -> str:
    """The password, asked for on a terminal where it is not configured. InvalidConfig elsewhere."""
    if keys.password_file is not None:
        return read_password_file(keys.password_file)
    if keys.password is not None:
        return keys.password.get_secret_value()
    if not sys.stdin.isatty():
        raise InvalidConfig(
            "the password of the keystore is not configured: set keys.password_file (a file of "
            "mode 0600) or METIS_NODE_KEYS__PASSWORD"
        )
    password = getpass.getpass("Password of the keystore: ")
    if confirm and getpass.getpass("The same again: ") != password:
        raise InvalidConfig("the two passwords differ: nothing was written")
    return password
