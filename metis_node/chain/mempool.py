"""The mempool: transactions that wait for a block, per sender in nonce order.

Pending: executable now, without a gap from the account's nonce. Queued: behind a gap. Lives on the
event loop, does no I/O; journalling of local transactions is in `local_journal.py`, the rules of
one transaction in `admission.py`, what is evicted first in `eviction.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING

from metis_node.chain.admission import BLOB_TYPE, AdmissionRules, check_transaction
from metis_node.chain.eviction import WORTHLESS, CheapestFirst
from metis_node.chain.mempool_entry import Account, Entry
from metis_node.errors import InvalidTransaction

if TYPE_CHECKING:
    from metis_node._native import Transaction
    from metis_node.chain.blockchain import Imported

PRICE_BUMP_PERCENT = 10  # both fees of a replacement, at least
BLOB_PRICE_BUMP_PERCENT = 100  # all three fees where blobs are
SWEEP_INTERVAL_S = 30.0
CANDIDATE_SLACK = 256  # candidates beyond what fits, for those that a build skips
TRANSFER_GAS = 21_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MempoolLimits:
    """Bounds of the pool. A transaction costs about 1.5 KB of memory beside its bytes."""

    transactions: int = 100_000
    bytes: int = 256 << 20
    account_pending: int = 20_000
    account_queued: int = 256
    queued: int = 10_000
    lifetime_s: float = 3 * 3600.0


class AddOutcome(Enum):
    """What became of an admitted transaction."""

    PENDING = "pending"
    QUEUED = "queued"
    REPLACED = "replaced"  # took the place of one with the same sender and nonce


@dataclass(frozen=True, slots=True, kw_only=True)
class MempoolStatus:
    """Sizes, for txpool_status and metrics."""

    pending: int
    queued: int
    bytes: int


class Mempool:
    """Owner of all waiting transactions. Event loop only."""

    def __init__(
        self,
        rules: AdmissionRules,
        *,
        limits: MempoolLimits | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self.limits = limits if limits is not None else MempoolLimits()
        self.on_pending: Callable[[Transaction], None] | None = None  # became executable
        self.on_removed: Callable[[list[bytes]], None] | None = None  # local ones, by hash
        self._now = now
        self._by_hash: dict[bytes, Entry] = {}  # in order of arrival
        self._accounts: dict[bytes, Account] = {}
        self._authorities: dict[bytes, int] = {}  # in-flight EIP-7702 authorizations
        self._cheapest = CheapestFirst()
        self._pending = 0
        self._bytes = 0
        self._arrivals = 0
        self._swept_at = now()

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._by_hash

    # --- admission ---------------------------------------------------------------------------

    def add(
        self,
        tx: Transaction,
        *,
        nonce: int,
        balance: int,
        local: bool = False,
        has_code: bool = False,
    ) -> AddOutcome:
        """Admit one transaction; `nonce`, `balance` and `has_code` are its sender's at the head.

        Raises InvalidTransaction with geth's words; the pool is then as it was.
        """
        entry = Entry(tx, local, self._arrivals, self._now())
        if entry.hash in self._by_hash:
            raise _refusal("known", "already known")
        check_transaction(tx, entry.fee_cap, entry.tip, self.rules)
        self._check_nonce(entry, nonce)
        account = self._accounts.get(entry.sender)
        if account is not None and (account.nonce != nonce or account.balance != balance):
            account = self._update_account(account, nonce, balance)
        previous = account.entries.get(entry.nonce) if account is not None else None
        self._check_funds(entry, account, previous, balance)
        if has_code or entry.sender in self._authorities:
            _check_delegated(entry, account, previous, nonce)
        if entry.authorities:
            self._check_authorities(entry)
        if previous is not None:
            return self._replace(previous, entry, account)
        self._check_bounds(entry, account, nonce)
        if account is None:
            # Making room may have removed the account's last transaction.
            account = self._accounts.get(entry.sender)
        if account is None or not account.entries:
            account = self._accounts[entry.sender] = Account(entry.sender, nonce, balance)
        return self._insert(entry, account)

    def _check_nonce(self, entry: Entry, nonce: int) -> None:
        if entry.nonce < nonce:
            raise _refusal(
                "nonce_low", f"nonce too low: next nonce {nonce}, tx nonce {entry.nonce}"
            )

    def _check_funds(
        self, entry: Entry, account: Account | None, previous: Entry | None, balance: int
    ) -> None:
        cost = entry.cost
        if balance < cost:
            raise _refusal(
                "funds",
                f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, "
                f"overshot {cost - balance}",
            )
        if account is None:
            return
        spent = account.cost
        bump = cost if previous is None else cost - previous.cost
        if balance < spent + bump:
            word = "tx cost" if previous is None else "tx bumped"
            raise _refusal(
                "funds",
                f"insufficient funds for gas * price + value: balance {balance}, queued cost "
                f"{spent}, {word} {bump}, overshot {spent + bump - balance}",
            )

    def _check_authorities(self, entry: Entry) -> None:
        """An account that is about to be delegated may have one transaction in flight (geth)."""
        for authority in entry.authorities:
            account = self._accounts.get(authority)
            if account is not None and len(account.entries) > 1:
                raise _refusal("authority", "authority already reserved")

    def _check_bounds(self, entry: Entry, account: Account | None, nonce: int) -> None:
        limits = self.limits
        ahead = entry.nonce - (account.next if account is not None else nonce)
        if account is not None:
            pending = account.next - account.nonce
            if ahead == 0 and pending >= limits.account_pending:
                raise _refusal(
                    "account_full",
                    f"account limit exceeded: {pending} pending transactions of this sender, at "
                    f"most {limits.account_pending}",
                )
            if ahead > 0 and len(account.entries) - pending >= limits.account_queued:
                raise _refusal(
                    "account_full",
                    f"account limit exceeded: {limits.account_queued} queued transactions of this "
                    "sender behind a nonce gap",
                )
        if ahead > 0 and len(self._by_hash) - self._pending >= limits.queued:
            raise _refusal(
                "full", "txpool is full: too many queued transactions, fill the nonce gap"
            )
        if len(self._by_hash) >= limits.transactions or self._bytes + entry.size > limits.bytes:
            self._make_room(entry, queued=ahead > 0)

    def _make_room(self, entry: Entry, *, queued: bool) -> None:
        """Evict what pays least until `entry` fits. Each victim goes from the end of its sender's
        sequence, so that eviction never opens a gap."""
        limits = self.limits
        while self._by_hash and (
            len(self._by_hash) >= limits.transactions or self._bytes + entry.size > limits.bytes
        ):
            cheapest = self._cheapest.peek(self._accounts)
            if cheapest is None:
                raise _refusal("full", "txpool is full")
            worth, victim = cheapest
            if victim.sender == entry.sender and victim.nonce < entry.nonce:
                raise _refusal("full", "txpool is full")
            if queued and worth == WORTHLESS:
                raise _refusal("full", "txpool is full: fill the nonce gap")
            if entry.worth <= worth:
                raise _refusal("underpriced", "transaction underpriced")
            self._remove(victim)

    # --- mutation ----------------------------------------------------------------------------

    def _insert(self, entry: Entry, account: Account) -> AddOutcome:
        self._arrivals += 1
        self._by_hash[entry.hash] = entry
        self._bytes += entry.size
        account.entries[entry.nonce] = entry
        account.cost += entry.cost
        if entry.authorities:
            self._reserve(entry)
        if entry.nonce != account.next:
            self._cheapest.note(account)
            return AddOutcome.QUEUED
        self._promote(account)
        self._cheapest.note(account)
        return AddOutcome.PENDING

    def _promote(self, account: Account) -> None:
        """Advance the end of the executable sequence over what has arrived."""
        entries, number, announce = account.entries, account.next, self.on_pending
        before = entries.get(number - 1)
        entry = entries.get(number)
        while entry is not None:
            if before is not None and before.worth < entry.worth:
                entry.worth = before.worth
            if announce is not None:
                announce(entry.tx)
            number += 1
            before, entry = entry, entries.get(number)
        self._pending += number - account.next
        account.next = number

    def _replace(self, previous: Entry, entry: Entry, account: Account | None) -> AddOutcome:
        if not _outbids(entry, previous):
            raise _refusal("replacement", "replacement transaction underpriced")
        if self._bytes - previous.size + entry.size > self.limits.bytes:
            raise _refusal("full", "txpool is full")
        assert account is not None
        self._forget(previous)
        self._arrivals += 1
        self._by_hash[entry.hash] = entry
        self._bytes += entry.size
        account.entries[entry.nonce] = entry
        account.cost += entry.cost - previous.cost
        if entry.authorities:
            self._reserve(entry)
        self._cheapest.note(account)
        if entry.nonce < account.next and self.on_pending is not None:
            self.on_pending(entry.tx)
        return AddOutcome.REPLACED

    def _remove(self, entry: Entry) -> None:
        """Take out one transaction; later ones of its sender become queued."""
        account = self._accounts[entry.sender]
        del account.entries[entry.nonce]
        account.cost -= entry.cost
        self._forget(entry)
        if entry.nonce < account.next:
            self._pending -= account.next - entry.nonce
            account.next = entry.nonce
        if not account.entries:
            del self._accounts[entry.sender]
        else:
            self._cheapest.note(account)

    def _forget(self, entry: Entry) -> None:
        """Drop what is kept by hash; the account's own books are the caller's."""
        del self._by_hash[entry.hash]
        self._bytes -= entry.size
        if entry.authorities:
            self._release(entry)
        if entry.local and self.on_removed is not None:
            self.on_removed([entry.hash])

    def _reserve(self, entry: Entry) -> None:
        for authority in entry.authorities:
            self._authorities[authority] = self._authorities.get(authority, 0) + 1

    def _release(self, entry: Entry) -> None:
        for authority in entry.authorities:
            left = self._authorities[authority] - 1
            if left:
                self._authorities[authority] = left
            else:
                del self._authorities[authority]

    def _update_account(self, account: Account, nonce: int, balance: int) -> Account | None:
        """Follow the chain: drop what is included or beyond the balance. None: nothing is left."""
        entries = account.entries
        account.balance = balance
        if nonce != account.nonce:
            self._move_nonce(account, nonce)
        if account.cost > balance:
            for entry in [e for e in entries.values() if e.cost > balance]:
                self._remove(entry)
        if not entries:
            self._accounts.pop(account.address, None)
            return None
        return account

    def _move_nonce(self, account: Account, nonce: int) -> None:
        entries, by_hash = account.entries, self._by_hash
        removed: list[bytes] = []
        stale: Iterable[int] = (
            range(account.nonce, nonce)
            if nonce - account.nonce <= len(entries)
            else [n for n in entries if n < nonce]
        )
        for number in stale:
            entry = entries.pop(number, None)
            if entry is None:
                continue
            account.cost -= entry.cost
            self._bytes -= entry.size
            del by_hash[entry.hash]
            if entry.authorities:
                self._release(entry)
            if entry.local:
                removed.append(entry.hash)
        if removed and self.on_removed is not None:
            self.on_removed(removed)
        self._pending -= account.next - account.nonce
        if not account.nonce <= nonce <= account.next:  # the sequence starts anew
            account.next = nonce
        account.nonce = nonce
        self._pending += account.next - nonce
        if account.next == nonce:
            self._promote(account)

    # --- the chain ---------------------------------------------------------------------------

    def on_block(self, imported: Imported) -> None:
        """Follow a new head: included transactions leave, accounts move, the old expire."""
        self.on_account_changes(imported.prepared.account_changes())

    def on_account_changes(self, changes: Iterable[tuple[bytes, int, int]]) -> None:
        """(address, nonce, balance) of accounts that a block changed."""
        accounts = self._accounts
        for address, nonce, balance in changes:
            account = accounts.get(address)
            if account is not None:
                self._update_account(account, nonce, balance)
        now = self._now()
        if now - self._swept_at >= SWEEP_INTERVAL_S:
            self._swept_at = now
            self.sweep()

    def sweep(self) -> None:
        """Drop transactions past their lifetime."""
        oldest = self._now() - self.limits.lifetime_s
        expired = []
        for entry in self._by_hash.values():
            if entry.arrived_at > oldest:
                break
            expired.append(entry)
        for entry in expired:
            if entry.hash in self._by_hash:
                self._remove(entry)

    def drop(self, transaction_hash: bytes) -> bool:
        """Take out one transaction (a block refused it). False where it was not here."""
        entry = self._by_hash.get(transaction_hash)
        if entry is None:
            return False
        self._remove(entry)
        return True

    def candidates(
        self, base_fee: int, *, gas_limit: int | None = None, max_bytes: int | None = None
    ) -> list[Transaction]:
        """Pending transactions for a block, best effective tip first, each sender's in nonce order,
        the earlier arrival first among equals. A sender stops at its first that cannot pay
        `base_fee`. A little more is given than fits by gas or bytes."""
        most = (gas_limit or self.rules.gas_limit) // TRANSFER_GAS + CANDIDATE_SLACK
        room = 2 * max_bytes if max_bytes is not None else self.limits.bytes
        heap = [
            (-entry.tip if entry.tip <= spare else -spare, entry.arrival, entry)
            for account in self._accounts.values()
            if account.next > account.nonce
            and (spare := (entry := account.entries[account.nonce]).fee_cap - base_fee) >= 0
        ]
        heapify(heap)
        chosen: list[Transaction] = []
        accounts = self._accounts
        while heap and len(chosen) < most and room > 0:
            entry = heap[0][2]
            chosen.append(entry.tx)
            room -= entry.size
            account = accounts[entry.sender]
            number = entry.nonce + 1
            if number < account.next:
                following = account.entries[number]
                spare = following.fee_cap - base_fee
                if spare >= 0:
                    tip = following.tip
                    key = -tip if tip <= spare else -spare
                    heapreplace(heap, (key, following.arrival, following))
                    continue
            heappop(heap)
        return chosen

    # --- reads -------------------------------------------------------------------------------

    def get(self, transaction_hash: bytes) -> Transaction | None:
        entry = self._by_hash.get(transaction_hash)
        return entry.tx if entry is not None else None

    def next_nonce(self, sender: bytes) -> int | None:
        """The nonce after the sender's pending transactions; None where it has none here."""
        account = self._accounts.get(sender)
        return account.next if account is not None else None

    def status(self) -> MempoolStatus:
        return MempoolStatus(
            pending=self._pending, queued=len(self._by_hash) - self._pending, bytes=self._bytes
        )

    def content(self) -> dict[bytes, tuple[dict[int, Transaction], dict[int, Transaction]]]:
        """Sender -> (pending, queued), each by nonce ascending. Copies everything."""
        return {sender: self.content_from(sender) for sender in self._accounts}

    def content_from(self, sender: bytes) -> tuple[dict[int, Transaction], dict[int, Transaction]]:
        account = self._accounts.get(sender)
        if account is None:
            return {}, {}
        ordered = sorted(account.entries.items())
        pending = {nonce: entry.tx for nonce, entry in ordered if nonce < account.next}
        return pending, {nonce: entry.tx for nonce, entry in ordered if nonce >= account.next}

    def transactions(self) -> Iterator[Transaction]:
        """All, in order of arrival."""
        return (entry.tx for entry in self._by_hash.values())

    def pending_hashes(self) -> list[bytes]:
        """Hashes of all pending transactions."""
        return [
            entry.hash
            for account in self._accounts.values()
            for nonce, entry in account.entries.items()
            if nonce < account.next
        ]


