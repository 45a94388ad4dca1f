"""The stake of a new devnet with several sequencers: contracts deployed, stake locked, seats taken.

What a network does in weeks by hand happens here in a few L1 blocks: whatever does not build on one
another goes into the same one. Orders are `l1/stake_orders.py`'s, as those of `metis-node stake`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metis_node.errors import Temporary
from metis_node.l1.amounts import ONE_METIS
from metis_node.l1.client import L1Client
from metis_node.l1.delivery import delivered
from metis_node.l1.deployment.plan import plan_deployment
from metis_node.l1.deployment.record import DeploymentRecord
from metis_node.l1.deployment.settings import parse_deployment
from metis_node.l1.orders import Order
from metis_node.l1.sender import TransactionSender
from metis_node.l1.signer_proof import signer_pubkey
from metis_node.l1.simulation import simulate
from metis_node.l1.stake_facts import PoolView
from metis_node.l1.stake_orders import activate, lock
from metis_node.node.contract_deployment import DeployOptions, deploy
from metis_node.node.devnet_contracts import ALL_AT_ONCE, POLL_S, devnet_deployment
from metis_node.node.devnet_genesis import DEPLOYER_ACCOUNT, FUNDED_ACCOUNTS
from metis_node.node.keys import devnet_accounts
from metis_node.node.l1_sending import connected, sending
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

STAKE = 20_000 * ONE_METIS  # the least, and less than a funded account has
OWNER_FUNDS_WEI = 10 * 10**18  # for owners that no L1 knows
TRANSFER_GAS = 21_000
CALL_GAS = (
    1_000_000  # bound of a call that cannot be tried before those that it builds on are mined
)
PATIENCE_S = 120.0  # with an L1 that makes no block
NAMED_BY = "the devnet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Who owns a sequencer's stake, and who signs for it."""

    owner: LocalAccount
    signer: LocalAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class StakedChain:
    """What the genesis file needs: the contracts, and the L1 block from which on all have power."""

    record: DeploymentRecord
    block: int


def owner_accounts(count: int) -> list[LocalAccount]:
    """Well-known test accounts that do nothing else: neither deploy nor post batches."""
    accounts = devnet_accounts(FUNDED_ACCOUNTS + count)
    return [*accounts[:DEPLOYER_ACCOUNT], *accounts[FUNDED_ACCOUNTS:]][:count]


async def establish(
    *,
    l1_url: str,
    l1_chain_id: int,
    l2_chain_id: int,
    name: str,
    epoch_length: int,
    seats: Sequence[Seat],
    file: Path,
) -> StakedChain:
    """Deploy, lock and activate. `name`: contracts of another name are other contracts."""
    deployer = devnet_accounts(FUNDED_ACCOUNTS)[DEPLOYER_ACCOUNT]
    owners = [seat.owner.address for seat in seats]
    document = devnet_deployment(l1_chain_id, l2_chain_id, owners=owners) | {"name": name}
    document["parameters"]["epochLength"] = epoch_length
    plan = plan_deployment(parse_deployment(document), _address(deployer))
    async with connected([l1_url], l1_chain_id, named_by=NAMED_BY) as client:
        options = DeployOptions(window=ALL_AT_ONCE, poll_s=POLL_S)
        record, _ = await asyncio.gather(
            deploy(client, plan, deployer, file, options=options, on_step=lambda *_: None),
            _require_blocks(client),
        )
        async with sending(
            client, deployer, confirmations=1, poll_s=POLL_S, max_pending=ALL_AT_ONCE
        ) as sender:
            await _fund(client, sender, [seat.owner for seat in seats])
            await asyncio.gather(*[_lock(client, record, seat) for seat in seats])
            return StakedChain(record=record, block=await _activate(client, record, seats, sender))


async def _require_blocks(client: L1Client) -> None:
    """One that mines only when it is sent something would never show that an epoch is decided."""
    first = await _head(client)
    deadline = time.monotonic() + PATIENCE_S
    while await _head(client) == first:
        if time.monotonic() > deadline:
            raise Temporary(
                f"the L1 made no block within {PATIENCE_S:g} s: a devnet needs one that makes them "
                "by time (anvil: --block-time 2)"
            )
        await asyncio.sleep(POLL_S)


async def _head(client: L1Client) -> int:
    header = await client.header("latest")
    return header.number if header is not None else 0


async def _fund(
    client: L1Client, sender: TransactionSender, owners: Sequence[LocalAccount]
) -> None:
    """Coins for those that have none, for the fees of locking."""
    balances = await asyncio.gather(*[client.balance(_address(owner)) for owner in owners])
    poor = [owner for owner, found in zip(owners, balances, strict=True) if not found]
    submissions = [
        sender.send(to=_address(owner), data=b"", gas=TRANSFER_GAS, value=OWNER_FUNDS_WEI)
        for owner in poor
    ]
    await asyncio.gather(*[delivered(sender, one, "coins for owners") for one in submissions])


async def _lock(client: L1Client, record: DeploymentRecord, seat: Seat) -> None:
    """Approval and lock one behind the other: they get into the same block."""
    owner = _address(seat.owner)
    pool = record.addresses["LockingPool"]
    domain = SigningDomain(chain_id=record.l2_chain_id, locking_pool=pool)
    order = lock(
        await PoolView(client, record).facts(owner, None),
        token=record.addresses["MetisToken"],
        amount=STAKE,
        signer=_address(seat.signer),
        signer_pubkey=signer_pubkey(bytes(seat.signer.key), domain, owner=owner),
    )
    gas = (await simulate(client, order)).gas
    async with sending(client, seat.owner, confirmations=1, poll_s=POLL_S) as sender:
        await _all_delivered(sender, order, gas)


async def _activate(
    client: L1Client, record: DeploymentRecord, seats: Sequence[Seat], sender: TransactionSender
) -> int:
    """The block in which the last one got power."""
    view = PoolView(client, record)
    found = [await view.facts(_address(seat.owner), None) for seat in seats]
    due = max(facts.sequencer.activatable_at for facts in found if facts.sequencer is not None)
    await asyncio.sleep(max(0.0, due - time.time()))
    orders = [
        activate(await view.facts(facts.account.address, None), replaced=None) for facts in found
    ]
    blocks = await asyncio.gather(*[_all_delivered(sender, order, ()) for order in orders])
    return max(blocks)


async def _all_delivered(sender: TransactionSender, order: Order, gas: Sequence[int | None]) -> int:
    """The block that the last call is in."""
    limits = [*gas, *[None] * (len(order.calls) - len(gas))]
    submissions = [
        sender.send(to=call.to, data=call.data, gas=limit or CALL_GAS)
        for call, limit in zip(order.calls, limits, strict=True)
    ]
    receipts = await asyncio.gather(
        *[
            delivered(sender, submission, call.label)
            for submission, call in zip(submissions, order.calls, strict=True)
        ]
    )
    return max(receipt.block_number for receipt in receipts)


def _address(account: LocalAccount) -> Address:
    return Address(bytes.fromhex(account.address[2:]))
