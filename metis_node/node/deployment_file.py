"""Reading a deployment file (TOML); reading and writing the addresses file (JSON)."""

from __future__ import annotations

import os
from pathlib import Path

from metis_node.errors import InvalidConfig
from metis_node.l1.deployment.record import MAX_RECORD_BYTES, DeploymentRecord, parse_record
from metis_node.l1.deployment.settings import Deployment, parse_deployment
from metis_node.node.config.loading import read_toml

ADDRESSES_FILE = "l1-contracts.json"


def read_deployment(file: Path) -> Deployment:
    """InvalidConfig names the file and the key."""
    try:
        return parse_deployment(read_toml(file))
    except InvalidConfig as error:
        prefix = "" if str(file) in error.message else f"{file}: "
        raise InvalidConfig(prefix + error.message, file=str(file)) from error


def read_record(file: Path) -> DeploymentRecord:
    """InvalidConfig where there is none, or a damaged one."""
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise InvalidConfig(
            f"there is no addresses file {file}: name the network's with --contracts or "
            "l1.contracts, or make one with `metis-node l1 deploy`",
            file=str(file),
        ) from error
    except OSError as error:
        raise InvalidConfig(f"cannot read the addresses file {file}: {error.strerror}") from error
    if len(data) > MAX_RECORD_BYTES:
        raise InvalidConfig(f"{file} is larger than an addresses file may be")
    return parse_record(data, str(file))


def write_record(file: Path, record: DeploymentRecord) -> None:
    """All of it or nothing, durably."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("wb") as stream:
        stream.write(record.to_json())
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
