"""The mempool: order, replacement, bounds, eviction, delegation, and the words of every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.mempool import AddOutcome, Mempool, MempoolLimits
from metis_node.errors import InvalidTransaction
from tests.fakes.pool_transaction import PoolTransaction

GWEI = 10**9
RICH = 10**24
RULES = AdmissionRules(gas_limit=30_000_000, max_bytes=131_072, osaka=False, blobs=False)


def sender(index: int) -> bytes:
    return index.to_bytes(20, "big")


def tx(index: int, nonce: int, tip: int = 1, cap: int = 100, **fields: Any) -> PoolTransaction:
    """Fees in gwei."""
    return PoolTransaction(
        sender=sender(index),
        nonce=nonce,
        max_priority_fee_per_gas=tip * GWEI,
        max_fee_per_gas=cap * GWEI,
        **fields,
    )


def add(pool: Mempool, item: PoolTransaction, nonce: int = 0, **account: Any) -> AddOutcome:
    return pool.add(item, **{"nonce": nonce, "balance": RICH, **account})


def refusal(pool: Mempool, item: PoolTransaction, nonce: int = 0, **account: Any) -> str:
    before = pool.status()
    with pytest.raises(InvalidTransaction) as caught:
        add(pool, item, nonce, **account)
    assert pool.status() == before
    return caught.value.message


def nonces(items: list[Any]) -> list[tuple[int, int]]:
    return [(int.from_bytes(item.sender, "big"), item.nonce) for item in items]


@pytest.fixture
def pool() -> Mempool:
    return Mempool(RULES)


def test_pending_and_queued_follow_the_nonce_gap(pool: Mempool) -> None:
    assert add(pool, tx(1, 0)) is AddOutcome.PENDING
    assert add(pool, tx(1, 2)) is AddOutcome.QUEUED
    assert (pool.status().pending, pool.status().queued) == (1, 1)
    assert pool.next_nonce(sender(1)) == 1
    assert add(pool, tx(1, 1)) is AddOutcome.PENDING
    assert (pool.status().pending, pool.status().queued) == (3, 0)
    assert pool.next_nonce(sender(1)) == 3


def test_an_unknown_sender_has_no_next_nonce(pool: Mempool) -> None:
    assert pool.next_nonce(sender(9)) is None


def test_candidates_pay_best_first_and_keep_each_senders_order(pool: Mempool) -> None:
    for item in (tx(1, 0, tip=1), tx(1, 1, tip=9), tx(2, 0, tip=5), tx(3, 0, tip=5)):
        add(pool, item)
    assert nonces(pool.candidates(GWEI)) == [(2, 0), (3, 0), (1, 0), (1, 1)]


def test_the_tip_that_counts_is_what_the_cap_leaves(pool: Mempool) -> None:
    add(pool, tx(1, 0, tip=50, cap=60))
    add(pool, tx(2, 0, tip=20, cap=100))
    assert nonces(pool.candidates(50 * GWEI)) == [(2, 0), (1, 0)]


def test_a_sender_stops_at_the_first_that_cannot_pay_the_base_fee(pool: Mempool) -> None:
    for item in (tx(1, 0, cap=100), tx(1, 1, cap=10), tx(1, 2, cap=100), tx(2, 0, cap=10)):
        add(pool, item)
    assert nonces(pool.candidates(20 * GWEI)) == [(1, 0)]


def test_candidates_are_bounded_by_gas_and_bytes(pool: Mempool) -> None:
    for nonce in range(600):
        add(pool, tx(1, nonce, size=1000))
    assert len(pool.candidates(0, gas_limit=21_000)) == 1 + 256
    assert len(pool.candidates(0, max_bytes=5_000)) == 10


def test_blocks_move_accounts_on(pool: Mempool) -> None:
    for nonce in range(5):
        add(pool, tx(1, nonce))
    pool.on_account_changes([(sender(1), 3, RICH), (sender(7), 1, 0)])
    assert nonces(pool.candidates(0)) == [(1, 3), (1, 4)]
    pool.on_account_changes([(sender(1), 5, RICH)])
    assert len(pool) == 0
    assert pool.status().bytes == 0


def test_a_block_that_fills_a_gap_promotes_what_waited(pool: Mempool) -> None:
    add(pool, tx(1, 2))
    add(pool, tx(1, 3))
    seen: list[Any] = []
    pool.on_pending = seen.append
    pool.on_account_changes([(sender(1), 2, RICH)])
    assert nonces(pool.candidates(0)) == [(1, 2), (1, 3)]
    assert nonces(seen) == [(1, 2), (1, 3)]


def test_a_block_that_takes_the_balance_drops_what_is_beyond_it(pool: Mempool) -> None:
    add(pool, tx(1, 0))
    add(pool, tx(1, 1, value=10**20))
    add(pool, tx(1, 2))
    pool.on_account_changes([(sender(1), 0, 10**19)])
    assert nonces(pool.candidates(0)) == [(1, 0)]
    assert pool.status().queued == 1


def test_replacement_needs_ten_percent_on_both_fees(pool: Mempool) -> None:
    old = tx(1, 0, tip=10, cap=100)
    add(pool, old)
    for tip, cap in ((10, 110), (11, 100), (11, 109), (10, 100 + 1)):
        message = refusal(pool, tx(1, 0, tip=tip, cap=cap, value=1))
        assert message == "replacement transaction underpriced"
    new = tx(1, 0, tip=11, cap=110)
    assert add(pool, new) is AddOutcome.REPLACED
    assert pool.get(old.hash) is None
    assert pool.get(new.hash) is new
    assert len(pool) == 1


def test_replacing_with_the_smallest_wei_rounds_against_the_sender(pool: Mempool) -> None:
    add(
        pool,
        PoolTransaction(sender=sender(1), nonce=0, max_fee_per_gas=15, max_priority_fee_per_gas=1),
    )
    almost = PoolTransaction(
        sender=sender(1), nonce=0, max_fee_per_gas=16, max_priority_fee_per_gas=2
    )
    assert refusal(pool, almost) == "replacement transaction underpriced"
    enough = PoolTransaction(
        sender=sender(1), nonce=0, max_fee_per_gas=17, max_priority_fee_per_gas=2
    )
    assert add(pool, enough) is AddOutcome.REPLACED


@pytest.mark.parametrize(
    ("item", "account", "message"),
    [
        (tx(1, 3), {"nonce": 5}, "nonce too low: next nonce 5, tx nonce 3"),
        (
            tx(1, 0, value=5),
            {"balance": 7},
            (
                "insufficient funds for gas * price + value: balance 7, tx cost 2100000000000005, "
                "overshot 2099999999999998"
            ),
        ),
        (tx(1, 0, gas_limit=30_000_001), {}, "exceeds block gas limit"),
        (
            tx(1, 0, gas_limit=20_999),
            {},
            "intrinsic gas too low: gas 20999, minimum needed 21000",
        ),
        (
            tx(1, 0, floor_gas=21_400),
            {},
            "insufficient gas for floor data gas cost: gas 21000, minimum needed 21400",
        ),
        (
            tx(1, 0, tip=2, cap=1),
            {},
            (
                "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: "
                "2000000000, maxFeePerGas: 1000000000"
            ),
        ),
        (
            tx(1, 0, size=131_073),
            {},
            "oversized data: transaction size 131073, limit 131072",
        ),
        (
            tx(1, 0, to=None, data=bytes(49_153)),
            {},
            "max initcode size exceeded: code size 49153, limit 49152",
        ),
        (tx(1, 0, type=3), {}, "transaction type not supported: blobs are for the L1 only"),
        (
            tx(1, 0, type=4),
            {},
            "set code tx must have at least one authorization tuple",
        ),
        (
            tx(1, 0, type=4, to=None, authorization_list=[{}]),
            {},
            "transaction type 4 cannot create a contract",
        ),
        (tx(1, 2**64 - 1), {}, "nonce has max value"),
    ],
)
def test_refusals_use_geths_words(
    pool: Mempool, item: PoolTransaction, account: dict[str, int], message: str
) -> None:
    assert refusal(pool, item, **account) == message


def test_the_accepted_twins_of_the_refusals(pool: Mempool) -> None:
    add(pool, tx(1, 5), nonce=5)
    add(pool, tx(2, 0, gas_limit=30_000_000))
    add(pool, tx(3, 0, gas_limit=21_400, floor_gas=21_400))
    add(pool, tx(4, 0, tip=1, cap=1))
    add(pool, tx(5, 0, size=131_072))
    add(pool, tx(6, 0, to=None, data=bytes(49_152)))
    add(pool, tx(7, 0, type=4, authorization_list=[{}]))
    exact = tx(8, 0, value=5)
    add(pool, exact, balance=exact.cost)
    assert len(pool) == 8


def test_known_transactions_are_refused(pool: Mempool) -> None:
    add(pool, tx(1, 0))
    assert refusal(pool, tx(1, 0)) == "already known"


def test_osaka_caps_the_gas_of_a_transaction() -> None:
    osaka = AdmissionRules(gas_limit=60_000_000, max_bytes=131_072, osaka=True, blobs=False)
    pool = Mempool(osaka)
    message = refusal(pool, tx(1, 0, gas_limit=16_777_217))
    assert message == "transaction gas limit too high (cap: 16777216, tx: 16777217)"
    assert add(pool, tx(1, 0, gas_limit=16_777_216)) is AddOutcome.PENDING


def test_a_minimum_tip_is_held() -> None:
    pool = Mempool(
        AdmissionRules(
            gas_limit=30_000_000, max_bytes=131_072, osaka=False, blobs=False, min_tip=GWEI + 1
        )
    )
    message = refusal(pool, tx(1, 0, tip=1))
    assert message == "transaction underpriced: gas tip cap 1000000000, minimum needed 1000000001"
    assert add(pool, tx(1, 0, tip=2)) is AddOutcome.PENDING


def test_the_sum_of_an_accounts_costs_must_be_covered(pool: Mempool) -> None:
    first, second = tx(1, 0, value=10), tx(1, 1, value=20)
    balance = first.cost + second.cost - 1
    add(pool, first, balance=balance)
    assert refusal(pool, second, balance=balance) == (
        f"insufficient funds for gas * price + value: balance {balance}, queued cost {first.cost}, "
        f"tx cost {second.cost}, overshot 1"
    )
    assert add(pool, second, balance=balance + 1) is AddOutcome.PENDING


def test_a_replacement_must_be_covered_beside_the_rest(pool: Mempool) -> None:
    first, second = tx(1, 0), tx(1, 1)
    balance = first.cost + second.cost
    add(pool, first, balance=balance)
    add(pool, second, balance=balance)
    dearer = tx(1, 1, tip=2, cap=110)
    bump = dearer.cost - second.cost
    assert refusal(pool, dearer, balance=balance) == (
        f"insufficient funds for gas * price + value: balance {balance}, queued cost {balance}, "
        f"tx bumped {bump}, overshot {bump}"
    )


# --- bounds -----------------------------------------------------------------------------------


def bounded(**limits: Any) -> Mempool:
    return Mempool(RULES, limits=MempoolLimits(**limits))


def test_an_account_has_a_bound_of_pending_and_of_queued() -> None:
    pool = bounded(account_pending=2, account_queued=1)
    add(pool, tx(1, 0))
    add(pool, tx(1, 1))
    assert "at most 2" in refusal(pool, tx(1, 2))
    add(pool, tx(2, 5))
    assert "1 queued transactions" in refusal(pool, tx(2, 6))
    assert add(pool, tx(2, 0)) is AddOutcome.PENDING


def test_queued_transactions_have_a_global_bound() -> None:
    pool = bounded(queued=1)
    add(pool, tx(1, 1))
    assert "too many queued" in refusal(pool, tx(2, 1))
    assert add(pool, tx(2, 0)) is AddOutcome.PENDING


def test_a_full_pool_evicts_the_cheapest_and_refuses_cheaper() -> None:
    pool = bounded(transactions=3)
    for index, tip in ((1, 5), (2, 3), (3, 4)):
        add(pool, tx(index, 0, tip=tip))
    assert refusal(pool, tx(4, 0, tip=3)) == "transaction underpriced"
    add(pool, tx(4, 0, tip=4))
    assert nonces(pool.candidates(0)) == [(1, 0), (3, 0), (4, 0)]


def test_eviction_takes_the_end_of_a_sequence_and_leaves_no_gap() -> None:
    pool = bounded(transactions=3)
    add(pool, tx(1, 0, tip=1))
    add(pool, tx(1, 1, tip=90))
    add(pool, tx(2, 0, tip=50))
    add(pool, tx(3, 0, tip=60))  # worth more than nonce 1 of sender 1, which waits for a tip of 1
    assert nonces(pool.candidates(0)) == [(3, 0), (2, 0), (1, 0)]
    assert pool.status().queued == 0


def test_what_waits_behind_a_gap_is_evicted_first() -> None:
    pool = bounded(transactions=2)
    add(pool, tx(1, 1, tip=90))
    add(pool, tx(2, 0, tip=1))
    add(pool, tx(3, 0, tip=2))
    assert nonces(pool.candidates(0)) == [(3, 0), (2, 0)]
    assert refusal(pool, tx(4, 1, tip=1)) == "transaction underpriced"


def test_a_sender_does_not_evict_its_own_earlier_transactions() -> None:
    pool = bounded(transactions=2)
    add(pool, tx(1, 0))
    add(pool, tx(1, 1))
    assert refusal(pool, tx(1, 2, tip=50)) == "txpool is full"


def test_the_pool_is_bounded_in_bytes() -> None:
    pool = bounded(bytes=1_000)
    add(pool, tx(1, 0, tip=1, size=600))
    add(pool, tx(2, 0, tip=2, size=400))
    add(pool, tx(3, 0, tip=3, size=500))
    assert nonces(pool.candidates(0)) == [(3, 0), (2, 0)]
    assert pool.status().bytes == 900


def test_transactions_expire() -> None:
    now = [0.0]
    pool = Mempool(RULES, limits=MempoolLimits(lifetime_s=100), now=lambda: now[0])
    add(pool, tx(1, 0))
    now[0] = 60.0
    add(pool, tx(1, 1))
    add(pool, tx(2, 0))
    now[0] = 101.0
    pool.on_account_changes([])
    assert pool.status() == type(pool.status())(pending=1, queued=1, bytes=220)
    assert nonces(pool.candidates(0)) == [(2, 0)]


def test_dropping_one_queues_what_follows(pool: Mempool) -> None:
    items = [tx(1, nonce) for nonce in range(3)]
    for item in items:
        add(pool, item)
    assert pool.drop(items[1].hash)
    assert not pool.drop(items[1].hash)
    assert nonces(pool.candidates(0)) == [(1, 0)]
    assert pool.status().queued == 1


# --- EIP-7702 ---------------------------------------------------------------------------------


def test_a_delegated_account_has_one_in_flight_and_no_gap(pool: Mempool) -> None:
    gap = "gapped-nonce tx from delegated accounts"
    assert refusal(pool, tx(1, 1), has_code=True) == gap
    add(pool, tx(1, 0), has_code=True)
    limit = "in-flight transaction limit reached for delegated accounts"
    assert refusal(pool, tx(1, 1), has_code=True) == limit
    assert add(pool, tx(1, 0, tip=2, cap=200), has_code=True) is AddOutcome.REPLACED


def test_an_authorization_in_flight_limits_its_authority(pool: Mempool) -> None:
    add(pool, tx(1, 0, type=4, authorities=[sender(2)]))
    add(pool, tx(2, 0))
    limit = "in-flight transaction limit reached for delegated accounts"
    assert refusal(pool, tx(2, 1)) == limit
    pool.on_account_changes([(sender(1), 1, RICH)])
    assert add(pool, tx(2, 1)) is AddOutcome.PENDING


def test_an_authority_with_several_in_flight_is_reserved(pool: Mempool) -> None:
    add(pool, tx(2, 0))
    assert add(pool, tx(1, 0, type=4, authorities=[sender(2)])) is AddOutcome.PENDING
    add(pool, tx(3, 0))
    add(pool, tx(3, 1))
    message = refusal(pool, tx(1, 1, type=4, authorities=[sender(3)]))
    assert message == "authority already reserved"


# --- blobs (the embedded L1) -------------------------------------------------------------------

L1_RULES = AdmissionRules(
    gas_limit=30_000_000, max_bytes=131_072, osaka=False, blobs=True, max_blobs=2
)


def blob_tx(tip: int, cap: int, blob_fee: int, blobs: int = 1) -> PoolTransaction:
    return tx(1, 0, tip, cap, type=3, max_fee_per_blob_gas=blob_fee, blob_hashes=[b""] * blobs)


def test_blob_transactions_double_all_three_fees_to_replace() -> None:
    pool = Mempool(L1_RULES)
    add(pool, blob_tx(2, 100, 5))
    for tip, cap, blob_fee in ((3, 200, 10), (4, 199, 10), (4, 200, 9)):
        message = refusal(pool, blob_tx(tip, cap, blob_fee))
        assert message == "replacement transaction underpriced"
    assert refusal(pool, tx(1, 0, 50, 500)) == "replacement transaction underpriced"
    assert add(pool, blob_tx(4, 200, 10)) is AddOutcome.REPLACED


def test_the_number_of_blobs_is_bounded() -> None:
    pool = Mempool(L1_RULES)
    assert refusal(pool, blob_tx(1, 10, 1, blobs=0)) == "blobless blob transaction"
    words = "too many blobs in transaction: have 3, permitted 2"
    assert refusal(pool, blob_tx(1, 10, 1, blobs=3)) == words
    assert add(pool, blob_tx(1, 10, 1, blobs=2)) is AddOutcome.PENDING


# --- reads and feeds --------------------------------------------------------------------------


def test_content_shows_both_halves_in_nonce_order(pool: Mempool) -> None:
    items = {nonce: tx(1, nonce) for nonce in (4, 1, 0)}
    for item in items.values():
        add(pool, item)
    pending, queued = pool.content_from(sender(1))
    assert (list(pending), list(queued)) == ([0, 1], [4])
    assert pool.content() == {sender(1): (pending, queued)}
    assert pool.content_from(sender(2)) == ({}, {})
    assert sorted(pool.pending_hashes()) == sorted([items[0].hash, items[1].hash])
    assert nonces(list(pool.transactions())) == [(1, 4), (1, 1), (1, 0)]


def test_local_transactions_are_reported_when_they_leave(pool: Mempool) -> None:
    gone: list[bytes] = []
    pool.on_removed = gone.extend
    first, second, third = tx(1, 0), tx(1, 1), tx(2, 0)
    add(pool, first, local=True)
    add(pool, second, local=True)
    add(pool, third)
    pool.on_account_changes([(sender(1), 1, RICH), (sender(2), 1, RICH)])
    assert gone == [first.hash]
    pool.drop(second.hash)
    assert gone == [first.hash, second.hash]


def test_admission_follows_an_account_that_moved(pool: Mempool) -> None:
    add(pool, tx(1, 0))
    add(pool, tx(1, 2), nonce=2)
    assert nonces(pool.candidates(0)) == [(1, 2)]


def test_a_callback_for_pending_sees_each_promotion_once(pool: Mempool) -> None:
    seen: list[Any] = []
    pool.on_pending = seen.append
    add(pool, tx(1, 1))
    assert seen == []
    add(pool, tx(1, 0))
    assert nonces(seen) == [(1, 0), (1, 1)]


def test_twenty_thousand_go_through() -> None:
    """The volume of a busy second; the cost per transaction is measured in bench/."""
    pool = Mempool(AdmissionRules(gas_limit=10**9, max_bytes=131_072, osaka=False, blobs=False))
    make: Callable[[int], PoolTransaction] = lambda i: tx(i % 40, i // 40)  # noqa: E731
    for index in range(20_000):
        add(pool, make(index))
    chosen = pool.candidates(0)
    assert len(chosen) == 20_000
    assert nonces(chosen[:40]) == [(index, 0) for index in range(40)]
    pool.on_account_changes([(sender(index), 500, RICH) for index in range(40)])
    assert len(pool) == 0
