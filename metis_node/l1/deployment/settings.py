"""What an operator wants on an L1, parsed from a deployment file. Pure; reading files is `node/`'s.

A file is complete: what it does not name has the default of the table here or of the contract, and
a key that does not exist is refused, so that a slip cannot deploy something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidConfig, InvalidRequest
from metis_node.l1.amounts import ONE_METIS, POWER_PER_METIS, parse_metis
from metis_node.l1.parameters import parse_value, require_parameter
from metis_node.types.primitives import Address, Hash32

DEFAULT_SUPPLY = 10**9 * ONE_METIS
MAX_ALLOTMENTS = 32
MAX_ENDPOINTS = 16
MAX_NAME = 64
NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
KEYS: Mapping[str, tuple[str, ...]] = {
    "l1": ("chain_id", "endpoints"),
    "l2": ("chain_id",),
    "token": ("address", "supply", "allotments"),
    "pool": ("whitelist_required",),
    "governance": (
        "voting_delay_blocks",
        "voting_period_blocks",
        "proposal_threshold",
        "quorum_percent",
        "timelock_delay",
    ),
    "parameters": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance:
    """Voting times in L1 blocks, the timelock's in seconds, the threshold in power (gwei)."""

    voting_delay_blocks: int = 7_200
    voting_period_blocks: int = 36_000
    proposal_threshold: int = 20_000 * POWER_PER_METIS
    quorum_percent: int = 34
    timelock_delay_s: int = 172_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """`token` None: deploy a MetisToken of `supply`, of which `allotments` leave the deployer.

    `parameters` are those that shall not have the contract's default; amounts in wei.
    """

    name: str
    l1_chain_id: int
    l2_chain_id: int
    endpoints: tuple[str, ...] = ()
    token: Address | None = None
    supply: int = DEFAULT_SUPPLY
    allotments: tuple[tuple[Address, int], ...] = ()
    whitelist_required: bool = False
    governance: Governance = Governance()
    parameters: tuple[tuple[str, int], ...] = ()

    @property
    def salt(self) -> Hash32:
        """Different networks on one L1 have different addresses."""
        return Hash32(keccak256(f"metis-node/{self.name}/{self.l2_chain_id}".encode()))


def parse_deployment(document: Mapping[str, Any]) -> Deployment:
    """InvalidConfig names the key, its value and what is expected."""
    tables = {name: _table(document, name) for name in KEYS}
    unknown = sorted(set(document) - set(KEYS) - {"name"})
    if unknown:
        raise InvalidConfig(f"{unknown[0]}: no such key in a deployment; there are {_all_keys()}")
    token = tables["token"]
    deployment = Deployment(
        name=_name(document.get("name")),
        l1_chain_id=_number(tables["l1"], "l1.chain_id", least=1),
        l2_chain_id=_number(tables["l2"], "l2.chain_id", least=1),
        endpoints=_endpoints(tables["l1"]),
        token=parse_address(token["address"], "token.address") if "address" in token else None,
        supply=_metis(token, "token.supply", DEFAULT_SUPPLY),
        allotments=_allotments(token),
        whitelist_required=_flag(tables["pool"], "pool.whitelist_required"),
        governance=_governance(tables["governance"]),
        parameters=_parameters(tables["parameters"]),
    )
    _require_sound(deployment, token)
    return deployment


def parse_address(value: object, key: str) -> Address:
    """An address with or without EIP-55 checksum; a wrong checksum is a typing error."""
    from eth_utils.address import is_checksum_address, is_hex_address

    if not isinstance(value, str) or not value.startswith("0x") or not is_hex_address(value):
        raise InvalidConfig(f"{key} = {value!r}: must be 0x and 40 hexadecimal digits")
    digits = value[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(value):
        raise InvalidConfig(
            f"{key} = {value!r}: its EIP-55 checksum is wrong; check the digits, or write it in "
            "lower case"
        )
    return Address(bytes.fromhex(digits))


def _require_sound(deployment: Deployment, token: Mapping[str, Any]) -> None:
    if deployment.token is not None and len(token) > 1:
        raise InvalidConfig("token.address names a token: token.supply and allotments go with none")
    if deployment.token == bytes(20):
        raise InvalidConfig("token.address is zero: name the token, or leave it out on a devnet")
    allotted = sum(amount for _, amount in deployment.allotments)
    if allotted > deployment.supply:
        raise InvalidConfig("token.allotments are more than token.supply")


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, Mapping):
        raise InvalidConfig(f"{name} = {table!r}: must be a table, [{name}]")
    unknown = sorted(set(table) - set(KEYS[name])) if KEYS[name] else []
    if unknown:
        raise InvalidConfig(
            f"{name}.{unknown[0]}: no such key in a deployment; there are {_all_keys()}"
        )
    return table


