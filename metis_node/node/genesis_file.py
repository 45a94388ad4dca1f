"""Genesis files on disk: read with words for every fault, written once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from metis_node.errors import InvalidConfig
from metis_node.execution.genesis import Genesis, parse_genesis

MAX_GENESIS_BYTES = 256 << 20  # a state of a million accounts


def read_genesis_file(path: Path) -> Genesis:
    """The parsed file. InvalidConfig names the file, the field and what was expected."""
    try:
        if path.stat().st_size > MAX_GENESIS_BYTES:
            raise InvalidConfig(
                f"{path} is larger than a genesis file may be: is it the right one?"
            )
        data = path.read_bytes()
    except OSError as error:
        raise InvalidConfig(
            f"cannot read the genesis file {path}: {error.strerror}; name another with "
            "--genesis or chain.genesis",
            path=str(path),
        ) from error
    try:
        return parse_genesis(data)
    except InvalidConfig as error:
        raise InvalidConfig(f"{path}: {error.message}", **error.facts) from error


def write_genesis_file(path: Path, document: dict[str, Any]) -> Genesis:
    """Write a document that parses, never over an existing file. The parsed genesis."""
    genesis = parse_genesis(orjson.dumps(document))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    return genesis
