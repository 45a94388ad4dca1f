"""metis_: what this chain has and others have not. And rpc_modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metis_node.codec.extra_data import decode_extra_data
from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.method import Method
from metis_node.rpc.methods.eth_transactions import EthTransactions
from metis_node.rpc.methods.metis_consensus import agreement_status
from metis_node.rpc.session import Session
from metis_node.types.blocks import SealedHeader


class Metis:
    def __init__(self, backend: Backend, transactions: EthTransactions) -> None:
        self._backend = backend
        self._transactions = transactions

    def methods(self) -> list[Method]:
        return [
            Method("metis_syncStatus", self.sync_status),
            Method("metis_l1Status", self.l1_status),
            Method("metis_batches", self.batches),
            Method("metis_transactionStatus", self.transaction_status),
        ]

    def sync_status(self, _params: list[Any], _session: Session) -> Any:
        """The heads, how far a synchronisation under way has come, and on a chain with validators
        where this node stands in the agreement."""
        chain = self._backend.blockchain
        return {
            "head": {"number": hex(chain.head.number), "hash": views.hex_data(chain.head.hash)},
            "headTimestamp": hex(chain.head.header.timestamp),
            "safe": hex(chain.safe_number),
            "finalized": hex(chain.finalized_number),
            "genesis": views.hex_data(chain.genesis.hash),
            "syncing": self._backend.sync_status() or False,
            **agreement_status(self._backend),
        }

    def l1_status(self, _params: list[Any], _session: Session) -> Any:
        """Null on a chain without an L1."""
        return self._backend.l1_status()

    def batches(self, _params: list[Any], _session: Session) -> Any:
        """Null on a chain that posts none."""
        return self._backend.batches()

    def transaction_status(self, params: list[Any], _session: Session) -> Any:
        """How far it has come: unknown, queued, pending, sequenced (on a chain with validators
        decided, by more than 2/3 of the power), batched, finalized."""
        transaction_hash = hexadecimal.hash32(params, 0)
        found = self._transactions.included(transaction_hash)
        if found is None:
            return self._waiting_status(transaction_hash)
        record, sealed, index = found
        batch = self._backend.transaction_batch(sealed.number)
        status = self._sealed_status(sealed.number) if batch is None else "batched"
        if sealed.number <= self._backend.blockchain.finalized_number:
            status = "finalized"
        return {
            "status": status,
            "blockNumber": hex(sealed.number),
            "blockHash": views.hex_data(sealed.hash),
            "transactionIndex": hex(index),
            "succeeded": record.success,
            **self._sequencer(sealed),
            "batch": batch,
        }

    def _sealed_status(self, number: int) -> str:
        is_decided = self._backend.consensus and number <= self._backend.blockchain.safe_number
        return "decided" if is_decided else "sequenced"

    def _sequencer(self, sealed: SealedHeader) -> dict[str, Any]:
        """Who built the block: its signer, and on a chain with validators its id."""
        source = self._backend.epochs
        epoch = source.epoch_of(sealed.number) if source is not None else None
        if epoch is None:
            return {"sequencer": views.hex_data(sealed.header.beneficiary)}
        builder = epoch.order[decode_extra_data(sealed.header.extra_data).builder_index]
        return {
            "sequencer": views.hex_data(builder.signer),
            "sequencerId": hex(builder.sequencer_id),
        }

    def _waiting_status(self, transaction_hash: bytes) -> dict[str, Any]:
        waiting = self._backend.mempool.get(transaction_hash)
        if waiting is None:
            return {"status": "unknown"}
        expected = self._backend.mempool.next_nonce(waiting.sender)
        if expected is not None and expected <= waiting.nonce:
            return {"status": "queued", "nonce": hex(waiting.nonce), "expectedNonce": hex(expected)}
        return {"status": "pending", "nonce": hex(waiting.nonce)}


def modules_method(methods: Iterable[Method]) -> Method:
    """rpc_modules: the namespaces that are served."""
    namespaces = sorted({method.name.split("_", 1)[0] for method in methods} | {"rpc"})
    answer = dict.fromkeys(namespaces, "1.0")
    return Method("rpc_modules", lambda _params, _session: answer)
