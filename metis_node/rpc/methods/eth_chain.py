"""eth_: facts about the chain and its prices, without parameters of state."""

from __future__ import annotations

from typing import Any

from metis_node.rpc import hexadecimal
from metis_node.rpc.backend import Backend
from metis_node.rpc.block_tags import header_not_found, parse_number
from metis_node.rpc.fee_history import FeeHistory
from metis_node.rpc.gas_oracle import GasOracle
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session


class EthChain:
    def __init__(
        self, backend: Backend, readers: Readers, limits: RpcLimits, oracle: GasOracle
    ) -> None:
        self._backend = backend
        self._queries = backend.queries
        self._oracle = oracle
        self._readers = readers
        self._history = FeeHistory(backend.queries, backend.blockchain.rules, limits)
        self._chain_id = hex(backend.blockchain.rules.chain_id)
        self._blockchain = backend.blockchain

    def methods(self) -> list[Method]:
        return [
            Method("eth_chainId", self.chain_id),
            Method("eth_blockNumber", self.block_number),
            Method("eth_syncing", self.syncing),
            Method("eth_accounts", self.accounts),
            Method("eth_mining", self.mining),
            Method("eth_hashrate", self.hashrate),
            Method("eth_gasPrice", self.gas_price),
            Method("eth_maxPriorityFeePerGas", self.max_priority_fee),
            Method("eth_baseFee", self.base_fee),
            Method("eth_blobBaseFee", self.blob_base_fee),
            Method("eth_feeHistory", self.fee_history),
        ]

    def chain_id(self, _params: list[Any], _session: Session) -> str:
        return self._chain_id

    def block_number(self, _params: list[Any], _session: Session) -> str:
        return hex(self._blockchain.head.header.number)

    def syncing(self, _params: list[Any], _session: Session) -> Any:
        return self._backend.sync_status() or False

    def accounts(self, _params: list[Any], _session: Session) -> list[str]:
        """None: the node keeps no keys for others."""
        return []

    def mining(self, _params: list[Any], _session: Session) -> bool:
        return False

    def hashrate(self, _params: list[Any], _session: Session) -> str:
        return "0x0"

    def gas_price(self, _params: list[Any], _session: Session) -> str:
        return hex(self._oracle.next_base_fee() + self._oracle.tip())

    def max_priority_fee(self, _params: list[Any], _session: Session) -> str:
        return hex(self._oracle.tip())

    def base_fee(self, _params: list[Any], _session: Session) -> str:
        return hex(self._oracle.next_base_fee())

    def blob_base_fee(self, _params: list[Any], _session: Session) -> str:
        return hex(self._oracle.next_blob_base_fee())

    def fee_history(self, params: list[Any], _session: Session) -> Any:
        count = self._history.count(params, 0)
        newest = parse_number(hexadecimal.required(params, 1, "newestBlock"), 1, "newestBlock")
        percentiles = self._history.percentiles(params, 2)
        sealed = self._queries.header(newest)
        if sealed is None:
            raise header_not_found()
        return self._readers.run(self._history.answer, count, sealed.number, percentiles)
