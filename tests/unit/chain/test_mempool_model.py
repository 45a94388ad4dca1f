"""The mempool against a plain model: whatever happens, no gap and no double nonce is served, the
books agree with the contents, and the bounds hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.mempool import Mempool, MempoolLimits
from metis_node.errors import InvalidTransaction
from tests.fakes.pool_transaction import PoolTransaction

SENDERS = 4
LIMITS = MempoolLimits(
    transactions=12, bytes=1_400, account_pending=6, account_queued=3, queued=6, lifetime_s=50
)
RULES = AdmissionRules(gas_limit=10**6, max_bytes=500, osaka=True, blobs=False)
BALANCE = 10 * 21_000 * 100

senders = st.integers(0, SENDERS - 1)


def address(index: int) -> bytes:
    return index.to_bytes(20, "big")


@dataclass(frozen=True)
class Addition:
    """One transaction to try, its nonce relative to the sender's next pending one."""

    index: int
    ahead: int
    tip: int
    spare: int
    size: int
    value: int
    authority: int | None


additions = st.builds(
    Addition,
    index=senders,
    ahead=st.sampled_from([0, 0, 0, 0, 1, 2, 3, -1, -1, -2]),
    tip=st.integers(0, 30),
    spare=st.integers(-1, 60),
    size=st.sampled_from([90, 100, 120, 500, 501]),
    value=st.sampled_from([0, 0, 0, 0, 1_000_000]),
    authority=st.sampled_from([None] * 12 + list(range(SENDERS))),
)


class MempoolMachine(RuleBasedStateMachine):
    """Random adds, blocks, drops and time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.pool = Mempool(RULES, limits=LIMITS, now=lambda: self.now)
        self.nonces = [0] * SENDERS
        self.balances = [BALANCE] * SENDERS
        self.delegated = [False] * SENDERS
        self.journal: set[bytes] = set()
        self.pool.on_removed = self.journal.difference_update

    @rule(items=st.lists(additions, min_size=1, max_size=8))
    def add(self, items: list[Addition]) -> None:
        for item in items:
            self.add_one(item)

    def add_one(self, item: Addition) -> None:
        index = item.index
        following = self.pool.next_nonce(address(index))
        base = self.nonces[index] if following is None else following
        tx = PoolTransaction(
            sender=address(index),
            nonce=max(0, base + item.ahead),
            max_priority_fee_per_gas=item.tip,
            max_fee_per_gas=item.tip + item.spare,
            size=item.size,
            value=item.value,
            type=2 if item.authority is None else 4,
            authorities=[] if item.authority is None else [address(item.authority)],
        )
        try:
            self.pool.add(
                tx,  # type: ignore[arg-type]
                nonce=self.nonces[index],
                balance=self.balances[index],
                has_code=self.delegated[index],
                local=True,
            )
        except InvalidTransaction:
            assert tx.hash not in self.pool or tx.hash in self.journal  # known already
        else:
            assert tx.hash in self.pool
            self.journal.add(tx.hash)

    @rule(index=senders, steps=st.integers(1, 4), balance=st.sampled_from([BALANCE, 500_000, 0]))
    def block(self, index: int, steps: int, balance: int) -> None:
        self.nonces[index] += steps
        self.balances[index] = balance
        self.pool.on_account_changes([(address(index), self.nonces[index], balance)])

    @rule(index=senders)
    def refund(self, index: int) -> None:
        self.balances[index] = BALANCE
        self.pool.on_account_changes([(address(index), self.nonces[index], BALANCE)])

    @rule(index=st.just(SENDERS - 1))
    def delegate(self, index: int) -> None:
        self.delegated[index] = not self.delegated[index]

    @precondition(lambda self: len(self.pool) > 0)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        hashes = [tx.hash for tx in self.pool.transactions()]
        assert self.pool.drop(data.draw(st.sampled_from(hashes)))

    @rule(seconds=st.floats(1, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.pool.on_account_changes([])

    @rule(base_fee=st.integers(0, 60))
    def build(self, base_fee: int) -> None:
        chosen = list(self.pool.candidates(base_fee))
        assert chosen == self.greedy(base_fee)
        served: dict[bytes, int] = {}
        for tx in chosen:
            first = self.nonces[int.from_bytes(tx.sender, "big")]
            assert tx.nonce == served.get(tx.sender, first)
            assert tx.max_fee_per_gas >= base_fee
            served[tx.sender] = tx.nonce + 1

    def greedy(self, base_fee: int) -> list[Any]:
        """The slow twin: again and again the sender whose next transaction pays best."""
        arrivals = {tx.hash: place for place, tx in enumerate(self.pool.transactions())}
        waiting = {
            index: [tx for _, tx in sorted(self.pool.content_from(address(index))[0].items())]
            for index in range(SENDERS)
        }
        chosen: list[Any] = []
        while True:
            heads = [
                (
                    -min(tx.max_priority_fee_per_gas, tx.max_fee_per_gas - base_fee),
                    arrivals[tx.hash],
                    i,
                )
                for i, items in waiting.items()
                for tx in items[:1]
                if tx.max_fee_per_gas >= base_fee
            ]
            if not heads:
                return chosen
            chosen.append(waiting[min(heads)[2]].pop(0))

    @invariant()
    def books_agree(self) -> None:
        items = list(self.pool.transactions())
        status = self.pool.status()
        assert len({(tx.sender, tx.nonce) for tx in items}) == len(items)
        assert status.bytes == sum(tx.size for tx in items)
        assert status.pending + status.queued == len(items)
        pending = 0
        for index in range(SENDERS):
            ready, waiting = self.pool.content_from(address(index))
            first = self.nonces[index]
            assert list(ready) == list(range(first, first + len(ready)))
            assert all(nonce > first + len(ready) for nonce in waiting)
            assert all(tx.cost <= self.balances[index] for tx in ready.values())
            pending += len(ready)
        assert pending == status.pending
        for account in self.pool._accounts.values():
            assert account.cost == sum(entry.cost for entry in account.entries.values())

    @invariant()
    def bounds_hold(self) -> None:
        status = self.pool.status()
        assert len(self.pool) <= LIMITS.transactions
        assert status.bytes <= LIMITS.bytes
        for pending, _ in self.pool.content().values():
            assert len(pending) <= LIMITS.account_pending + LIMITS.account_queued

    @invariant()
    def the_journal_knows_what_is_left(self) -> None:
        assert self.journal == {tx.hash for tx in self.pool.transactions()}

    @invariant()
    def authorities_are_those_in_flight(self) -> None:
        counted: dict[bytes, int] = {}
        for tx in self.pool.transactions():
            for authority in tx.authorities:
                counted[authority] = counted.get(authority, 0) + 1
        assert self.pool._authorities == counted


TestMempool = MempoolMachine.TestCase
TestMempool.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
