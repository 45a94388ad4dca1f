"""The contracts of a devnet: deployed onto its L1 while the sequencer starts.

A thread of its own with its own loop, so that neither waits for the other. A devnet whose L1 cannot
take the contracts (an account without coins) runs without them and says why.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from metis_node.errors import MetisError
from metis_node.node.deployment_file import read_record
from metis_node.node.devnet_genesis import DEPLOYER_ACCOUNT, FUNDED_ACCOUNTS
from metis_node.node.json_rpc_client import JsonRpcClient
from metis_node.node.keys import devnet_accounts

log = structlog.get_logger(__name__)

ALLOTMENT = "1000000"  # METIS for each funded account
SUPPLY = "100000000"
ALL_AT_ONCE = 64
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DevnetContracts:
    """How the deployment ended: the addresses file, or why there is none."""

    file: Path | None
    problem: str | None

    def facts(self) -> dict[str, Any]:
        return {
            "contracts": str(self.file) if self.file is not None else None,
            "contracts_problem": self.problem,
        }


def deploy_beside(
    *, l1_url: str, l1_chain_id: int, l2_chain_id: int, file: Path
) -> Future[DevnetContracts]:
    """Start deploying; the result never raises. The thread dies with the process."""
    outcome: Future[DevnetContracts] = Future()
    if _is_in_place(l1_url, file):
        outcome.set_result(DevnetContracts(file=file, problem=None))
        return outcome

    def work() -> None:
        try:
            asyncio.run(_deploy(l1_url, l1_chain_id, l2_chain_id, file))
        except MetisError as error:
            outcome.set_result(DevnetContracts(file=None, problem=error.message))
        except Exception as error:
            log.exception("deploying the contracts failed")
            outcome.set_result(DevnetContracts(file=None, problem=f"{type(error).__name__}"))
        else:
            outcome.set_result(DevnetContracts(file=file, problem=None))

    threading.Thread(target=work, name="contracts", daemon=True).start()
    return outcome


def _is_in_place(l1_url: str, file: Path) -> bool:
    """Whether a complete deployment is recorded and stands on the L1, an older version's too."""
    if not file.exists():
        return False
    record = read_record(file)
    pool = "0x" + record.addresses["LockingPool"].hex()
    code = JsonRpcClient(url=l1_url).call("eth_getCode", pool, "latest")
    return record.is_complete and code != "0x"


async def _deploy(l1_url: str, l1_chain_id: int, l2_chain_id: int, file: Path) -> None:
    from metis_node.l1.deployment.plan import plan_deployment
    from metis_node.l1.deployment.settings import parse_deployment
    from metis_node.node.contract_deployment import DeployOptions, deploy
    from metis_node.node.l1_sending import connected
    from metis_node.types.primitives import Address

    signer = devnet_accounts(FUNDED_ACCOUNTS)[DEPLOYER_ACCOUNT]
    deployment = parse_deployment(devnet_deployment(l1_chain_id, l2_chain_id))
    async with connected([l1_url], l1_chain_id, named_by="the devnet's genesis file") as client:
        plan = plan_deployment(deployment, Address(bytes.fromhex(signer.address[2:])))
        options = DeployOptions(window=ALL_AT_ONCE, poll_s=POLL_S)
        await deploy(client, plan, signer, file, options=options, on_step=lambda *_: None)


def devnet_deployment(
    l1_chain_id: int, l2_chain_id: int, *, owners: Sequence[str] = ()
) -> dict[str, Any]:
    """Short times, so that everything can be tried in minutes. `owners` have METIS at the start,
    besides the funded accounts."""
    from metis_node.l1.deployment.settings import MAX_ALLOTMENTS

    others = [account.address for account in _others(devnet_accounts(FUNDED_ACCOUNTS))]
    holders = [*owners, *(one for one in others if one not in owners)][:MAX_ALLOTMENTS]
    return {
        "name": "devnet",
        "l1": {"chain_id": l1_chain_id},
        "l2": {"chain_id": l2_chain_id},
        "token": {
            "supply": SUPPLY,
            "allotments": dict.fromkeys(holders, ALLOTMENT),
        },
        "parameters": {
            "exitDelay": "60 s",
            "activationDelay": "1 s",
            "jailTerm": "60 s",
            "recoveryDelay": "60 s",
        },
        "governance": {
            "voting_delay_blocks": 1,
            "voting_period_blocks": 15,
            "proposal_threshold": "1000",
            "timelock_delay": "10 s",
        },
    }


def _others(accounts: list[Any]) -> list[Any]:
    """The deployer has the rest anyway."""
    return [account for index, account in enumerate(accounts) if index != DEPLOYER_ACCOUNT]
