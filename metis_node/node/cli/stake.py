"""`metis-node stake`: lock METIS, become a sequencer, change keys, earn, leave and withdraw."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metis_node.errors import InvalidRequest
from metis_node.node.cli.operator_command import Desk, operator_command
from metis_node.node.cli.signer_options import address_argument

if TYPE_CHECKING:
    from metis_node.l1.orders import Order
    from metis_node.l1.stake_facts import StakeFacts
    from metis_node.node.operator_desk import OperatorDesk, Session
    from metis_node.types.primitives import Address

    Prepared = tuple[StakeFacts, Order]

app = typer.Typer(
    help="Stake on the L1: lock, earn, change keys, leave. Amounts are in METIS.",
    no_args_is_help=True,
)

AmountArgument = Annotated[str, typer.Argument(metavar="AMOUNT", help="METIS, like 20000.5.")]
IdOption = Annotated[
    int | None,
    typer.Option("--id", min=1, help="Sequencer; else the one that the account owns or signs for."),
]
SignerKeyOption = Annotated[
    str | None,
    typer.Option("--signer-key", metavar="NAME", help="Keystore of the signer; else keys.signer."),
]
SignerPubkeyOption = Annotated[
    str | None,
    typer.Option(
        "--signer-pubkey",
        metavar="HEX|@FILE",
        help="Public key with proof from `keys prove`, where the signer's key is elsewhere.",
    ),
]
SignerPasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--signer-password-file", metavar="FILE", help="Password of the signer's keystore alone."
    ),
]


@operator_command(app, "info", sends=False)
def info(
    desk: Desk,
    sequencer: Annotated[
        str | None, typer.Argument(metavar="[ID|ADDRESS]", help="Sequencer, owner or signer.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List all sequencers.")] = False,
) -> None:
    """Show the pool, one sequencer, or all of them. Needs no key."""
    from metis_node.node.cli import stake_printing

    at = desk.l1()
    asked = _asked(sequencer)
    found = asyncio.run(at.look(lambda session: _looked(session, asked, every), _nobody()))
    stake_printing.print_info(found, json=desk.json)


@operator_command(app, "lock")
def lock(
    desk: Desk,
    amount: AmountArgument,
    signer_key: SignerKeyOption = None,
    signer_pubkey: SignerPubkeyOption = None,
    signer_password_file: SignerPasswordOption = None,
    reward_recipient: Annotated[
        str | None,
        typer.Option("--reward-recipient", metavar="ADDRESS", help="Who gets rewards; the owner."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Lock although `doctor` finds something wrong.")
    ] = False,
) -> None:
    """Lock METIS and become a sequencer. Approves exactly the amount first, where needed.

    Looks around as `metis-node doctor` does and refuses on a failing check; with --signer-pubkey
    only at the L1, because the node is elsewhere then.
    """
    from metis_node.l1 import stake_orders
    from metis_node.l1.amounts import parse_metis
    from metis_node.types.primitives import ZERO_ADDRESS

    wei = parse_metis(amount)
    recipient = _address(reward_recipient, "--reward-recipient") or ZERO_ADDRESS
    at = desk.l1()

    async def prepare(session: Session) -> Prepared:
        facts = await session.pool.facts(session.account, None)
        stake_orders.require_lockable(facts, wei)
        machine = signer_pubkey is None
        await asyncio.to_thread(_require_healthy, desk, machine=machine, force=force)
        signer, pubkey = _signer(at, session, signer_key, signer_pubkey, signer_password_file)
        await _require_unused(session, signer)
        return facts, stake_orders.lock(
            facts,
            token=session.record.addresses["MetisToken"],
            amount=wei,
            signer=signer,
            signer_pubkey=pubkey,
            recipient=recipient,
        )

    _run(desk, at, prepare)


@operator_command(app, "relock")
def relock(
    desk: Desk,
    amount: Annotated[str, typer.Argument(metavar="[AMOUNT]", help="METIS to add.")] = "0",
    rewards: Annotated[
        bool, typer.Option("--rewards", help="Lock owed rewards as well, as far as they fit.")
    ] = False,
) -> None:
    """Add to the stake: METIS, owed rewards, or both."""
    from metis_node.l1 import stake_orders
    from metis_node.l1.amounts import parse_metis

    wei = parse_metis(amount)

    def order(facts: StakeFacts, session: Session) -> Order:
        token = session.record.addresses["MetisToken"]
        return stake_orders.relock(facts, token=token, amount=wei, rewards=rewards)

    _ordered(desk, order)


@operator_command(app, "withdraw")
def withdraw(desk: Desk, amount: AmountArgument) -> None:
    """Begin to take out a part of the stake; it is paid by `stake claim` after the exit delay."""
    from metis_node.l1 import stake_orders
    from metis_node.l1.amounts import parse_metis

    wei = parse_metis(amount)
    _ordered(desk, lambda facts, _: stake_orders.withdraw(facts, amount=wei))


@operator_command(app, "unlock")
def unlock(desk: Desk) -> None:
    """Leave: power ends at once, all stake is paid by `stake claim` after the exit delay."""
    from metis_node.l1 import stake_orders

    _ordered(desk, lambda facts, _: stake_orders.unlock(facts))


@operator_command(app, "claim")
def claim(desk: Desk) -> None:
    """Take out what has unbonded."""
    from metis_node.l1 import stake_orders

    _ordered(desk, lambda facts, _: stake_orders.claim(facts))


@operator_command(app, "rewards")
def rewards(desk: Desk) -> None:
    """Take owed rewards; they go to the reward recipient."""
    from metis_node.l1 import stake_orders

    _ordered(desk, lambda facts, _: stake_orders.rewards(facts))


@operator_command(app, "set-recipient")
def set_recipient(
    desk: Desk,
    recipient: Annotated[
        str, typer.Argument(metavar="ADDRESS|owner", help="Who gets rewards from now on.")
    ],
) -> None:
    """Name who gets the rewards."""
    from metis_node.l1 import stake_orders
    from metis_node.types.primitives import ZERO_ADDRESS

    to = ZERO_ADDRESS if recipient == "owner" else address_argument(recipient, "ADDRESS")
    _ordered(desk, lambda facts, _: stake_orders.set_recipient(facts, recipient=to))


@operator_command(app, "update-signer")
def update_signer(
    desk: Desk,
    sequencer_id: IdOption = None,
    signer_key: SignerKeyOption = None,
    signer_pubkey: SignerPubkeyOption = None,
    signer_password_file: SignerPasswordOption = None,
) -> None:
    """Replace the key that signs on the L2. The owner may, and the signer that is replaced."""
    from metis_node.l1 import stake_orders
    from metis_node.l1.stake_checks import named_sequencer

    at = desk.l1()

    async def prepare(session: Session) -> Prepared:
        facts = await session.pool.facts(session.account, sequencer_id)
        owner = named_sequencer(facts).owner
        signer, pubkey = _signer(
            at, session, signer_key, signer_pubkey, signer_password_file, owner=owner
        )
        if signer != named_sequencer(facts).signer:
            await _require_unused(session, signer)
        order = stake_orders.update_signer(facts, signer=signer, signer_pubkey=pubkey)
        return facts, order

    _run(desk, at, prepare)


@operator_command(app, "transfer-owner")
def transfer_owner(
    desk: Desk,
    to: Annotated[
        str | None, typer.Argument(metavar="[ADDRESS]", help="Who is invited to own it.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept an invitation; needs --id.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Take an invitation back.")] = False,
    sequencer_id: IdOption = None,
) -> None:
    """Hand a sequencer to another owner, who accepts with --accept from its own account."""
    from metis_node.l1 import stake_orders
    from metis_node.types.primitives import ZERO_ADDRESS

    if sum((to is not None, accept, cancel)) != 1:
        raise InvalidRequest("name who is invited, or say --accept, or --cancel: one of the three")
    if accept:
        _ordered(desk, lambda facts, _: stake_orders.accept_owner(facts), sequencer_id)
        return
    invited = ZERO_ADDRESS if to is None else address_argument(to, "ADDRESS")
    _ordered(desk, lambda facts, _: stake_orders.transfer_owner(facts, to=invited))


@operator_command(app, "activate")
def activate(
    desk: Desk,
    sequencer_id: IdOption = None,
    replaces: Annotated[
        int | None,
        typer.Option("--replaces", min=1, help="Whose seat to take, where all are taken."),
    ] = None,
) -> None:
    """Take a seat once the activation delay is over. Any account may do it."""
    from metis_node.l1 import stake_orders

    at = desk.l1()

    async def prepare(session: Session) -> Prepared:
        facts = await session.pool.facts(session.account, sequencer_id)
        other = await session.pool.sequencer(replaces) if replaces is not None else None
        return facts, stake_orders.activate(facts, replaced=other)

    _run(desk, at, prepare)


@operator_command(app, "unjail")
def unjail(desk: Desk, sequencer_id: IdOption = None) -> None:
    """Leave jail after the term; the sequencer is pending then. Owner or signer."""
    from metis_node.l1 import stake_orders

    _ordered(desk, lambda facts, _: stake_orders.unjail(facts), sequencer_id)


# --- on the way --------------------------------------------------------------------------------


def _ordered(desk: Desk, order: Any, sequencer_id: int | None = None) -> None:
    """An operation that follows from the facts alone."""

    async def prepare(session: Session) -> Prepared:
        facts = await session.pool.facts(session.account, sequencer_id)
        return facts, order(facts, session)

    _run(desk, desk.l1(), prepare)


def _run(desk: Desk, at: OperatorDesk, prepare: Callable[[Session], Awaitable[Prepared]]) -> None:
    """Send it, then show the sequencer that it was about as it is now."""
    from metis_node.node.cli import order_printing, stake_printing

    seen: list[StakeFacts] = []

    async def remembered(session: Session) -> Order:
        facts, order = await prepare(session)
        seen.append(facts)
        return order

    done = order_printing.place(desk, at, remembered)
    if done is None:
        return
    account, before = seen[0].account.address, seen[0].sequencer
    sequencer_id = before.sequencer_id if before is not None else None
    facts = asyncio.run(
        at.look(lambda session: session.pool.facts(session.account, sequencer_id), account)
    )
    stake_printing.print_result(done, facts, json=desk.json)


def _signer(
    at: OperatorDesk,
    session: Session,
    key: str | None,
    pubkey: str | None,
    password_file: Path | None,
    *,
    owner: Address | None = None,
) -> tuple[Address, bytes]:
    """The signer's address and its key with proof: made here, or brought from elsewhere."""
    from metis_node.node.signer_keys import given_signer, proven_signer

    wanted = owner or session.account
    if pubkey is not None:
        if key is not None:
            raise InvalidRequest("--signer-key and --signer-pubkey name two keys: use one of them")
        return given_signer(pubkey, session.domain, owner=wanted)
    return proven_signer(at.config, key, password_file, session.domain, owner=wanted)


