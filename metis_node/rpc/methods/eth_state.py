"""eth_: balances, nonces, code, storage and proofs at a block."""

from __future__ import annotations

from typing import Any

import orjson

from metis_node.chain.block_store import read_head
from metis_node.errors import CorruptStore, InvalidRequest
from metis_node.rpc import hexadecimal
from metis_node.rpc.backend import Backend
from metis_node.rpc.block_tags import BlockTags
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session


class EthState:
    def __init__(
        self, backend: Backend, readers: Readers, limits: RpcLimits, tags: BlockTags
    ) -> None:
        self._engine = backend.blockchain.engine
        self._store = backend.blockchain.store
        self._mempool = backend.mempool
        self._readers = readers
        self._limits = limits
        self._tags = tags

    def methods(self) -> list[Method]:
        return [
            Method("eth_getBalance", self.balance),
            Method("eth_getTransactionCount", self.transaction_count),
            Method("eth_getCode", self.code),
            Method("eth_getStorageAt", self.storage_at),
            Method("eth_getProof", self.proof),
        ]

    def balance(self, params: list[Any], _session: Session) -> str:
        address = hexadecimal.address(params, 0)
        account = self._engine.account(address, self._tags.header(params, 1).header.number)
        return hex(account[1]) if account is not None else "0x0"

    def transaction_count(self, params: list[Any], _session: Session) -> str:
        address = hexadecimal.address(params, 0)
        number = self._tags.header(params, 1).header.number
        if self._tags.is_pending(params, 1):
            waiting = self._mempool.next_nonce(address)
            if waiting is not None:
                return hex(waiting)
        account = self._engine.account(address, number)
        return hex(account[0]) if account is not None else "0x0"

    def code(self, params: list[Any], _session: Session) -> str:
        address = hexadecimal.address(params, 0)
        return "0x" + self._engine.code(address, self._tags.header(params, 1).header.number).hex()

    def storage_at(self, params: list[Any], _session: Session) -> str:
        address = hexadecimal.address(params, 0)
        slot = hexadecimal.slot_of(hexadecimal.required(params, 1, "slot"), 1, "slot")
        number = self._tags.header(params, 2).header.number
        return "0x" + self._engine.storage(address, slot, number).hex().rjust(64, "0")

    def proof(self, params: list[Any], _session: Session) -> Any:
        address = hexadecimal.address(params, 0)
        keys = hexadecimal.required(params, 1, "storageKeys")
        if type(keys) is not list:
            raise hexadecimal.invalid(1, "storageKeys", "want an array of hex strings")
        if len(keys) > self._limits.proof_slots:
            raise InvalidRequest(f"too many keys (max {self._limits.proof_slots})")
        slots = [hexadecimal.slot_of(key, 1, f"storageKeys[{i}]") for i, key in enumerate(keys)]
        number = self._tags.header(params, 2).header.number
        return self._readers.run(self._prove, address, slots, number)

    def _prove(self, address: bytes, slots: list[bytes], number: int) -> orjson.Fragment:
        """In a thread, over one consistent state of the store."""
        snapshot = self._store.snapshot()
        try:
            head = read_head(snapshot)
            if head is None:
                raise CorruptStore("the head mark is missing: run `metis-node db verify`")
            return orjson.Fragment(
                self._engine.proof(address, slots, number, snapshot.get_many, head.number)
            )
        finally:
            snapshot.close()
