"""Transactions between nodes: what comes in here goes to all, so that whoever builds has it.

Pending transactions go out in batches. What callers of this node sent is offered again as long as
it waits: whoever lost it, or began to build since, gets it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

import structlog

from metis_node.chain.mempool import Mempool
from metis_node.codec.block_messages import decode_transactions_message, encode_transactions
from metis_node.codec.hashes import keccak256
from metis_node.engine.consensus.ports import Gossip
from metis_node.engine.heads import PendingTransactions
from metis_node.engine.inbox import Inbox
from metis_node.engine.intake import Intake
from metis_node.errors import Invalid, InvalidTransaction, Temporary
from metis_node.types.network import Offence, PeerId, Topic

if TYPE_CHECKING:
    from metis_node._native import Transaction

FLUSH_INTERVAL_S = 0.05
BATCH_BYTES = 64 << 10
MAX_TRANSACTION_BYTES = 240 << 10  # one that is bigger goes by itself, if it fits at all
MAX_WAITING = 20_000  # transactions not sent yet
MAX_REMOTE = 200_000  # hashes known to come from others
MAX_OFFERED = 20_000  # own transactions that are offered again
OFFER_INTERVAL_S = 5.0
OFFER_AT_ONCE = 2_000
MAX_BATCHES = 1_024  # of others, waiting to be admitted
FORGED_CODES = frozenset(
    {"malformed", "bad_signature", "wrong_chain"}
)  # no honest node passes these on

log = structlog.get_logger(__name__)


class TransactionGossip:
    """Feed `on_message` from the network; `run` it as a task. Event loop only."""

    def __init__(
        self, *, intake: Intake, mempool: Mempool, pending: PendingTransactions, gossip: Gossip
    ) -> None:
        self._intake = intake
        self._mempool = mempool
        self._gossip = gossip
        self._waiting: list[Transaction] = []
        self._remote: OrderedDict[bytes, None] = OrderedDict()
        self._offered: OrderedDict[bytes, None] = OrderedDict()
        self._batches: Inbox[tuple[PeerId, list[bytes]]] = Inbox("transactions", MAX_BATCHES)
        self.dropped = 0  # transactions, own or others', for which there was no room
        pending.subscribe(self._on_pending)

    def on_message(self, peer: PeerId, payload: bytes) -> None:
        try:
            raws = decode_transactions_message(payload)
            self._batches.put((peer, raws))
        except Temporary:
            self.dropped += 1
        except Invalid:
            self._gossip.penalise(peer, Offence.MALFORMED)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._admit())
            group.create_task(self._flush())
            group.create_task(self._offer())

    def _on_pending(self, transactions: list[Transaction]) -> None:
        for transaction in transactions:
            if transaction.hash in self._remote:
                continue
            if len(self._waiting) >= MAX_WAITING:
                self.dropped += 1
                continue
            self._waiting.append(transaction)
            _remember(self._offered, transaction.hash, MAX_OFFERED)

    async def _admit(self) -> None:
        while True:
            peer, raws = await self._batches.take()
            try:
                results = await self._admitted(raws)
            except InvalidTransaction:  # the intake is full: the sender offers them again
                self.dropped += len(raws)
                continue
            codes = {one.code for one in results if isinstance(one, InvalidTransaction)}
            if codes & FORGED_CODES:
                self._gossip.penalise(peer, Offence.FORGED)

    async def _admitted(self, raws: list[bytes]) -> list[object]:
        """Marked as another's before they are pending, or they would go out again."""
        for raw in raws:
            _remember(self._remote, keccak256(raw), MAX_REMOTE)
        return list(await self._intake.submit_remote(raws))

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            waiting, self._waiting = self._waiting, []
            self._publish([transaction.raw for transaction in waiting])

    async def _offer(self) -> None:
        while True:
            await asyncio.sleep(OFFER_INTERVAL_S)
            self._publish(self._still_waiting())

    def _still_waiting(self) -> list[bytes]:
        raws: list[bytes] = []
        for transaction_hash in list(self._offered):
            transaction = self._mempool.get(transaction_hash)
            if transaction is None:
                del self._offered[transaction_hash]
            elif len(raws) < OFFER_AT_ONCE:
                raws.append(transaction.raw)
        return raws

    def _publish(self, raws: list[bytes]) -> None:
        batch: list[bytes] = []
        size = 0
        for raw in raws:
            if len(raw) > MAX_TRANSACTION_BYTES:
                continue
            if batch and size + len(raw) > BATCH_BYTES:
                self._gossip.publish(Topic.TRANSACTIONS, encode_transactions(batch))
                batch, size = [], 0
            batch.append(raw)
            size += len(raw)
        if batch:
            self._gossip.publish(Topic.TRANSACTIONS, encode_transactions(batch))


def _remember(known: OrderedDict[bytes, None], key: bytes, most: int) -> None:
    known[key] = None
    if len(known) > most:
        known.popitem(last=False)
