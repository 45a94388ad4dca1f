"""Where the official fixtures are and how they are read. Nothing here knows what they mean."""

from __future__ import annotations

import functools
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"
STATE_TESTS = FOLDER / "general_state_tests.tar.xz"
OTHER_TESTS = FOLDER / "trie_rlp_transaction_tests.tar.xz"

ABSENT = "the official fixtures are not beside the repository (../shared/vectors)"


def available() -> bool:
    """Whether both archives are there."""
    return STATE_TESTS.is_file() and OTHER_TESTS.is_file()


@functools.cache
def read(archive: Path) -> dict[str, Any]:
    """Every JSON file of an archive: path within it -> parsed content."""
    return dict(_files(archive))


def _files(archive: Path) -> Iterator[tuple[str, Any]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(".json"):
                content = tar.extractfile(member)
                assert content is not None
                yield member.name.removeprefix("./"), json.loads(content.read())


def unhex(text: str) -> bytes:
    """Bytes of 0x-prefixed hex, of even or odd length."""
    digits = text.removeprefix("0x")
    return bytes.fromhex("0" * (len(digits) % 2) + digits)


def number(text: str) -> int:
    """An integer in decimal or 0x-prefixed hex."""
    return int(text, 16) if text.startswith("0x") else int(text)
