"""The steps of a deployment, in order, and how one sees that a step is done. Pure.

Contracts come first, each proxy with its set-up in one transaction; then the wiring, which the
deployer may do because it owns everything until then; at the end the timelock owns all and the
deployer's role in it is renounced. That last step is the sign that a deployment is complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from metis_node.codec.hashes import keccak256
from metis_node.l1.amounts import format_metis
from metis_node.l1.contract_abi import contract
from metis_node.l1.deployment.create2 import FACTORY, created_address, creation_call
from metis_node.l1.deployment.settings import Deployment
from metis_node.l1.parameters import PARAMETERS
from metis_node.types.primitives import ZERO_ADDRESS, Address

GOVERNED = ("NetworkParameters", "LockingPool", "SequencerInbox", "EpochSettlement", "Slasher")
ADMIN_ROLE = bytes(32)
# Bounds of gas, for steps that are sent before those that they build on are mined.
CREATION_GAS = 400_000  # besides what the code costs
SET_UP_GAS = 500_000  # of a proxy
PARAMETERS_SET_UP_GAS = 2_500_000  # all values with their first checkpoints
GAS_PER_CODE_BYTE = 256  # 200 to store it, 40 to carry it (EIP-7623), the rest to hash it
CALL_GAS = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """An `eth_call` whose answer tells whether something is so. `want` None: any but zero."""

    to: Address
    data: bytes
    want: bytes | None

    def holds(self, answer: bytes) -> bool:
        if self.want is None:
            return bool(answer) and any(answer)
        return answer == self.want


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """A contract at an address known beforehand. `implementation` is set for a proxy."""

    label: str
    contract: str
    address: Address
    creation: bytes
    gas: int
    implementation: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A call to a contract of the deployment, done as soon as one of the probes holds."""

    label: str
    to: Address
    data: bytes
    done_when: tuple[Probe, ...]
    gas: int = CALL_GAS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything to do, in order. `addresses` are those that users of the contracts need."""

    deployment: Deployment
    deployer: Address
    creations: tuple[Creation, ...]
    acts: tuple[Act, ...]
    addresses: dict[str, Address]
    complete: Probe

    @property
    def steps(self) -> tuple[Creation | Act, ...]:
        return (*self.creations, *self.acts)


def plan_deployment(deployment: Deployment, deployer: Address) -> Plan:
    """The same wish of the same deployer always gives the same plan and addresses."""
    maker = _Maker(deployment, deployer)
    creations = tuple(maker.creations())
    acts = tuple(maker.acts())
    return Plan(
        deployment=deployment,
        deployer=deployer,
        creations=creations,
        acts=acts,
        addresses=dict(maker.addresses),
        complete=acts[-1].done_when[0],
    )


def transaction_of(step: Creation | Act, deployment: Deployment) -> tuple[Address, bytes]:
    """Where a step's transaction goes, and its calldata."""
    if isinstance(step, Creation):
        return FACTORY, creation_call(deployment.salt, step.creation)
    return step.to, step.data


