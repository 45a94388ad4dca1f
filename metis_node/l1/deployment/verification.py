"""Whether the contracts on an L1 are those of the addresses file, wired and owned as they must be.

Only looking: every finding says what was expected and what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from metis_node.codec.hashes import keccak256
from metis_node.errors import Fatal
from metis_node.l1 import answers
from metis_node.l1.client import L1Client
from metis_node.l1.contract_reader import ContractReader, Refused
from metis_node.l1.deployment.plan import ADMIN_ROLE, GOVERNED, Plan
from metis_node.l1.deployment.record import DeploymentRecord, shown
from metis_node.l1.parameters import format_value, parameter_of_bytes
from metis_node.types.primitives import Address, Hash32

# keccak256("eip1967.proxy.implementation") - 1 (ERC-1967).
IMPLEMENTATION_SLOT = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"

# Contract, its getter, and the contract whose address it must give.
WIRES = (
    ("LockingPool", "token", "MetisToken"),
    ("LockingPool", "parameters", "NetworkParameters"),
    ("LockingPool", "slasher", "Slasher"),
    ("LockingPool", "settlement", "EpochSettlement"),
    ("SequencerInbox", "pool", "LockingPool"),
    ("EpochSettlement", "pool", "LockingPool"),
    ("EpochSettlement", "inbox", "SequencerInbox"),
    ("Slasher", "pool", "LockingPool"),
    ("Slasher", "inbox", "SequencerInbox"),
    ("SequencerGovernor", "token", "LockingPool"),
    ("SequencerGovernor", "timelock", "TimelockController"),
    *((name, "owner", "TimelockController") for name in GOVERNED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `expected` is empty where anything is right."""

    contract: str
    what: str
    expected: str
    found: str

    @property
    def is_right(self) -> bool:
        return not self.expected or self.expected == self.found


async def verify(
    client: L1Client, record: DeploymentRecord, plan: Plan | None = None
) -> list[Finding]:
    """All findings. `plan`: what a deployment file asks for, compared as well."""
    readers = {
        name: ContractReader(client, name, address) for name, address in record.addresses.items()
    }
    findings = [finding async for finding in _codes(client, record)]
    findings += list(_addresses(record, plan))
    findings += await asyncio.gather(
        *(_wire(readers, record, name, getter, target) for name, getter, target in WIRES)
    )
    findings += [finding async for finding in _roles(readers, record)]
    findings += [finding async for finding in _settings(readers, record, plan)]
    return findings


async def _codes(client: L1Client, record: DeploymentRecord) -> AsyncIterator[Finding]:
    for name, code in record.codes.items():
        yield await _code(client, name, "code", code.address, code.code_hash)
        if code.implementation is None or code.implementation_code_hash is None:
            continue
        params = [shown(code.address), IMPLEMENTATION_SLOT, "latest"]
        slot = await client.call("eth_getStorageAt", params, answers.data)
        yield Finding(
            contract=name,
            what="implementation",
            expected=shown(code.implementation),
            found=shown(Address(slot[-20:])),
        )
        yield await _code(
            client,
            name,
            "implementation's code",
            code.implementation,
            code.implementation_code_hash,
        )


async def _code(
    client: L1Client, name: str, what: str, address: Address, expected: Hash32
) -> Finding:
    code = await client.call("eth_getCode", [shown(address), "latest"], answers.data)
    found = keccak256(code).hex()[:16] if code else "none"
    return Finding(contract=name, what=what, expected=expected.hex()[:16], found=found)


def _addresses(record: DeploymentRecord, plan: Plan | None) -> Iterator[Finding]:
    """Addresses follow from code and wish: equal ones were made of this very code."""
    for name, address in (plan.addresses if plan is not None else {}).items():
        found = shown(record.addresses[name])
        yield Finding(contract=name, what="address", expected=shown(address), found=found)


async def _wire(
    readers: dict[str, ContractReader],
    record: DeploymentRecord,
    name: str,
    getter: str,
    target: str,
) -> Finding:
    found = await _answer(readers[name], getter)
    return Finding(
        contract=name,
        what=f"{getter} is {target}",
        expected=shown(record.addresses[target]),
        found=shown(Address(bytes.fromhex(found[2:]))) if found.startswith("0x") else found,
    )


async def _roles(
    readers: dict[str, ContractReader], record: DeploymentRecord
) -> AsyncIterator[Finding]:
    timelock, governor = readers["TimelockController"], record.addresses["SequencerGovernor"]
    nobody = Address(bytes(20))
    for what, role, holder, wanted in (
        ("governor proposes", keccak256(b"PROPOSER_ROLE"), governor, True),
        ("governor cancels", keccak256(b"CANCELLER_ROLE"), governor, True),
        ("anybody executes", keccak256(b"EXECUTOR_ROLE"), nobody, True),
        ("timelock rules itself", ADMIN_ROLE, timelock.address, True),
        ("deployer has no power", ADMIN_ROLE, record.deployer, False),
    ):
        found = await _answer(timelock, "hasRole", role, holder)
        is_so = "yes" if found == ("yes" if wanted else "no") else "no"
        yield Finding(contract="TimelockController", what=what, expected="yes", found=is_so)


async def _settings(
    readers: dict[str, ContractReader], record: DeploymentRecord, plan: Plan | None
) -> AsyncIterator[Finding]:
    pool, timelock = readers["LockingPool"], readers["TimelockController"]
    chain = await _answer(pool, "l2ChainId")
    expected = str(record.l2_chain_id)
    yield Finding(contract="LockingPool", what="L2 chain id", expected=expected, found=chain)
    for what, getter in (("whitelist required", "whitelistRequired"), ("paused", "paused")):
        found = await _answer(pool, getter)
        yield Finding(contract="LockingPool", what=what, expected="", found=found)
    delay = await _answer(timelock, "getMinDelay")
    yield Finding(contract="TimelockController", what="delay, s", expected="", found=delay)
    wanted = dict(plan.deployment.parameters) if plan is not None else {}
    parameters = readers["NetworkParameters"]
    try:
        keys = await parameters.read("keys")
    except (Refused, Fatal):
        return  # said already: its code is not what it was
    for key in keys:
        name, value = parameter_of_bytes(key), await parameters.read("get", key)
        found = format_value(name, value)
        if wanted.get(name, value) != value:  # governance may do that
            found += f" (deployed with {format_value(name, wanted[name])})"
        yield Finding(contract="NetworkParameters", what=name, expected="", found=found)


async def _answer(reader: ContractReader, function: str, *arguments: Any) -> str:
    """In words even where there is no answer: a wrong contract is a finding, not an end."""
    try:
        answer = await reader.read(function, *arguments)
    except (Refused, Fatal):
        return "no answer"
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return str(answer)
