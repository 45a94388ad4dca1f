"""What the mempool keeps of a transaction and of its sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metis_node._native import Transaction

SET_CODE_TYPE = 4
NO_AUTHORITIES: tuple[bytes, ...] = ()

Worth: TypeAlias = tuple[int, int]  # (tip, fee cap), wei per gas: what eviction compares


class Entry:
    """One waiting transaction. Its fields are read from native code once."""

    __slots__ = (
        "arrival",
        "arrived_at",
        "authorities",
        "cost",
        "fee_cap",
        "hash",
        "local",
        "nonce",
        "sender",
        "size",
        "tip",
        "tx",
        "worth",
    )

    def __init__(self, tx: Transaction, local: bool, arrival: int, arrived_at: float) -> None:
        self.tx = tx
        self.hash = tx.hash
        self.sender = tx.sender
        self.nonce = tx.nonce
        self.fee_cap = tx.max_fee_per_gas  # wei per gas
        self.tip = tx.max_priority_fee_per_gas  # wei per gas
        self.cost = tx.cost  # wei
        self.size = tx.size  # bytes
        self.local = local  # journalled: survives a restart
        self.arrival = arrival  # sequence number
        self.arrived_at = arrived_at  # seconds, monotonic
        self.authorities: Sequence[bytes] = (
            tx.authorities if tx.type == SET_CODE_TYPE else NO_AUTHORITIES
        )
        # The least paid by this and all before it in the sequence; set when it becomes pending.
        self.worth: Worth = (self.tip, self.fee_cap)


class Account:
    """One sender's waiting transactions. Gone as soon as it has none."""

    __slots__ = ("address", "balance", "cost", "entries", "next", "nonce", "noted")

    def __init__(self, address: bytes, nonce: int, balance: int) -> None:
        self.address = address
        self.nonce = nonce  # at the head
        self.balance = balance  # wei, at the head
        self.next = nonce  # first nonce that is missing: pending are nonce..next-1
        self.entries: dict[int, Entry] = {}
        self.cost = 0  # wei, of all entries
        self.noted = 0  # version, for eviction's lazy heap

    def last(self) -> Entry:
        """The entry with the highest nonce."""
        if len(self.entries) == self.next - self.nonce:
            return self.entries[self.next - 1]
        return self.entries[max(self.entries)]
