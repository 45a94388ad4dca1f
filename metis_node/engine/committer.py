"""The owner of the execution thread: everything that executes or writes a block goes through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.blockchain import Blockchain, Imported, Verified
from metis_node.chain.mempool import Mempool
from metis_node.engine.heads import Heads
from metis_node.engine.ports import EpochSource
from metis_node.errors import Temporary
from metis_node.staking.epochs import EpochWindow

if TYPE_CHECKING:
    from metis_node._native import Transaction

P = ParamSpec("P")
T = TypeVar("T")


class Committer:
    """Imports blocks one at a time on its thread, then tells mempool and feeds on the loop."""

    def __init__(
        self,
        *,
        blockchain: Blockchain,
        mempool: Mempool | None,
        heads: Heads,
        epochs: EpochSource | None = None,
    ) -> None:
        """`epochs` on a chain with validators, and only there."""
        if (epochs is None) != (blockchain.rules.consensus is None):
            raise ValueError("a chain with validators, and no other, needs a source of epochs")
        self.blockchain = blockchain
        self.epochs = epochs
        self.heads = heads
        self._mempool = mempool
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="execution")
        self._turn = asyncio.Lock()
        self._commits: set[asyncio.Task[Imported]] = set()
        self._closed = False

    async def commit_block(
        self,
        header_rlp: bytes,
        transactions: Sequence[bytes | Transaction],
        *,
        window: EpochWindow | None = None,
    ) -> Imported:
        """Import on the execution thread; when this returns, mempool and feeds know of the block.

        `window`: the epoch to hold the block against instead of the one that `epochs` tells.
        Raises InvalidBlock (nothing changed), Temporary where the block's epoch is not decided yet,
        and whatever the store raises. A cancelled caller does not tear it: a block that was written
        is also announced.
        """
        return await self._shielded(self._import(header_rlp, tuple(transactions), window))

    async def verify(
        self,
        header_rlp: bytes,
        transactions: Sequence[bytes | Transaction],
        window: EpochWindow | None,
    ) -> Verified:
        """Execute a block on the head and write nothing. Raises InvalidBlock."""
        return await self.run(self.blockchain.verify, header_rlp, transactions, window)

    async def commit_verified(
        self, verified: Verified, certificate: bytes | None = None
    ) -> Imported:
        """Make a verified block the head, with its encoded certificate on a chain with validators.
        As `commit_block` otherwise."""
        return await self._shielded(self._write(verified, certificate))

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something else that needs the execution thread (building, probing, marks)."""
        self._check_open()
        return await self._run(lambda: function(*args, **kwargs))

    async def aclose(self) -> None:
        """Wait for the blocks under way, then end the thread."""
        self._closed = True
        await asyncio.gather(*self._commits, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    def _check_open(self) -> None:
        if self._closed:
            raise Temporary("the node is shutting down: no more blocks are imported")

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _shielded(self, work: Coroutine[None, None, Imported]) -> Imported:
        if self._closed:
            work.close()
        self._check_open()
        commit = asyncio.ensure_future(work)
        self._commits.add(commit)
        commit.add_done_callback(self._commits.discard)
        return await asyncio.shield(commit)

    async def _import(
        self,
        header_rlp: bytes,
        transactions: tuple[bytes | Transaction, ...],
        window: EpochWindow | None,
    ) -> Imported:
        async with self._turn:
            window = window if window is not None else self._next_window()
            return await self._announced(
                lambda: self.blockchain.import_block(header_rlp, transactions, window)
            )

    async def _write(self, verified: Verified, certificate: bytes | None) -> Imported:
        async with self._turn:
            return await self._announced(lambda: self.blockchain.commit(verified, certificate))

    async def _announced(self, write: Callable[[], Imported]) -> Imported:
        imported = await self._run(write)
        if self._mempool is not None:
            self._mempool.on_block(imported)
            self._follow_forks(self._mempool, imported)
        self.heads.publish(imported)
        return imported

    def _next_window(self) -> EpochWindow | None:
        """Of the block after the head; None on a chain without validators."""
        if self.epochs is None:
            return None
        number = self.blockchain.head.number + 1
        window = self.epochs.window_of(number)
        if window is None:
            raise Temporary(
                f"the epoch of block {number} is not decided: the L1 blocks that decide it are not "
                "read yet, or nobody ever had stake there"
            )
        return window

    def _follow_forks(self, mempool: Mempool, imported: Imported) -> None:
        """Admission by the rules of the next block."""
        rules = self.blockchain.rules
        if len(rules.forks) > 1:
            following = imported.sealed.header.timestamp + 1
            mempool.rules = AdmissionRules.of(rules, following, min_tip=mempool.rules.min_tip)