def _outbids(entry: Entry, previous: Entry) -> bool:
    """A replacement raises both fees; a blob transaction all three, and more (geth)."""
    blobs = BLOB_TYPE in (entry.tx.type, previous.tx.type)
    bumped = 100 + (BLOB_PRICE_BUMP_PERCENT if blobs else PRICE_BUMP_PERCENT)
    fees = [(entry.fee_cap, previous.fee_cap), (entry.tip, previous.tip)]
    if blobs:
        if entry.tx.type != previous.tx.type:
            return False  # geth keeps them in separate pools
        fees.append((entry.tx.max_fee_per_blob_gas, previous.tx.max_fee_per_blob_gas))
    return all(new > old and new * 100 >= old * bumped for new, old in fees)


def _check_delegated(
    entry: Entry, account: Account | None, previous: Entry | None, nonce: int
) -> None:
    """A delegated account can be emptied by others' transactions: one in flight, no gap (geth)."""
    if previous is not None:
        return
    if account is not None and account.entries:
        raise _refusal("delegated", "in-flight transaction limit reached for delegated accounts")
    if entry.nonce != nonce:
        raise _refusal("delegated", "gapped-nonce tx from delegated accounts")


def _refusal(code: str, message: str) -> InvalidTransaction:
    return InvalidTransaction(message, code=code)
