"""Options of the commands that send transactions to the L1, and the choice that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from metis_node.node.signers import SignerChoice
    from metis_node.types.primitives import Address

KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="NAME", help="Keystore in the key directory that signs."),
]
PrivateKeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--private-key-file", metavar="FILE", help="File of mode 0600 with a private key instead."
    ),
]
SignerUrlOption = Annotated[
    str | None,
    typer.Option("--signer-url", metavar="URL", help="Remote signer (Web3Signer, eth1) instead."),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="ADDRESS", help="The account; needed with --signer-url."),
]
L1Option = Annotated[
    str | None,
    typer.Option("--l1", metavar="URL", help="L1 endpoint, instead of the configured ones."),
]
ContractsOption = Annotated[
    Path | None,
    typer.Option("--contracts", metavar="FILE", help="Addresses file of the network's contracts."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Simulate, print gas and effect, send nothing.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending.")]
ConfirmationsOption = Annotated[
    int,
    typer.Option(
        "--confirmations", min=1, max=256, help="L1 blocks to wait for, its own included."
    ),
]
MaxFeeOption = Annotated[
    int, typer.Option("--max-fee-gwei", min=1, help="Fee per gas above which nothing is sent.")
]
KeysDirOption = Annotated[
    Path | None,
    typer.Option(
        "--keys-dir", metavar="DIR", help="Key directory; else keys.dir of the configuration."
    ),
]


def signer_choice(
    *,
    default_key: str,
    key: str | None,
    private_key_file: Path | None,
    signer_url: str | None,
    account: str | None,
) -> SignerChoice:
    from metis_node.node.signers import SignerChoice

    return SignerChoice(
        default_key=default_key,
        key=key,
        private_key_file=private_key_file,
        signer_url=signer_url,
        account=None if account is None else address_argument(account, "--from"),
    )


def address_argument(text: str, name: str) -> Address:
    """An address on the command line. InvalidConfig with the reason where it is none."""
    from metis_node.l1.deployment.settings import parse_address

    return parse_address(text, name)
