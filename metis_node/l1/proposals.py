"""Proposals of governance: what they call, in words, and finding them in the governor's events.

What may be done with one is in `proposal_orders.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidRequest, Temporary
from metis_node.l1 import answers
from metis_node.l1.answers import Log
from metis_node.l1.client import L1Client
from metis_node.l1.contract_abi import Contract, Function, contract
from metis_node.l1.deployment.record import shown
from metis_node.l1.endpoint import TooMuchAsked
from metis_node.l1.parameters import (
    PARAMETERS,
    format_value,
    parameter_of_bytes,
    parse_value,
    require_parameter,
)
from metis_node.types.primitives import Address, Hash32

MAX_SPAN = 10_000  # L1 blocks of one question
MAX_ACTIONS = 16
MAX_ORDINAL_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One call that the timelock will make."""

    to: Address
    data: bytes
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """As it was created. `number` counts from 1 in order of creation."""

    number: int
    proposal_id: int
    proposer: Address
    targets: tuple[Address, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    vote_start: int  # L1 block whose power counts; voting is open in those after it
    vote_end: int
    description: str
    block: int

    @property
    def description_hash(self) -> Hash32:
        return Hash32(keccak256(self.description.encode()))

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What `queue` and `execute` take."""
        return (
            list(self.targets),
            list(self.values),
            list(self.calldatas),
            self.description_hash,
        )


async def find_proposals(
    client: L1Client, governor: Address, *, first: int, last: int
) -> list[Proposal]:
    """All of them, from the governor's events between two L1 blocks."""
    topic = contract("SequencerGovernor").events["ProposalCreated"].topic
    logs: list[Log] = []
    span = MAX_SPAN
    while first <= last:
        until = min(first + span - 1, last)
        where = {"address": "0x" + governor.hex(), "topics": ["0x" + topic.hex()]}
        bounds = {"fromBlock": hex(first), "toBlock": hex(until)}
        try:
            logs += await client.call("eth_getLogs", [where | bounds], answers.logs)
        except TooMuchAsked as error:
            if span == 1:
                raise Temporary(f"no L1 endpoint gives the logs of block {first}") from error
            span = max(span // 2, 1)
        else:
            first = until + 1
    return [_proposal(number, log) for number, log in enumerate(logs, start=1)]


def choose(proposals: list[Proposal], text: str) -> Proposal:
    """By its number in `gov list`, or by its id or the beginning of it."""
    if not text.isascii() or not text.isdigit():
        raise InvalidRequest(f"{text!r} is no proposal: use its number or id from `gov list`")
    if len(text) <= MAX_ORDINAL_DIGITS:
        found = [entry for entry in proposals if entry.number == int(text)]
    else:
        found = [entry for entry in proposals if str(entry.proposal_id).startswith(text)]
    if len(found) != 1:
        raise InvalidRequest(
            f"there is no proposal {text}: `gov list` shows the {len(proposals)} that exist"
            if not found
            else f"{len(found)} proposals begin with {text}: give more of the id"
        )
    return found[0]


def set_action(addresses: Mapping[str, Address], text: str) -> Action:
    """`maxLock=120000` as a call to NetworkParameters."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidRequest(f"--change {text}: write it as KEY=VALUE, for example maxLock=120000")
    parameter = require_parameter(key.strip())
    number = parse_value(parameter, value)
    data = contract("NetworkParameters").call("set", parameter.key_bytes, number)
    to = addresses["NetworkParameters"]
    return Action(to=to, data=data, words=describe(addresses, to, data))


def call_action(addresses: Mapping[str, Address], text: str) -> Action:
    """`LockingPool.setPause=true` as a call to that contract."""
    target, _, arguments = text.partition("=")
    name, dot, function_name = target.strip().partition(".")
    if not dot or name not in addresses:
        raise InvalidRequest(
            f"--call {text}: write it as CONTRACT.FUNCTION=ARGUMENT,...; contracts are "
            f"{', '.join(addresses)}"
        )
    abi = contract(name)
    function = _changing(abi, function_name, text)
    given = [part.strip() for part in arguments.split(",")] if arguments.strip() else []
    if len(given) != len(function.inputs):
        raise InvalidRequest(f"--call {text}: {name}.{function.signature} takes other arguments")
    values = [
        _argument(kind, part, text) for kind, part in zip(function.inputs, given, strict=True)
    ]
    data = abi.call(function.signature, *values)
    return Action(to=addresses[name], data=data, words=describe(addresses, addresses[name], data))


def describe(addresses: Mapping[str, Address], to: Address, data: bytes) -> str:
    """A call in words; what this software does not know is shown as it is."""
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    name = next((name for name, address in addresses.items() if address == to), None)
    if name is None:
        return f"{shown(to)} with 0x{data.hex()}"
    functions = contract(name).functions.values()
    function = next((entry for entry in functions if entry.selector == data[:4]), None)
    if function is None:
        return f"{name} with 0x{data.hex()}"
    try:
        values = decode(function.inputs, data[4:])
    except (DecodingError, OverflowError):
        return f"{name}.{function.name} with 0x{data[4:].hex()}"
    if name == "NetworkParameters" and function.name == "set":
        key = parameter_of_bytes(values[0])
        return f"{key} = {format_value(key, values[1])}"
    return f"{name}.{function.name}({', '.join(map(_shown, values))})"


def _proposal(number: int, log: Log) -> Proposal:
    from eth_abi.abi import decode

    event = contract("SequencerGovernor").events["ProposalCreated"]
    fields = dict(zip(event.data_names, decode(event.data, log.data), strict=True))
    return Proposal(
        number=number,
        proposal_id=fields["proposalId"],
        proposer=Address(bytes.fromhex(fields["proposer"][2:])),
        targets=tuple(Address(bytes.fromhex(text[2:])) for text in fields["targets"]),
        values=tuple(fields["values"]),
        calldatas=tuple(fields["calldatas"]),
        vote_start=fields["voteStart"],
        vote_end=fields["voteEnd"],
        description=fields["description"],
        block=log.block.number,
    )


def _changing(abi: Contract, name: str, text: str) -> Function:
    function = abi.functions.get(name)
    if function is None or function.is_view:
        changing = sorted({f.name for f in abi.functions.values() if not f.is_view})
        raise InvalidRequest(
            f"--call {text}: {abi.name} has no function {name!r} that changes anything; it has "
            f"{', '.join(changing)}"
        )
    return function


def _argument(kind: str, text: str, whole: str) -> Any:
    """A value of an ABI type as people write it."""
    if kind == "address":
        from metis_node.l1.deployment.settings import parse_address

        return parse_address(text, f"--call {whole}")
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind.startswith("uint") and text.isascii() and text.isdigit():
        return int(text)
    if kind == "string":
        return text
    if kind == "bytes32" and text in PARAMETERS:
        return PARAMETERS[text].key_bytes
    if kind.startswith("bytes") and text.startswith("0x"):
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            pass
    raise InvalidRequest(f"--call {whole}: {text!r} is no {kind}")


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return shown(Address(bytes.fromhex(value[2:])))
    return str(value).lower() if isinstance(value, bool) else str(value)
