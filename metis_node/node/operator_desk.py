"""Where a command meets the L1: connect, prepare an order, simulate, ask, send, wait, report.

What is ordered is pure (`l1/stake_orders.py`, `l1/proposals.py`); how it is shown is the command's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from metis_node.errors import InvalidRequest, Temporary
from metis_node.l1.amounts import format_ether
from metis_node.l1.answers import Receipt
from metis_node.l1.client import L1Client
from metis_node.l1.contract_reader import ContractReader
from metis_node.l1.delivery import OnProgress, delivered
from metis_node.l1.deployment.record import DeploymentRecord, shown
from metis_node.l1.fees import Prices, first_fees
from metis_node.l1.orders import Order
from metis_node.l1.simulation import Simulated, estimate, simulate
from metis_node.l1.stake_facts import PoolView
from metis_node.node.l1_sending import connected, sending
from metis_node.node.signers import SignerChoice, account_of, open_signer
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain

if TYPE_CHECKING:
    from metis_node.node.config import Config

T = TypeVar("T")

PENDING_WAIT_S = 30.0  # some L1 blocks
PENDING_LOOK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """`poll_s`: between two looks at a transaction under way. `pending_wait_s`: for those that
    the account has sent elsewhere."""

    dry_run: bool = False
    confirmations: int = 1
    max_fee_gwei: int = 200
    poll_s: float = 0.5
    pending_wait_s: float = PENDING_WAIT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A connection to the L1 with its contracts, and who asks."""

    client: L1Client
    record: DeploymentRecord
    account: Address

    @property
    def domain(self) -> SigningDomain:
        """Of everything that sequencers of this network sign."""
        pool = self.record.addresses["LockingPool"]
        return SigningDomain(chain_id=self.record.l2_chain_id, locking_pool=pool)

    @property
    def pool(self) -> PoolView:
        return PoolView(self.client, self.record)

    def reader(self, contract: str) -> ContractReader:
        return ContractReader(self.client, contract, self.record.addresses[contract])


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An order with what it costs. `fee` is the most that will be paid per gas, wei."""

    order: Order
    simulated: Simulated
    fee: int

    @property
    def most(self) -> int:
        return self.simulated.total * self.fee


Prepare = Callable[[Session], Awaitable[Order]]
OnQuote = Callable[[Quote], None]


class OperatorDesk:
    """One command's way to the L1."""

    def __init__(
        self,
        *,
        config: Config,
        urls: Sequence[str],
        record: DeploymentRecord,
        record_file: Path,
        choice: SignerChoice,
        options: DeskOptions,
    ) -> None:
        self.config = config
        self.record = record
        self._urls = urls
        self._record_file = record_file
        self._choice = choice
        self._options = options

    @property
    def is_dry(self) -> bool:
        return self._options.dry_run

    async def look(self, read: Callable[[Session], Awaitable[T]], account: Address) -> T:
        """Only reading; no key is opened."""
        async with self._client() as client:
            return await read(Session(client=client, record=self.record, account=account))

    async def place(
        self,
        prepare: Prepare,
        *,
        on_quote: OnQuote,
        on_progress: OnProgress,
    ) -> list[Receipt]:
        """Send what `prepare` orders, after `on_quote` let it pass; empty where it is a dry run.

        Each call waits until the one before is confirmed: nothing is sent on a guess.
        """
        if self._options.dry_run:
            account = account_of(self._choice, self.config)
            async with self._client() as client:
                session = Session(client=client, record=self.record, account=account)
                on_quote(await self._quote(session, await prepare(session)))
            return []
        signer = open_signer(self._choice, self.config)
        account = Address(bytes.fromhex(signer.address[2:]))
        async with self._client() as client:
            session = Session(client=client, record=self.record, account=account)
            await _nothing_pending(session, patience_s=self._options.pending_wait_s)
            order = await prepare(session)
            on_quote(await self._quote(session, order))
            async with sending(
                client,
                signer,
                confirmations=self._options.confirmations,
                poll_s=self._options.poll_s,
                max_fee_gwei=self._options.max_fee_gwei,
            ) as sender:
                receipts = []
                for call in order.calls:
                    gas = await estimate(client, order, call)
                    submission = sender.send(to=call.to, data=call.data, gas=gas)
                    receipts.append(await delivered(sender, submission, call.label, on_progress))
                return receipts

    async def _quote(self, session: Session, order: Order) -> Quote:
        simulated = await simulate(session.client, order)
        quote = Quote(order=order, simulated=simulated, fee=await _fee(session.client))
        balance = await session.client.balance(session.account)
        if balance < quote.most:
            raise InvalidRequest(
                f"{shown(session.account)} has {format_ether(balance)} on L1, the transactions may "
                f"cost {format_ether(quote.most)}: send it some",
                code=-32000,
            )
        return quote

    def _client(self) -> AbstractAsyncContextManager[L1Client]:
        return connected(self._urls, self.record.l1_chain_id, named_by=str(self._record_file))


async def _nothing_pending(session: Session, *, patience_s: float) -> None:
    """Wait for what a wallet or an earlier command sent from this account, and never replace it."""
    client, account = session.client, session.account
    deadline = time.monotonic() + patience_s
    while True:
        mined = await client.nonce(account)
        pending = await client.nonce(account, pending=True) - mined
        if pending <= 0:
            return
        if time.monotonic() > deadline:
            raise Temporary(
                f"{pending} transactions of {shown(account)} wait in the L1's pool, sent by a "
                "wallet or an earlier command: nothing was sent; let them be mined, or raise their "
                "fees where they were sent, and run this again"
            )
        await asyncio.sleep(PENDING_LOOK_S)


async def _fee(client: L1Client) -> int:
    """What a first offer would be at most, per gas."""
    head = await client.header("latest")
    base_fee = head.base_fee_per_gas if head is not None else 0
    prices = Prices(base_fee=base_fee, priority_fee=await client.priority_fee(), blob_base_fee=None)
    return first_fees(prices, blobs=False).max_fee
