"""The addresses file: where the contracts of a network are, and from which wish they were made.

Pure: values and their JSON. Reading and writing the file is `node/`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidConfig
from metis_node.l1.deployment.plan import Plan
from metis_node.l1.deployment.settings import Deployment, parse_address
from metis_node.types.primitives import Address, Hash32

FORMAT = 1
MAX_RECORD_BYTES = 1 << 20
NAMES = (
    "MetisToken",
    "NetworkParameters",
    "LockingPool",
    "SequencerInbox",
    "EpochSettlement",
    "Slasher",
    "TimelockController",
    "SequencerGovernor",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedCode:
    """Code at an address, as it was when the deployment was complete."""

    address: Address
    code_hash: Hash32
    implementation: Address | None = None
    implementation_code_hash: Hash32 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """`first_block` is an L1 block from which on all events of the contracts are found.

    `codes` is empty until the deployment is complete.
    """

    name: str
    l1_chain_id: int
    l2_chain_id: int
    deployer: Address
    wish: Hash32
    first_block: int
    software: str
    addresses: Mapping[str, Address]
    codes: Mapping[str, DeployedCode]

    @property
    def is_complete(self) -> bool:
        return bool(self.codes)

    def to_json(self) -> bytes:
        contracts = {
            name: {"address": shown(address)} | _code_json(self.codes.get(name))
            for name, address in self.addresses.items()
        }
        document = {
            "format": FORMAT,
            "name": self.name,
            "complete": self.is_complete,
            "l1_chain_id": self.l1_chain_id,
            "l2_chain_id": self.l2_chain_id,
            "first_block": self.first_block,
            "deployer": shown(self.deployer),
            "deployment": "0x" + self.wish.hex(),
            "software": self.software,
            "contracts": contracts,
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def wish_hash(deployment: Deployment, deployer: Address) -> Hash32:
    """Stands for what decides addresses: two wishes with one hash give one deployment."""
    facts = (
        deployment.name,
        deployment.l1_chain_id,
        deployment.l2_chain_id,
        deployment.token,
        deployment.supply,
        deployment.allotments,
        deployment.whitelist_required,
        deployment.governance,
        deployment.parameters,
        deployer,
    )
    return Hash32(keccak256(repr(facts).encode()))


def record_of(plan: Plan, *, first_block: int, software: str) -> DeploymentRecord:
    """Of a deployment that begins."""
    return DeploymentRecord(
        name=plan.deployment.name,
        l1_chain_id=plan.deployment.l1_chain_id,
        l2_chain_id=plan.deployment.l2_chain_id,
        deployer=plan.deployer,
        wish=wish_hash(plan.deployment, plan.deployer),
        first_block=first_block,
        software=software,
        addresses=plan.addresses,
        codes={},
    )


def parse_record(data: bytes, source: str) -> DeploymentRecord:
    """InvalidConfig where the file is none, or of a later format."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidConfig(f"the addresses file {source} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidConfig(
            f"{source} is no addresses file of format {FORMAT}: name the one that "
            "`metis-node l1 deploy` wrote"
        )
    try:
        return _parsed(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidConfig(
            f"the addresses file {source} is damaged ({type(error).__name__}: {error}): "
            "`metis-node l1 deploy` with the same deployment file writes it anew"
        ) from error


def shown(address: Address) -> str:
    """With EIP-55 checksum."""
    from eth_utils.address import to_checksum_address

    return to_checksum_address(address)


def _code_json(code: DeployedCode | None) -> dict[str, str]:
    if code is None:
        return {}
    entries = {"code_hash": "0x" + code.code_hash.hex()}
    if code.implementation is not None and code.implementation_code_hash is not None:
        entries["implementation"] = shown(code.implementation)
        entries["implementation_code_hash"] = "0x" + code.implementation_code_hash.hex()
    return entries


def _parsed(document: Mapping[str, Any]) -> DeploymentRecord:
    contracts = {name: document["contracts"][name] for name in NAMES}
    codes = {name: _code(entry) for name, entry in contracts.items()}
    present = {name: code for name, code in codes.items() if code is not None}
    return DeploymentRecord(
        name=str(document["name"]),
        l1_chain_id=_number(document["l1_chain_id"]),
        l2_chain_id=_number(document["l2_chain_id"]),
        deployer=parse_address(document["deployer"], "deployer"),
        wish=_hash(document["deployment"]),
        first_block=_number(document["first_block"]),
        software=str(document["software"]),
        addresses={
            name: parse_address(entry["address"], name) for name, entry in contracts.items()
        },
        codes=present if document["complete"] is True else {},
    )


def _code(entry: Mapping[str, Any]) -> DeployedCode | None:
    if "code_hash" not in entry:
        return None
    address = parse_address(entry["address"], "address")
    if "implementation" not in entry:
        return DeployedCode(address=address, code_hash=_hash(entry["code_hash"]))
    return DeployedCode(
        address=address,
        code_hash=_hash(entry["code_hash"]),
        implementation=parse_address(entry["implementation"], "implementation"),
        implementation_code_hash=_hash(entry["implementation_code_hash"]),
    )


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no number")
    return value


def _hash(text: str) -> Hash32:
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != 32:
        raise ValueError(f"{text!r} is no hash")
    return Hash32(raw)
