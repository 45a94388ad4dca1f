"""All methods of the node, wired to its backend."""

from __future__ import annotations

from metis_node.rpc.backend import Backend
from metis_node.rpc.block_tags import BlockTags
from metis_node.rpc.filters import Filters
from metis_node.rpc.gas_oracle import GasOracle
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.methods.admin import Admin
from metis_node.rpc.methods.debug import Debug
from metis_node.rpc.methods.eth_blocks import EthBlocks
from metis_node.rpc.methods.eth_call import EthCall
from metis_node.rpc.methods.eth_chain import EthChain
from metis_node.rpc.methods.eth_logs import EthLogs
from metis_node.rpc.methods.eth_send import EthSend
from metis_node.rpc.methods.eth_state import EthState
from metis_node.rpc.methods.eth_subscribe import EthSubscribe
from metis_node.rpc.methods.eth_transactions import EthTransactions
from metis_node.rpc.methods.metis import Metis, modules_method
from metis_node.rpc.methods.metis_consensus import MetisConsensus
from metis_node.rpc.methods.metis_epochs import MetisEpochs
from metis_node.rpc.methods.metis_explain import MetisExplain
from metis_node.rpc.methods.metis_staking import MetisStaking
from metis_node.rpc.methods.net import Net
from metis_node.rpc.methods.txpool import Txpool
from metis_node.rpc.readers import Readers
from metis_node.rpc.receipt_waiters import ReceiptWaiters
from metis_node.rpc.subscriptions import Feeds


def method_table(
    backend: Backend,
    limits: RpcLimits,
    *,
    feeds: Feeds,
    filters: Filters,
    waiters: ReceiptWaiters,
) -> list[Method]:
    """The methods, each with figures of its own."""
    tags = BlockTags(backend.queries)
    readers = Readers(backend.readers, limits.reader_queue)
    oracle = GasOracle(
        backend.queries, backend.blockchain.rules, max(backend.mempool.rules.min_tip, 1)
    )
    transactions = EthTransactions(backend)
    methods = [
        *EthChain(backend, readers, limits, oracle).methods(),
        *EthState(backend, readers, limits, tags).methods(),
        *EthBlocks(backend, readers, limits, tags).methods(),
        *transactions.methods(),
        *EthSend(backend, limits, transactions, waiters).methods(),
        *EthCall(backend, readers, limits, tags).methods(),
        *EthLogs(backend, readers, limits, filters).methods(),
        *EthSubscribe(feeds, limits).methods(),
        *Net(backend).methods(),
        *Txpool(backend, readers, limits).methods(),
        *Debug(backend, readers, limits, tags, transactions).methods(),
        *Metis(backend, transactions).methods(),
        *MetisStaking(backend).methods(),
        *MetisEpochs(backend).methods(),
        *MetisConsensus(backend, tags, readers).methods(),
        *MetisExplain(backend, readers).methods(),
        *Admin(backend).methods(),
        *backend.extra_methods,
    ]
    served = [method for method in methods if _is_served(method, backend.namespaces)]
    modules = modules_method(served)
    return [*served, modules] if _is_served(modules, backend.namespaces) else served


def _is_served(method: Method, namespaces: frozenset[str] | None) -> bool:
    return namespaces is None or method.name.partition("_")[0] in namespaces
