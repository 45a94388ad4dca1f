"""`metis-node l1`: put the contracts on an L1, and check those that are there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metis_node.errors import InvalidConfig
from metis_node.node.cli.options import (
    DataDirOption,
    JsonOption,
    PasswordFileOption,
    loaded_config,
)
from metis_node.node.cli.signer_options import (
    ConfirmationsOption,
    DryRunOption,
    FromOption,
    KeyOption,
    KeysDirOption,
    L1Option,
    MaxFeeOption,
    PrivateKeyFileOption,
    SignerUrlOption,
    YesOption,
    signer_choice,
)

if TYPE_CHECKING:
    from metis_node.l1.client import L1Client
    from metis_node.l1.deployment.deployer import Found
    from metis_node.l1.deployment.plan import Plan
    from metis_node.l1.deployment.record import DeploymentRecord
    from metis_node.l1.deployment.settings import Deployment
    from metis_node.l1.deployment.verification import Finding
    from metis_node.l1.signing import TransactionSigner

app = typer.Typer(help="Contracts on the L1: deploy, verify.", no_args_is_help=True)

DeploymentOption = Annotated[
    Path,
    typer.Option("--config", "-c", metavar="FILE", help="Deployment file (TOML): what is wanted."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Addresses file; else <deployment>.contracts.json beside it."
    ),
]


@app.command("deploy")
def deploy(
    config: DeploymentOption,
    out: OutOption = None,
    l1: L1Option = None,
    key: KeyOption = None,
    private_key_file: PrivateKeyFileOption = None,
    signer_url: SignerUrlOption = None,
    account: FromOption = None,
    data_dir: DataDirOption = None,
    keys_dir: KeysDirOption = None,
    password_file: PasswordFileOption = None,
    confirmations: ConfirmationsOption = 1,
    window: Annotated[
        int,
        typer.Option(
            "--window",
            min=1,
            max=64,
            help="Transactions under way at once. 1 measures the gas of each; more is faster, with "
            "bounds of gas instead.",
        ),
    ] = 1,
    max_fee_gwei: MaxFeeOption = 200,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Deploy and wire all contracts, and hand them to governance.

    What is done already is found on the chain, so the same command goes on after any interruption
    and changes nothing when all is done. The addresses file is what every other command needs.
    """
    from metis_node.node.contract_deployment import DeployOptions
    from metis_node.node.deployment_file import read_deployment
    from metis_node.node.logs import configure_logs
    from metis_node.node.signers import account_of, open_signer

    configure_logs(level="warning")
    deployment = read_deployment(config)
    settings = loaded_config(
        None, data_dir, None, keys__dir=keys_dir, keys__password_file=password_file
    ).config
    choice = signer_choice(
        default_key="deployer",
        key=key,
        private_key_file=private_key_file,
        signer_url=signer_url,
        account=account,
    )
    work = _Deploying(
        deployment=deployment,
        source=config,
        urls=_urls(l1, deployment, config),
        file=out or config.with_suffix(".contracts.json"),
        options=DeployOptions(
            confirmations=confirmations, window=window, max_fee_gwei=max_fee_gwei
        ),
        json=json,
        yes=yes,
    )
    if dry_run:
        asyncio.run(work.look(account_of(choice, settings)))
    else:
        asyncio.run(work.run(open_signer(choice, settings)))


