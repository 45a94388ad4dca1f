"""What the pool says about itself, an account and a sequencer: values, and reading them.

Decisions on them are in `stake_orders.py`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from metis_node.errors import InvalidRequest, Temporary
from metis_node.l1.client import L1Client
from metis_node.l1.contract_reader import ContractReader
from metis_node.l1.deployment.record import DeploymentRecord
from metis_node.l1.parameters import PARAMETERS
from metis_node.l1.refusals import STATUS_NAMES
from metis_node.types.primitives import ZERO_ADDRESS, Address

MAX_SHOWN = 1_000  # sequencers that `stake info --all` reads, each by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """Amounts in wei of METIS, times in seconds, power in gwei."""

    address: Address
    now: int  # about the time of the next L1 block
    min_lock: int
    max_lock: int
    exit_delay: int
    activation_delay: int
    max_sequencers: int
    max_unbondings: int
    seats_taken: int
    sequencer_count: int
    total_power: int
    total_locked: int
    total_unbonding: int
    reward_fund: int
    total_owed: int
    whitelist_required: bool
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """`sequencer_id` is the one it owns, `signs_for` the one whose signer it is or was; 0: none."""

    address: Address
    ether: int
    metis: int
    allowance: int
    sequencer_id: int
    signs_for: int
    whitelisted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbonding:
    amount: int
    claimable_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencerFacts:
    """`status` is a word of `STATUS_NAMES`. Zero addresses mean: nobody, and the owner."""

    sequencer_id: int
    stake: int
    owed: int
    unbonding: int
    status: str
    jailed: bool
    tombstoned: bool
    jailed_until: int
    activatable_at: int
    power: int
    owner: Address
    pending_owner: Address
    signer: Address
    reward_recipient: Address
    unbondings: tuple[Unbonding, ...]

    @property
    def paid_to(self) -> Address:
        return self.owner if self.reward_recipient == ZERO_ADDRESS else self.reward_recipient

    @property
    def is_staked(self) -> bool:
        return self.status in ("active", "pending")

    def claimable(self, now: int) -> int:
        """Wei that can be claimed at a time."""
        return sum(part.amount for part in self.unbondings if part.claimable_at <= now)


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeFacts:
    """What an operation is decided on. `sequencer` is None where there is none of that id."""

    pool: PoolFacts
    account: AccountFacts
    sequencer: SequencerFacts | None


class PoolView:
    """Reads all of it."""

    def __init__(self, client: L1Client, record: DeploymentRecord) -> None:
        self._client = client
        at = record.addresses
        self.pool = ContractReader(client, "LockingPool", at["LockingPool"])
        self._token = ContractReader(client, "MetisToken", at["MetisToken"])
        self._parameters = ContractReader(client, "NetworkParameters", at["NetworkParameters"])

    async def facts(self, account: Address, sequencer_id: int | None) -> StakeFacts:
        """Of the sequencer named, else of the one that the account owns or signs for."""
        pool, holder = await asyncio.gather(self.network(), self.account(account))
        wanted = sequencer_id or holder.sequencer_id or holder.signs_for
        found = await self.sequencer(wanted) if wanted else None
        return StakeFacts(pool=pool, account=holder, sequencer=found)

    async def network(self) -> PoolFacts:
        head = await self._client.header("latest")
        if head is None:
            raise Temporary("the L1 has no head")
        keys = ("minLock", "maxLock", "exitDelay", "activationDelay", "maxSequencers")
        values = await asyncio.gather(
            *(self._parameters.read("get", PARAMETERS[key].key_bytes) for key in keys)
        )
        getters = (
            "MAX_UNBONDINGS",
            "seatsTaken",
            "sequencerCount",
            "totalPower",
            "totalLocked",
            "totalUnbonding",
            "rewardFund",
            "totalOwed",
            "whitelistRequired",
            "paused",
        )
        found = await asyncio.gather(*(self.pool.read(getter) for getter in getters))
        return PoolFacts(
            address=self.pool.address,
            now=max(head.timestamp, int(time.time())),  # an idle chain's head may be old
            min_lock=values[0],
            max_lock=values[1],
            exit_delay=values[2],
            activation_delay=values[3],
            max_sequencers=values[4],
            max_unbondings=found[0],
            seats_taken=found[1],
            sequencer_count=found[2],
            total_power=found[3],
            total_locked=found[4],
            total_unbonding=found[5],
            reward_fund=found[6],
            total_owed=found[7],
            whitelist_required=found[8],
            paused=found[9],
        )

    async def account(self, address: Address) -> AccountFacts:
        ether, metis, allowance, owned, signs_for, whitelisted = await asyncio.gather(
            self._client.balance(address),
            self._token.read("balanceOf", address),
            self._token.read("allowance", address, self.pool.address),
            self.pool.read("seqOwners", address),
            self.pool.read("signerSequencer", address),
            self.pool.read("whitelist", address),
        )
        return AccountFacts(
            address=address,
            ether=ether,
            metis=metis,
            allowance=allowance,
            sequencer_id=owned,
            signs_for=signs_for,
            whitelisted=whitelisted,
        )

    async def signer_used_by(self, signer: Address) -> int:
        """The sequencer that a signer's address belongs to; 0: none."""
        used: int = await self.pool.read("signerSequencer", signer)
        return used

    async def sequencer(self, sequencer_id: int) -> SequencerFacts | None:
        fields, queue = await asyncio.gather(
            self.pool.read("sequencers", sequencer_id), self.pool.read("unbondings", sequencer_id)
        )
        status = STATUS_NAMES[fields[3]]
        if status == "unavailable":
            return None
        addresses = [Address(bytes.fromhex(text[2:])) for text in fields[9:13]]
        return SequencerFacts(
            sequencer_id=sequencer_id,
            stake=fields[0],
            owed=fields[1],
            unbonding=fields[2],
            status=status,
            jailed=fields[4],
            tombstoned=fields[5],
            jailed_until=fields[6],
            activatable_at=fields[7],
            power=fields[8],
            owner=addresses[0],
            pending_owner=addresses[1],
            signer=addresses[2],
            reward_recipient=addresses[3],
            unbondings=tuple(Unbonding(amount=part[0], claimable_at=part[1]) for part in queue),
        )

    async def all_sequencers(self) -> list[SequencerFacts]:
        count: int = await self.pool.read("sequencerCount")
        if count > MAX_SHOWN:
            raise InvalidRequest(f"there are {count} sequencers: name one, `stake info ID`")
        found = await asyncio.gather(*(self.sequencer(one) for one in range(1, count + 1)))
        return [entry for entry in found if entry is not None]
