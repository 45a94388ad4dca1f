"""The embedded L1's way in for transactions with blobs: prove the sidecar, keep the blobs, admit.

Everything else goes straight on to the ordinary intake. Nothing is journalled: a restart drops what
waited, as it may on Ethereum.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

from metis_node._native import decode_transactions
from metis_node.chain.blockchain import Blockchain
from metis_node.chain.mempool import Mempool
from metis_node.engine.intake import Admitted, Intake
from metis_node.errors import InvalidTransaction
from metis_node.execution.fees import BLOB_SCHEDULES, blob_base_fee, fork_at
from metis_node.l1.blobs import Sidecar
from metis_node.l1.kzg_process import KzgProcess
from metis_node.node.blob_sidecar import BLOB_TYPE, check_sidecar, parse_sidecar
from metis_node.node.blob_store import BlobStore
from metis_node.types.primitives import Hash32

MAX_WAITING = 64  # sidecars under check: each holds up to 1.2 MB


class BlobIntake(Intake):
    """An `Intake` whose blob transactions pass `check_sidecar` first."""

    def __init__(self, *, blockchain: Blockchain, mempool: Mempool, blobs: BlobStore) -> None:
        super().__init__(blockchain=blockchain, mempool=mempool, journal=None)
        self._blockchain = blockchain
        self._blobs = blobs
        self._kzg = KzgProcess()
        self._kzg.warm_up()  # or the first sender would wait for the trusted setup
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="blobs")
        self._checks = 0

    def submit(self, raw: bytes) -> asyncio.Future[Hash32]:
        if raw[:1] != bytes((BLOB_TYPE,)):
            return super().submit(raw)
        if self._checks >= MAX_WAITING:
            raise InvalidTransaction(
                f"the node is busy: {self._checks} blob transactions wait; try again", code="busy"
            )
        return asyncio.ensure_future(self._submit_blobs(raw))

    async def submit_many(self, raws: Sequence[bytes]) -> list[Admitted]:
        results: list[Admitted] = []
        for raw in raws:  # an L1's batches are short, and their order counts
            try:
                results.append(await self.submit(raw))
            except InvalidTransaction as error:
                results.append(error)
        return results

    async def aclose(self) -> None:
        await super().aclose()
        self._kzg.shutdown()
        self._disk.shutdown(wait=True)

    async def _submit_blobs(self, raw: bytes) -> Hash32:
        self._checks += 1
        try:
            await self._prove_and_keep(raw)
        finally:
            self._checks -= 1
        return await super().submit(raw)

    async def _prove_and_keep(self, raw: bytes) -> None:
        loop, head = asyncio.get_running_loop(), self._blockchain.head
        fork = fork_at(self._blockchain.rules, head.header.timestamp)
        sidecar, names = await loop.run_in_executor(self._disk, self._read, raw, fork)
        try:
            await loop.run_in_executor(self._kzg, check_sidecar, sidecar, names, fork)
        except BrokenExecutor as error:
            raise InvalidTransaction("the process that checks blobs died", code="busy") from error
        await loop.run_in_executor(self._disk, self._blobs.put, sidecar, head.number)

    def _read(self, raw: bytes, fork: str) -> tuple[Sidecar, list[bytes]]:
        """The sidecar, and the hashes that the transaction names. Refuses one that cannot pay."""
        head, rules = self._blockchain.head, self._blockchain.rules
        sidecar = parse_sidecar(raw)
        decoded = decode_transactions([raw], chain_id=rules.chain_id, allow_blobs=True)[0]
        if isinstance(decoded, tuple):
            raise InvalidTransaction(decoded[1], code=decoded[0])
        fee = blob_base_fee(head.header.excess_blob_gas, BLOB_SCHEDULES[fork])
        if decoded.max_fee_per_blob_gas < fee:
            raise InvalidTransaction(
                f"max fee per blob gas less than block blob gas fee: address "
                f"0x{decoded.sender.hex()} blobGasFeeCap: {decoded.max_fee_per_blob_gas}, "
                f"blobBaseFee: {fee}",
                code="fee_low",
            )
        return sidecar, decoded.blob_hashes