@app.command("verify")
def verify(
    contracts: Annotated[
        Path, typer.Option("--contracts", metavar="FILE", help="Addresses file to check.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="Deployment file to compare with, as well."
        ),
    ] = None,
    l1: L1Option = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Check code, owners, wiring and roles of the contracts, and print the parameters.

    Exit code 6 where something is not as it must be.
    """
    from metis_node.node.cli.printing import print_json
    from metis_node.node.deployment_file import read_deployment, read_record
    from metis_node.node.exit_codes import ExitCode
    from metis_node.node.logs import configure_logs

    configure_logs(level="warning")
    record = read_record(contracts)
    deployment = read_deployment(config) if config is not None else None
    urls = [l1] if l1 else list(deployment.endpoints if deployment is not None else ())
    urls = urls or list(loaded_config(None, data_dir, None).config.l1.endpoints)
    findings = asyncio.run(_findings(urls, record, deployment, contracts))
    wrong = [finding for finding in findings if not finding.is_right]
    if json:
        print_json(
            {
                "sound": not wrong and record.is_complete,
                "complete": record.is_complete,
                "findings": [_finding_json(finding) for finding in findings],
            }
        )
    else:
        _print_findings(findings, record)
    if wrong or not record.is_complete:
        raise typer.Exit(ExitCode.FAILED_CHECK)


class _Deploying:
    """One `l1 deploy`, with what it says on the way."""

    def __init__(
        self,
        *,
        deployment: Deployment,
        source: Path,
        urls: list[str],
        file: Path,
        options: Any,
        json: bool,
        yes: bool,
    ) -> None:
        self._deployment = deployment
        self._source = source
        self._urls = urls
        self._file = file
        self._options = options
        self._json = json
        self._yes = yes

    async def look(self, deployer: bytes) -> None:
        """What is there and what is missing; nothing is sent."""
        from metis_node.l1.deployment.plan import plan_deployment
        from metis_node.node.contract_deployment import look
        from metis_node.types.primitives import Address

        plan = plan_deployment(self._deployment, Address(deployer))
        async with self._connected() as client:
            found = await look(client, plan, self._file)
            price = await _gas_price(client)
        if self._json:
            _print_plan_json(plan, found, price)
        else:
            _print_plan(plan, found, price)

    async def run(self, signer: TransactionSigner) -> None:
        from metis_node.l1.deployment.plan import plan_deployment
        from metis_node.node.contract_deployment import deploy, look
        from metis_node.types.primitives import Address

        plan = plan_deployment(self._deployment, Address(bytes.fromhex(signer.address[2:])))
        async with self._connected() as client:
            found = await look(client, plan, self._file)
            if found.missing:
                self._ask(plan, found, await _gas_price(client))
            record = await deploy(
                client, plan, signer, self._file, options=self._options, on_step=self._say
            )
        _print_record(record, self._file, json=self._json)

    def _connected(self) -> Any:
        from metis_node.node.l1_sending import connected

        return connected(self._urls, self._deployment.l1_chain_id, named_by=str(self._source))

    def _ask(self, plan: Plan, found: Found, price: int) -> None:
        from metis_node.node.cli.questions import confirm

        gas = sum(step.gas for step in found.missing)
        confirm(
            f"{len(found.missing)} of {len(plan.steps)} steps are missing on L1 chain "
            f"{plan.deployment.l1_chain_id}; they cost at most {_cost(gas, price)}. Send them?",
            yes=self._yes or self._json,
        )

    def _say(self, label: str, place: int, total: int, was_there: bool) -> None:
        if not self._json and not was_there:
            print(f"  {place:>2}/{total}  {label}", file=sys.stderr, flush=True)


async def _findings(
    urls: list[str], record: DeploymentRecord, deployment: Deployment | None, source: Path
) -> list[Finding]:
    from metis_node.l1.deployment.plan import plan_deployment
    from metis_node.l1.deployment.verification import verify
    from metis_node.node.l1_sending import connected

    plan = plan_deployment(deployment, record.deployer) if deployment is not None else None
    async with connected(urls, record.l1_chain_id, named_by=str(source)) as client:
        return await verify(client, record, plan)


def _urls(l1: str | None, deployment: Deployment, file: Path) -> list[str]:
    if l1 is None and not deployment.endpoints:
        raise InvalidConfig(f"{file} names no l1.endpoints: add them, or name one with --l1")
    return [l1] if l1 is not None else list(deployment.endpoints)


async def _gas_price(client: L1Client) -> int:
    """What a gas costs at the moment, wei."""
    header = await client.header("latest")
    return (header.base_fee_per_gas if header is not None else 0) + await client.priority_fee()


def _cost(gas: int, price: int) -> str:
    from metis_node.l1.amounts import format_ether

    return f"{gas:,} gas, {format_ether(gas * price)} at {price / 10**9:.3g} gwei"


def _print_plan(plan: Plan, found: Found, price: int) -> None:
    from metis_node.l1.deployment.record import shown
    from metis_node.node.cli.printing import print_rows

    rows = []
    for step in plan.steps:
        address = getattr(step, "address", None)
        state = "there" if step.label in found.done else "missing"
        rows.append((state, step.label, shown(address) if address is not None else ""))
    print_rows(("STATE", "STEP", "ADDRESS"), rows)
    gas = sum(step.gas for step in found.missing)
    print(f"\n{len(found.missing)} steps missing, at most {_cost(gas, price)}. Nothing was sent.")


def _print_plan_json(plan: Plan, found: Found, price: int) -> None:
    from metis_node.l1.deployment.record import shown
    from metis_node.node.cli.printing import print_json

    print_json(
        {
            "dry_run": True,
            "missing": [step.label for step in found.missing],
            "done": list(found.done),
            "gas_bound": sum(step.gas for step in found.missing),
            "gas_price_wei": str(price),
            "contracts": {name: shown(address) for name, address in plan.addresses.items()},
        }
    )


def _print_record(record: DeploymentRecord, file: Path, *, json: bool) -> None:
    from metis_node.l1.deployment.record import shown
    from metis_node.node.cli.printing import print_json, print_rows

    addresses = {name: shown(address) for name, address in record.addresses.items()}
    if json:
        print_json(
            {
                "name": record.name,
                "l1_chain_id": record.l1_chain_id,
                "l2_chain_id": record.l2_chain_id,
                "first_block": record.first_block,
                "contracts": addresses,
                "file": str(file),
            }
        )
        return
    print_rows(("CONTRACT", "ADDRESS"), addresses.items())
    print(f"\nAll contracts of {record.name!r} are in place. Addresses: {file}")


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "contract": finding.contract,
        "what": finding.what,
        "expected": finding.expected or None,
        "found": finding.found,
        "right": finding.is_right,
    }


def _print_findings(findings: list[Finding], record: DeploymentRecord) -> None:
    from metis_node.node.cli.printing import print_rows

    print_rows(
        ("", "CONTRACT", "WHAT", "FOUND", "EXPECTED"),
        (
            (
                "ok" if finding.is_right and finding.expected else "" if finding.is_right else "NO",
                finding.contract,
                finding.what,
                finding.found,
                "" if finding.is_right else finding.expected,
            )
            for finding in findings
        ),
    )
    wrong = sum(not finding.is_right for finding in findings)
    print()
    if not record.is_complete:
        print("The deployment is not complete: run `metis-node l1 deploy` again.")
    print(f"{wrong} findings are wrong." if wrong else "Everything found is as it must be.")