async def _require_unused(session: Session, signer: Address) -> None:
    from metis_node.l1.deployment.record import shown

    used_by = await session.pool.signer_used_by(signer)
    if used_by:
        raise InvalidRequest(
            f"the signer key {shown(signer)} was used by sequencer {used_by} and belongs to it for "
            "ever: make a new one with `metis-node keys new NAME`"
        )


def _require_healthy(desk: Desk, *, machine: bool, force: bool) -> None:
    """What `doctor` finds wrong stops a lock: stake without a node that runs earns fines."""
    if force or desk.dry_run:
        return
    from metis_node.node.checkup.rounds import examine

    failed = [
        finding for finding in examine(desk.config(), machine=machine) if finding.state == "fail"
    ]
    if failed:
        lines = "".join(f"\n  {one.check}: {one.found}\n    -> {one.remedy}" for one in failed)
        raise InvalidRequest(
            f"nothing was sent: {len(failed)} checks of `metis-node doctor` fail; mend them, or "
            f"lock all the same with --force{lines}"
        )


async def _looked(session: Session, asked: int | Address | None, every: bool) -> Any:
    from metis_node.node.cli.stake_printing import Info

    network = await session.pool.network()
    if every:
        return Info(network=network, sequencers=await session.pool.all_sequencers(), one=False)
    if asked is None:
        return Info(network=network, sequencers=[], one=False)
    sequencer_id = asked if isinstance(asked, int) else await _id_of(session, asked)
    found = await session.pool.sequencer(sequencer_id) if sequencer_id else None
    if found is None:
        who = f"sequencer {asked}" if isinstance(asked, int) else f"sequencer of 0x{asked.hex()}"
        raise InvalidRequest(f"there is no {who}: `stake info --all` lists those that exist")
    return Info(network=network, sequencers=[found], one=True)


async def _id_of(session: Session, account: Address) -> int:
    found = await session.pool.account(account)
    return found.sequencer_id or found.signs_for


def _asked(text: str | None) -> int | Address | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    return address_argument(text, "ID|ADDRESS")


def _address(text: str | None, name: str) -> Address | None:
    return None if text is None else address_argument(text, name)


def _nobody() -> Address:
    from metis_node.types.primitives import ZERO_ADDRESS

    return ZERO_ADDRESS
