"""The batch inbox on L1: what is sent there, and which transactions of a block count.

Today an address and an account: a transaction counts when it goes to the inbox and comes from the
submitter (rule D1 of `docs/protocol/batches.md`). Whatever it becomes later, it is behind `Inbox`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metis_node.errors import InvalidConfig
from metis_node.l1.answers import InboxTransaction
from metis_node.types.primitives import Address, Hash32
from metis_node.types.rules import ChainRules

BASE_GAS = 21_000
CALLDATA_GAS_PER_TOKEN = 4
FLOOR_GAS_PER_TOKEN = 10  # EIP-7623: a zero byte is one token, another four
MAX_CALLDATA_PAYLOAD = 120_000  # pools refuse transactions above 128 KiB
BLOB_TRANSACTION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxData:
    """The data of one inbox transaction: payload bytes, or the hashes of the blobs that hold it."""

    calldata: bytes | None
    blob_hashes: tuple[Hash32, ...]


class Inbox:
    def __init__(self, *, address: Address, submitter: Address) -> None:
        self.address = address
        self.submitter = submitter

    @classmethod
    def of(cls, rules: ChainRules) -> Inbox:
        if rules.batch_inbox is None or rules.batch_submitter is None:
            raise InvalidConfig(
                "the genesis file names no batch inbox: set rules.batch_inbox and "
                "rules.batch_submitter, or run without an L1"
            )
        return cls(address=rules.batch_inbox, submitter=rules.batch_submitter)

    def select(self, transactions: Sequence[InboxTransaction]) -> list[InboxData]:
        """The data of those that count, in block order."""
        return [
            InboxData(calldata=None, blob_hashes=transaction.blob_hashes)
            if transaction.type == BLOB_TRANSACTION
            else InboxData(calldata=transaction.data, blob_hashes=())
            for transaction in transactions
            if transaction.to == self.address and transaction.sender == self.submitter
        ]

    def gas_limit(self, calldata: bytes) -> int:
        """What a transaction with this calldata uses: an account without code runs nothing."""
        zeros = calldata.count(0)
        tokens = zeros + 4 * (len(calldata) - zeros)
        return BASE_GAS + max(CALLDATA_GAS_PER_TOKEN, FLOOR_GAS_PER_TOKEN) * tokens
