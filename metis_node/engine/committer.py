"""The owner of the execution thread: everything that executes or writes a block goes through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.blockchain import Blockchain, Imported
from metis_node.chain.mempool import Mempool
from metis_node.engine.heads import Heads
from metis_node.errors import Temporary

if TYPE_CHECKING:
    from metis_node._native import Transaction

P = ParamSpec("P")
T = TypeVar("T")


class Committer:
    """Imports blocks one at a time on its thread, then tells mempool and feeds on the loop."""

    def __init__(self, *, blockchain: Blockchain, mempool: Mempool | None, heads: Heads) -> None:
        self.blockchain = blockchain
        self.heads = heads
        self._mempool = mempool
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="execution")
        self._turn = asyncio.Lock()
        self._commits: set[asyncio.Task[Imported]] = set()
        self._closed = False

    async def commit_block(
        self, header_rlp: bytes, transactions: Sequence[bytes | Transaction]
    ) -> Imported:
        """Import on the execution thread; when this returns, mempool and feeds know of the block.

        Raises InvalidBlock (nothing changed) and whatever the store raises. A cancelled caller does
        not tear it: a block that was written is also announced.
        """
        self._check_open()
        commit = asyncio.ensure_future(self._commit(header_rlp, tuple(transactions)))
        self._commits.add(commit)
        commit.add_done_callback(self._commits.discard)
        return await asyncio.shield(commit)

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

    async def _commit(
        self, header_rlp: bytes, transactions: tuple[bytes | Transaction, ...]
    ) -> Imported:
        async with self._turn:
            imported = await self._run(
                lambda: self.blockchain.import_block(header_rlp, transactions)
            )
            if self._mempool is not None:
                self._mempool.on_block(imported)
                self._follow_forks(self._mempool, imported)
            self.heads.publish(imported)
            return imported

    def _follow_forks(self, mempool: Mempool, imported: Imported) -> None:
        """Admission by the rules of the next block."""
        rules = self.blockchain.rules
        if len(rules.forks) > 1:
            following = imported.sealed.header.timestamp + 1
            mempool.rules = AdmissionRules.of(rules, following, min_tip=mempool.rules.min_tip)