class _Maker:
    def __init__(self, deployment: Deployment, deployer: Address) -> None:
        self._wish = deployment
        self._deployer = deployer
        self.addresses: dict[str, Address] = {}

    def creations(self) -> Iterator[Creation]:
        wish, at, deployer = self._wish, self.addresses, self._deployer
        if wish.token is None:
            yield self._plain("MetisToken", deployer, wish.supply)
        else:
            at["MetisToken"] = wish.token
        names = [PARAMETERS[key].key_bytes for key, _ in wish.parameters]
        values = [value for _, value in wish.parameters]
        yield from self._proxied("NetworkParameters", deployer, names, values)
        token, parameters = at["MetisToken"], at["NetworkParameters"]
        yield from self._proxied(
            "LockingPool", deployer, token, parameters, wish.l2_chain_id, wish.whitelist_required
        )
        pool = at["LockingPool"]
        yield from self._proxied("SequencerInbox", deployer, pool)
        yield from self._proxied("EpochSettlement", deployer, pool, at["SequencerInbox"])
        yield from self._proxied("Slasher", deployer, pool, at["SequencerInbox"])
        rules = wish.governance
        nobody_yet: list[Address] = []
        anybody = [ZERO_ADDRESS]
        yield self._plain(
            "TimelockController", rules.timelock_delay_s, nobody_yet, anybody, deployer
        )
        yield self._plain(
            "SequencerGovernor",
            pool,
            at["TimelockController"],
            rules.voting_delay_blocks,
            rules.voting_period_blocks,
            rules.proposal_threshold,
            rules.quorum_percent,
        )

    def acts(self) -> Iterator[Act]:
        at, timelock = self.addresses, self.addresses["TimelockController"]
        renounced = self._probe("TimelockController", "hasRole", False, ADMIN_ROLE, self._deployer)
        for holder, amount in self._wish.allotments:
            # Who was given METIS may have spent it by the time that somebody looks again.
            received = self._probe("MetisToken", "balanceOf", None, holder)
            yield self._act(
                f"{format_metis(amount)} to 0x{holder.hex()}",
                ("MetisToken", "transfer", holder, amount),
                received,
                renounced,
            )
        for what, role in (("propose", b"PROPOSER_ROLE"), ("cancel", b"CANCELLER_ROLE")):
            arguments = (keccak256(role), at["SequencerGovernor"])
            granted = self._probe("TimelockController", "hasRole", True, *arguments)
            call = ("TimelockController", "grantRole", *arguments)
            yield self._act(f"TimelockController: the governor may {what}", call, granted)
        for setter, getter, name in (
            ("setSlasher", "slasher", "Slasher"),
            ("setSettlement", "settlement", "EpochSettlement"),
        ):
            is_set = self._probe("LockingPool", getter, at[name])
            yield self._act(
                f"LockingPool: {getter} is {name}", ("LockingPool", setter, at[name]), is_set
            )
        for name in GOVERNED:
            owned = self._probe(name, "owner", timelock)
            handed_over = (name, "transferOwnership", timelock)
            yield self._act(f"{name}: owned by the timelock", handed_over, owned)
        given_up = ("TimelockController", "renounceRole", ADMIN_ROLE, self._deployer)
        yield self._act("TimelockController: the deployer gives up its power", given_up, renounced)

    def _plain(self, name: str, *arguments: Any) -> Creation:
        creation = contract(name).creation(*arguments)
        self.addresses[name] = created_address(self._wish.salt, creation)
        return Creation(
            label=name,
            contract=name,
            address=self.addresses[name],
            creation=creation,
            gas=CREATION_GAS + GAS_PER_CODE_BYTE * len(creation),
        )

    def _proxied(self, name: str, *arguments: Any) -> Iterator[Creation]:
        code = contract(name).creation()
        implementation = created_address(self._wish.salt, code)
        yield Creation(
            label=f"{name} implementation",
            contract=name,
            address=implementation,
            creation=code,
            gas=CREATION_GAS + GAS_PER_CODE_BYTE * len(code),
        )
        set_up = contract(name).call("initialize", *arguments)
        creation = contract("ERC1967Proxy").creation(implementation, set_up)
        set_up_gas = PARAMETERS_SET_UP_GAS if name == "NetworkParameters" else SET_UP_GAS
        self.addresses[name] = created_address(self._wish.salt, creation)
        yield Creation(
            label=name,
            contract="ERC1967Proxy",
            address=self.addresses[name],
            creation=creation,
            gas=CREATION_GAS + set_up_gas + GAS_PER_CODE_BYTE * len(creation),
            implementation=implementation,
        )

    def _act(self, label: str, call: tuple[Any, ...], *done: Probe) -> Act:
        name, function, *arguments = call
        return Act(
            label=label,
            to=self.addresses[name],
            data=contract(name).call(function, *arguments),
            done_when=done,
        )

    def _probe(
        self, name: str, function: str, want: Address | bool | None, *arguments: Any
    ) -> Probe:
        data = contract(name).call(function, *arguments)
        word = None if want is None else _word(want)
        return Probe(to=self.addresses[name], data=data, want=word)


def _word(value: Address | bool) -> bytes:
    return int(value).to_bytes(32, "big") if isinstance(value, bool) else value.rjust(32, b"\0")