def _all_keys() -> str:
    keys = [f"{table}.{key}" for table, keys in KEYS.items() for key in keys]
    return ", ".join(["name", *keys, "parameters.<key>"])


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or set(value) - NAME_LETTERS:
        raise InvalidConfig(
            f"name = {value!r}: must name the network with up to {MAX_NAME} lower-case letters, "
            "digits and '-'"
        )
    return value


def _number(
    table: Mapping[str, Any],
    key: str,
    default: int | None = None,
    *,
    least: int = 0,
    most: int = (1 << 63) - 1,
) -> int:
    value = table.get(key.partition(".")[2], default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidConfig(f"{key} = {value!r}: must be a number from {least} to {most}")
    return value


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key.partition(".")[2], False)
    if not isinstance(value, bool):
        raise InvalidConfig(f"{key} = {value!r}: must be true or false")
    return value


def _metis(table: Mapping[str, Any], key: str, default: int) -> int:
    value = table.get(key.partition(".")[2])
    if value is None:
        return default
    return _read(key, value, lambda text: parse_metis(text, what=key))


def _read(key: str, value: object, parse: Any) -> int:
    """A figure with a unit is text: a bare number would leave open which unit it is in."""
    if not isinstance(value, str):
        raise InvalidConfig(
            f'{key} = {value!r}: write it as text with its unit, like "20000 METIS" or "21 days"'
        )
    try:
        return int(parse(value))
    except InvalidRequest as error:
        raise InvalidConfig(f"{key}: {error.message}") from error


def _endpoints(table: Mapping[str, Any]) -> tuple[str, ...]:
    value = table.get("endpoints", [])
    if not isinstance(value, list) or not all(_is_url(entry) for entry in value):
        raise InvalidConfig(f"l1.endpoints = {value!r}: must be a list of http:// or https:// URLs")
    if len(value) > MAX_ENDPOINTS:
        raise InvalidConfig(f"l1.endpoints: at most {MAX_ENDPOINTS}")
    return tuple(value)


def _is_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def _allotments(token: Mapping[str, Any]) -> tuple[tuple[Address, int], ...]:
    table = token.get("allotments", {})
    if not isinstance(table, Mapping) or len(table) > MAX_ALLOTMENTS:
        raise InvalidConfig(f"token.allotments: at most {MAX_ALLOTMENTS} lines ADDRESS = AMOUNT")
    return tuple(
        (
            parse_address(address, "token.allotments"),
            _read(f"token.allotments.{address}", amount, parse_metis),
        )
        for address, amount in table.items()
    )


def _governance(table: Mapping[str, Any]) -> Governance:
    default = Governance()
    threshold = default.proposal_threshold * ONE_METIS // POWER_PER_METIS
    delay = table.get("timelock_delay", f"{default.timelock_delay_s} s")
    return Governance(
        voting_delay_blocks=_number(
            table, "governance.voting_delay_blocks", default.voting_delay_blocks, most=1 << 32
        ),
        voting_period_blocks=_number(
            table,
            "governance.voting_period_blocks",
            default.voting_period_blocks,
            least=1,
            most=(1 << 32) - 1,
        ),
        proposal_threshold=_metis(table, "governance.proposal_threshold", threshold)
        * POWER_PER_METIS
        // ONE_METIS,
        quorum_percent=_number(
            table, "governance.quorum_percent", default.quorum_percent, least=1, most=100
        ),
        timelock_delay_s=_read(
            "governance.timelock_delay",
            delay,
            lambda text: parse_value(require_parameter("exitDelay"), text),
        ),
    )


def _parameters(table: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple((key, _parameter(key, value)) for key, value in table.items())


def _parameter(key: str, value: object) -> int:
    try:
        parameter = require_parameter(key)
    except InvalidRequest as error:
        raise InvalidConfig(f"parameters.{key}: {error.message}") from error
    is_count = parameter.unit not in ("metis", "seconds")
    text = str(value) if is_count and type(value) is int else value
    return _read(f"parameters.{key}", text, lambda text: parse_value(parameter, text))
