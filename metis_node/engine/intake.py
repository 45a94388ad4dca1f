"""The way of raw transactions into the mempool, in micro-batches.

Whatever arrives while one batch is decoded on the decoder's thread makes the next batch: one native
crossing for all of it, then one short turn on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import structlog

from metis_node.chain.local_journal import LocalJournal
from metis_node.chain.mempool import Mempool
from metis_node.engine.decoding import Decoded, Decoding
from metis_node.engine.journal_writer import JournalWriter
from metis_node.errors import Fatal, InvalidTransaction, MetisError
from metis_node.types.primitives import Hash32

if TYPE_CHECKING:
    from metis_node._native import Transaction
    from metis_node.chain.blockchain import Blockchain

log = structlog.get_logger(__name__)

# Under load a turn begins at most this often: its fixed costs are then shared by more transactions;
# an idle node turns at once.
TURN_INTERVAL_S = 0.002

Admitted = Hash32 | InvalidTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """Bounds of what waits for decoding."""

    waiting: int = 20_000  # transactions
    waiting_bytes: int = 64 << 20
    batch: int = 2_000  # transactions in one crossing: about 45 ms of recovery on two cores


class Source(Enum):
    """Where transactions come from."""

    LOCAL = "local"  # a caller of this node: journalled, so that they survive a restart
    STORED = "stored"  # this node's journal
    REMOTE = "remote"  # another node, which has them in its own


class _Order:
    """Some raw transactions of one caller."""

    __slots__ = ("future", "raws", "single", "source")

    def __init__(self, raws: Sequence[bytes], source: Source) -> None:
        self.raws = raws
        self.future: asyncio.Future[list[Admitted]] | None = None
        self.single: asyncio.Future[Hash32] | None = None
        self.source = source

    def settle(self, results: list[Admitted]) -> None:
        if self.future is not None and not self.future.done():
            self.future.set_result(results)
        if self.single is not None and not self.single.done():
            result = results[0]
            if isinstance(result, InvalidTransaction):
                self.single.set_exception(result)
            else:
                self.single.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not isinstance(error, MetisError):
            error = InvalidTransaction("the node is shutting down", code="busy")
        for future in (self.future, self.single):
            if future is not None and not future.done():
                future.set_exception(error)


class Intake:
    """Feed it on the event loop; `run` it as a task of the node."""

    def __init__(
        self,
        *,
        blockchain: Blockchain,
        mempool: Mempool,
        journal: LocalJournal | None,
        limits: IntakeLimits | None = None,
    ) -> None:
        self._chain = blockchain
        self._mempool = mempool
        self._journal = journal
        self._limits = limits if limits is not None else IntakeLimits()
        self._orders: list[_Order] = []
        self._waiting = 0
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._decoding = Decoding(blockchain.engine)
        self._writer = JournalWriter(journal) if journal is not None else None
        self._closed = False
        if journal is not None:
            mempool.on_removed = self._on_removed

    @property
    def waiting(self) -> int:
        """Transactions that are not decoded yet."""
        return self._waiting

    def submit(self, raw: bytes) -> asyncio.Future[Hash32]:
        """Admit one transaction; the future gives its hash or raises InvalidTransaction.

        Raises InvalidTransaction (code `busy`) at once where too many wait already.
        """
        order = self._enqueue((raw,), Source.LOCAL)
        order.single = asyncio.get_running_loop().create_future()
        return order.single

    async def submit_many(self, raws: Sequence[bytes]) -> list[Admitted]:
        """Admit several in order; per item its hash or the error."""
        return await self._admitted(raws, Source.LOCAL) if raws else []

    async def submit_remote(self, raws: Sequence[bytes]) -> list[Admitted]:
        """Admit what another node sent: as `submit_many`, but nothing is journalled."""
        return await self._admitted(raws, Source.REMOTE) if raws else []

    async def reload(self) -> int:
        """Admit the local transactions of the last run again. How many are in the pool."""
        if self._writer is None:
            return 0
        raws = await self._writer.load()
        admitted = 0
        for start in range(0, len(raws), self._limits.batch):
            chunk = raws[start : start + self._limits.batch]
            results = await self._admitted(chunk, Source.STORED)
            admitted += sum(not isinstance(result, InvalidTransaction) for result in results)
        return admitted

    async def run(self) -> None:
        """Decode and admit until cancelled."""
        loop = asyncio.get_running_loop()
        turned_at = -TURN_INTERVAL_S
        try:
            while True:
                await self._arrived.wait()
                early = turned_at + TURN_INTERVAL_S - loop.time()
                if early > 0:
                    await asyncio.sleep(early)
                turned_at = loop.time()
                await self._turn()
        finally:
            self._closed = True
            self._refuse_all()

    async def aclose(self) -> None:
        """Write what the journal still holds, end the threads. After `run` has ended."""
        self._closed = True
        self._decoding.close()
        if self._writer is not None:
            await self._writer.aclose()

    # --- one micro-batch ---------------------------------------------------------------------

    async def _turn(self) -> None:
        orders = self._take()
        raws = [raw for order in orders for raw in order.raws]
        try:
            self._admit(orders, await self._decoding.decode(raws))
        except BaseException as error:
            for order in orders:
                order.fail(error)
            if isinstance(error, Fatal) or not isinstance(error, Exception):
                raise
            log.exception("a batch of transactions could not be admitted", count=len(raws))

    def _admit(self, orders: list[_Order], decoded: Decoded) -> None:
        """Everything of the batch enters the pool, or is refused, in order."""
        accounts = self._accounts(decoded)
        position = 0
        for order in orders:
            end = position + len(order.raws)
            order.settle(
                [self._admit_one(decoded[i], accounts, order.source) for i in range(position, end)]
            )
            position = end
        self._write_journal()

    def _accounts(self, decoded: Decoded) -> dict[bytes, tuple[int, int, bool]]:
        """The senders' accounts at the head; the decoder's thread has brought them into memory."""
        engine = self._chain.engine
        senders = list({tx.sender: None for tx in decoded if not isinstance(tx, tuple)})
        return dict(zip(senders, engine.senders(senders, engine.head_number), strict=True))

    def _admit_one(
        self,
        tx: Transaction | tuple[str, str],
        accounts: dict[bytes, tuple[int, int, bool]],
        source: Source,
    ) -> Admitted:
        if isinstance(tx, tuple):
            return InvalidTransaction(tx[1], code=tx[0])
        nonce, balance, has_code = accounts[tx.sender]
        journal = self._journal if source is not Source.REMOTE else None
        try:
            self._mempool.add(
                tx, nonce=nonce, balance=balance, has_code=has_code, local=journal is not None
            )
        except InvalidTransaction as error:
            if source is Source.STORED and journal is not None:
                journal.forget((tx.hash,))
            return error
        transaction_hash = tx.hash
        if journal is not None and source is Source.LOCAL:
            journal.record(transaction_hash, tx.raw)
        return Hash32(transaction_hash)

    # --- the queue ---------------------------------------------------------------------------

    async def _admitted(self, raws: Sequence[bytes], source: Source) -> list[Admitted]:
        order = self._enqueue(raws, source)
        order.future = asyncio.get_running_loop().create_future()
        return await order.future

    def _enqueue(self, raws: Sequence[bytes], source: Source) -> _Order:
        size = sum(map(len, raws))
        self._check_room(len(raws), size)
        order = _Order(raws, source)
        self._orders.append(order)
        self._waiting += len(raws)
        self._waiting_bytes += size
        self._arrived.set()
        return order

    def _check_room(self, count: int, size: int) -> None:
        if self._closed:
            raise InvalidTransaction("the node is shutting down", code="busy")
        limits = self._limits
        if (
            self._waiting + count > limits.waiting
            or self._waiting_bytes + size > limits.waiting_bytes
        ):
            raise InvalidTransaction(
                f"the node is busy: {self._waiting} transactions wait to be checked, at most "
                f"{limits.waiting} may; try again",
                code="busy",
            )

    def _take(self) -> list[_Order]:
        """The next batch, in order of arrival: at least one order, however big."""
        taken: list[_Order] = []
        count = 0
        for order in self._orders:
            if taken and count + len(order.raws) > self._limits.batch:
                break
            taken.append(order)
            count += len(order.raws)
        del self._orders[: len(taken)]
        self._waiting -= count
        self._waiting_bytes -= sum(len(raw) for order in taken for raw in order.raws)
        if not self._orders:
            self._arrived.clear()
        return taken

    def _refuse_all(self) -> None:
        error = InvalidTransaction("the node is shutting down", code="busy")
        for order in self._orders:
            order.fail(error)
        self._orders.clear()
        self._waiting = self._waiting_bytes = 0

    # --- the journal -------------------------------------------------------------------------

    def _on_removed(self, hashes: list[bytes]) -> None:
        assert self._journal is not None
        self._journal.forget(hashes)
        self._write_journal()

    def _write_journal(self) -> None:
        if self._writer is not None and self._journal:
            self._writer.touch()
