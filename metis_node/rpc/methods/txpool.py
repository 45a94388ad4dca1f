"""txpool_: what waits in the mempool."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend
from metis_node.rpc.errors import LIMIT_EXCEEDED
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session

if TYPE_CHECKING:
    from metis_node._native import Transaction

ByNonce = dict[int, "Transaction"]
Content = dict[bytes, tuple[ByNonce, ByNonce]]


class Txpool:
    def __init__(self, backend: Backend, readers: Readers, limits: RpcLimits) -> None:
        self._mempool = backend.mempool
        self._readers = readers
        self._bound = limits.txpool_content

    def methods(self) -> list[Method]:
        return [
            Method("txpool_status", self.status),
            Method("txpool_content", self.content),
            Method("txpool_contentFrom", self.content_from),
            Method("txpool_inspect", self.inspect),
        ]

    def status(self, _params: list[Any], _session: Session) -> Any:
        status = self._mempool.status()
        return {"pending": hex(status.pending), "queued": hex(status.queued)}

    def content(self, _params: list[Any], _session: Session) -> Any:
        return self._readers.run(_render, self._content(), views.pending_view)

    def content_from(self, params: list[Any], _session: Session) -> Any:
        sender = hexadecimal.address(params, 0)
        pending, queued = self._mempool.content_from(sender)
        self._check(len(pending) + len(queued))
        return self._readers.run(
            lambda: {
                "pending": _by_nonce(pending, views.pending_view),
                "queued": _by_nonce(queued, views.pending_view),
            }
        )

    def inspect(self, _params: list[Any], _session: Session) -> Any:
        return self._readers.run(_render, self._content(), _summary)

    def _content(self) -> Content:
        self._check(len(self._mempool))
        return self._mempool.content()

    def _check(self, count: int) -> None:
        if count > self._bound:
            raise InvalidRequest(
                f"the mempool holds {count} transactions, an answer at most {self._bound}: use "
                "txpool_contentFrom or txpool_status",
                code=LIMIT_EXCEEDED,
            )


def _render(content: Content, view: Callable[[Transaction], Any]) -> dict[str, dict[str, Any]]:
    """In a thread: geth's shape, by checksummed sender and decimal nonce."""
    rendered: dict[str, dict[str, Any]] = {"pending": {}, "queued": {}}
    for sender, lists in content.items():
        for name, transactions in zip(("pending", "queued"), lists, strict=True):
            if transactions:
                rendered[name][checksummed(sender)] = _by_nonce(transactions, view)
    return rendered


def _by_nonce(transactions: ByNonce, view: Callable[[Transaction], Any]) -> dict[str, Any]:
    return {str(nonce): view(transaction) for nonce, transaction in transactions.items()}


def _summary(transaction: Transaction) -> str:
    """geth's one line per transaction."""
    to = "contract creation" if transaction.to is None else checksummed(transaction.to)
    return (
        f"{to}: {transaction.value} wei + {transaction.gas_limit} gas × "
        f"{transaction.max_fee_per_gas} wei"
    )


def checksummed(address: bytes) -> str:
    """EIP-55."""
    digits = address.hex()
    digest = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        c.upper() if int(d, 16) >= 8 else c for c, d in zip(digits, digest, strict=False)
    )
