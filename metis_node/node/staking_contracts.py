"""Which staking contracts this node follows: read from the addresses file of the network.

The file is what `metis-node l1 deploy` writes; only what following needs is looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from metis_node.engine.staking_book import StakingSource
from metis_node.errors import InvalidConfig
from metis_node.node.config import Config
from metis_node.types.primitives import Address
from metis_node.types.rules import ChainRules

MAX_FILE_BYTES = 1 << 20


def staking_source(config: Config, rules: ChainRules) -> StakingSource | None:
    """None on a network without contracts: no file is named and none is at the usual place."""
    path = config.contracts_file
    if config.l1.contracts is None and not path.exists():
        return None
    document = _document(path)
    _require_chain(path, document, "l1_chain_id", rules.l1_chain_id)
    _require_chain(path, document, "l2_chain_id", rules.chain_id)
    if document.get("complete") is not True:
        raise InvalidConfig(
            f"the deployment that {path} describes was not finished: run the same `metis-node l1 "
            "deploy` again, it goes on where it stopped"
        )
    first = document.get("first_block")
    if not isinstance(first, int) or isinstance(first, bool) or first < 0:
        raise _damaged(path, f"first_block is {first!r}")
    return StakingSource(
        pool=_address(path, document, "LockingPool"),
        parameters=_address(path, document, "NetworkParameters"),
        # seed blocks count from the genesis block on, events from the deployment on
        start=max(min(first, rules.l1_start + 1) - 1, 0),
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidConfig(
            f"cannot read the addresses file {path}: {error.strerror}; correct l1.contracts"
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise InvalidConfig(f"{path} has {len(data)} bytes: that is no addresses file")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(document, dict):
        raise _damaged(path, "it holds no object")
    return document


def _require_chain(path: Path, document: dict[str, Any], name: str, wanted: int) -> None:
    if document.get(name) != wanted:
        raise InvalidConfig(
            f"{path} is of {name} {document.get(name)!r}, this chain has {wanted}: name the right "
            "addresses file in l1.contracts"
        )


def _address(path: Path, document: dict[str, Any], name: str) -> Address:
    try:
        raw = bytes.fromhex(document["contracts"][name]["address"].removeprefix("0x"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(path, f"contracts.{name}.address: {type(error).__name__}") from error
    if len(raw) != 20:
        raise _damaged(path, f"contracts.{name}.address has {len(raw)} bytes")
    return Address(raw)


def _damaged(path: Path, why: str) -> InvalidConfig:
    return InvalidConfig(
        f"the addresses file {path} is damaged ({why}): `metis-node l1 deploy` with the same "
        "deployment file writes it anew"
    )
