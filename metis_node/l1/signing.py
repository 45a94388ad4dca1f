"""Who signs L1 transactions: the port that the sender asks. `LocalAccount` of eth_account is one.

Keys are opened in `node/`; a signer over HTTP is `remote_signer.py`.
"""

from __future__ import annotations

from typing import Any, Protocol


class SignedBytes(Protocol):
    """A signed transaction: what goes to the L1's pool, and its hash."""

    @property
    def raw_transaction(self) -> bytes: ...

    @property
    def hash(self) -> bytes: ...


class TransactionSigner(Protocol):
    """One account. `sign_transaction` may take its time: it is called in a worker thread."""

    @property
    def address(self) -> str:
        """With EIP-55 checksum."""

    def sign_transaction(self, transaction_dict: dict[str, Any]) -> SignedBytes:
        """Sign the fields of a transaction (type, chainId, nonce, to, value, gas, ...)."""
