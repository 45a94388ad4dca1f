"""`l1 deploy` from start to end: the addresses file, the steps, and the file complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from metis_node import __version__
from metis_node.errors import InvalidConfig, Temporary
from metis_node.l1.client import L1Client
from metis_node.l1.deployment.deployer import Deployer, Found, OnStep
from metis_node.l1.deployment.plan import Plan
from metis_node.l1.deployment.record import DeploymentRecord, record_of, wish_hash
from metis_node.l1.signing import TransactionSigner
from metis_node.node.deployment_file import read_record, write_record
from metis_node.node.l1_sending import DEFAULT_MAX_FEE_GWEI, sending


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions:
    """`window`: transactions under way at once; 1 measures the gas of each before it is sent."""

    confirmations: int = 1
    window: int = 1
    poll_s: float = 1.0
    max_fee_gwei: int = DEFAULT_MAX_FEE_GWEI


async def look(client: L1Client, plan: Plan, file: Path) -> Found:
    """What a deployment would find. Refuses a file of another one, as the deployment would."""
    earlier_record(plan, file)
    return await Deployer(client=client, plan=plan, sender=None).look()


async def deploy(
    client: L1Client,
    plan: Plan,
    signer: TransactionSigner,
    file: Path,
    *,
    options: DeployOptions,
    on_step: OnStep,
    on_begin: Callable[[DeploymentRecord], None] = lambda _: None,
) -> DeploymentRecord:
    """Do what is missing. The addresses file is written before and after; both are repeatable."""
    record = earlier_record(plan, file)
    if record is not None and record.is_complete and await _stands(client, plan):
        return record
    if record is None or record.is_complete:  # complete, and gone: the chain began anew
        record = record_of(plan, first_block=await _head(client), software=__version__)
    write_record(file, replace(record, codes={}))
    on_begin(record)
    async with sending(
        client,
        signer,
        confirmations=options.confirmations,
        poll_s=options.poll_s,
        max_pending=options.window,
        max_fee_gwei=options.max_fee_gwei,
    ) as sender:
        deployer = Deployer(client=client, plan=plan, sender=sender, window=options.window)
        await deployer.run(on_step)
        record = replace(record, codes=await deployer.codes())
    write_record(file, record)
    return record


def earlier_record(plan: Plan, file: Path) -> DeploymentRecord | None:
    """What an earlier run wrote there. InvalidConfig where it is of another deployment."""
    if not file.exists():
        return None
    record = read_record(file)
    if record.wish != wish_hash(plan.deployment, plan.deployer):
        raise InvalidConfig(
            f"{file} belongs to another deployment ({record.name}, by 0x{record.deployer.hex()}, "
            f"L1 chain {record.l1_chain_id}): another account or a changed file gives other "
            "contracts; use the same ones to go on, or another --out to begin anew"
        )
    if record.addresses != plan.addresses:
        raise InvalidConfig(
            f"{file} was written by version {record.software}, whose contracts have other code "
            f"than those of this version ({__version__}): go on with that one, or use another "
            "--out to deploy these"
        )
    return record


async def _stands(client: L1Client, plan: Plan) -> bool:
    return await Deployer(client=client, plan=plan, sender=None).is_complete()


async def _head(client: L1Client) -> int:
    header = await client.header("latest")
    if header is None:
        raise Temporary("the L1 has no head")
    return header.number
