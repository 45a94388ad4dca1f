"""A deployment on a test's own L1: the wish, and doing it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from eth_account.signers.local import LocalAccount

from metis_node.l1.client import L1Client
from metis_node.l1.deployment.deployer import Deployer
from metis_node.l1.deployment.plan import Plan, plan_deployment
from metis_node.l1.deployment.settings import Deployment, parse_deployment
from metis_node.node.l1_sending import sending
from metis_node.types.primitives import Address

ALL_AT_ONCE = 64
METIS = 10**18


def wish(l1_chain_id: int, **changes: Any) -> Deployment:
    """Short times, small stakes."""
    document: dict[str, Any] = {
        "name": "test",
        "l1": {"chain_id": l1_chain_id},
        "l2": {"chain_id": 901},
        "token": {"supply": "10000000"},
        "parameters": {"exitDelay": "60 s", "activationDelay": "1 s"},
        "governance": {
            "voting_delay_blocks": 1,
            "voting_period_blocks": 10,
            "timelock_delay": "10 s",
        },
    }
    return parse_deployment(document | changes)


def address_of(account: LocalAccount) -> Address:
    return Address(bytes.fromhex(account.address[2:]))


@asynccontextmanager
async def deployer_of(
    client: L1Client,
    deployment: Deployment,
    account: LocalAccount,
    *,
    window: int = ALL_AT_ONCE,
) -> AsyncIterator[tuple[Deployer, Plan]]:
    plan = plan_deployment(deployment, address_of(account))
    async with sending(client, account, confirmations=1, poll_s=0.05, max_pending=window) as sender:
        yield Deployer(client=client, plan=plan, sender=sender, window=window), plan


async def deployed(client: L1Client, deployment: Deployment, account: LocalAccount) -> Plan:
    """Everything in place."""
    async with deployer_of(client, deployment, account) as (deployer, plan):
        await deployer.run(lambda *_: None)
    return plan
