"""The table of what a sender does next, and the fees it offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metis_node.l1.answers import Receipt
from metis_node.l1.fees import (
    FeeCaps,
    Fees,
    Prices,
    blob_cost,
    calldata_cost,
    first_fees,
    replacement_fees,
)
from metis_node.l1.send_state import (
    MINED,
    Abandon,
    Attempt,
    Cancel,
    Decision,
    Done,
    Publish,
    Renumber,
    Republish,
    Sending,
    SendPolicy,
    Sight,
    Wait,
    decide,
)
from metis_node.l1.spending import SpendLedger
from metis_node.types.primitives import Hash32

GWEI = 10**9
ETHER = 10**18
POLICY = SendPolicy(caps=FeeCaps(max_fee=100 * GWEI, max_blob_fee=50 * GWEI))
PRICES = Prices(base_fee=10 * GWEI, priority_fee=GWEI, blob_base_fee=GWEI)
FIRST = Fees(max_fee=21 * GWEI, max_priority_fee=GWEI, max_blob_fee=0)
FIRST_BLOB = replace(FIRST, max_blob_fee=2 * GWEI)
HASH = Hash32(b"\x01" * 32)
CANCEL_HASH = Hash32(b"\x02" * 32)
RECEIPT = Receipt(
    transaction_hash=HASH,
    block_number=100,
    block_hash=Hash32(bytes(32)),
    success=True,
    gas_used=21_000,
    gas_price=GWEI,
    blob_gas_used=0,
    blob_gas_price=0,
)
FRESH = Sending(nonce=5, gas=21_000, blobs=0)
OFFER = Attempt(hash=HASH, fees=FIRST, sent_ms=0)
SENT = replace(FRESH, attempts=(OFFER,))
BLOB = replace(SENT, blobs=2, attempts=(replace(OFFER, fees=FIRST_BLOB),))
CANCELLED = replace(
    SENT, withdrawn=True, attempts=(OFFER, replace(OFFER, hash=CANCEL_HASH, is_cancel=True))
)
SIGHT = Sight(
    now_ms=1_000,
    head=101,
    mined_nonce=5,
    receipt=None,
    is_known=True,
    prices=PRICES,
    balance=ETHER,
    spendable=ETHER,
)
BUMPED = Fees(max_fee=23_100_000_000, max_priority_fee=1_100_000_000, max_blob_fee=0)
DOUBLED = Fees(max_fee=42 * GWEI, max_priority_fee=2 * GWEI, max_blob_fee=4 * GWEI)
LATE = 48_000
SPIKE = Prices(base_fee=30 * GWEI, priority_fee=GWEI, blob_base_fee=20 * GWEI)
FOREIGN = replace(FRESH, foreign=FIRST, foreign_since_ms=0)


def sight(**changes: object) -> Sight:
    return replace(SIGHT, **changes)  # type: ignore[arg-type]


TABLE: list[tuple[str, Sending, Sight, Decision | str]] = [
    ("nothing was sent", FRESH, SIGHT, Publish(fees=FIRST)),
    ("nothing was sent, blobs", replace(FRESH, blobs=2), SIGHT, Publish(fees=FIRST_BLOB)),
    ("fees above the cap", FRESH, sight(prices=replace(PRICES, base_fee=60 * GWEI)), "per gas is"),
    (
        "blob fee above the cap",
        replace(FRESH, blobs=1),
        sight(prices=replace(PRICES, blob_base_fee=60 * GWEI)),
        "per blob gas is",
    ),
    (
        "blob fee above the cap, no blobs",
        FRESH,
        sight(prices=SPIKE),
        Publish(fees=Fees(max_fee=61 * GWEI, max_priority_fee=GWEI, max_blob_fee=0)),
    ),
    ("the account is empty", FRESH, sight(balance=1), "fund it"),
    ("the spend cap is reached", FRESH, sight(spendable=1), "spend cap"),
    ("it waits in the pool", SENT, sight(now_ms=LATE - 1), "not mined yet"),
    ("it is stuck", SENT, sight(now_ms=LATE), Publish(fees=BUMPED)),
    ("blobs are stuck", BLOB, sight(now_ms=LATE), Publish(fees=DOUBLED)),
    (
        "it is stuck in a fee spike",
        SENT,
        sight(now_ms=LATE, prices=SPIKE),
        Publish(fees=Fees(max_fee=61 * GWEI, max_priority_fee=1_100_000_000, max_blob_fee=0)),
    ),
    (
        "the raise is above the cap",
        SENT,
        sight(now_ms=LATE, prices=replace(PRICES, base_fee=60 * GWEI)),
        "above the cap",
    ),
    (
        "it was raised often enough",
        replace(SENT, attempts=(OFFER,) * 16),
        sight(now_ms=LATE),
        "after 16 offers",
    ),
    ("the pool just got it", SENT, sight(is_known=False, now_ms=11_999), "not mined yet"),
    (
        "the pool dropped it",
        SENT,
        sight(is_known=False, now_ms=12_000),
        Republish(reason="the L1's pool dropped it"),
    ),
    (
        "a reorganisation threw it out of the pool too",
        replace(SENT, mined=True),
        sight(is_known=False, now_ms=1),
        Republish(reason="an L1 reorganisation took it out of its block"),
    ),
    ("a reorganisation gave it back to the pool", replace(SENT, mined=True), SIGHT, "not mined"),
    ("it is mined", SENT, sight(receipt=RECEIPT, mined_nonce=6), MINED),
    (
        "it is confirmed",
        SENT,
        sight(receipt=RECEIPT, mined_nonce=6, head=102),
        Done(receipt=RECEIPT, is_cancelled=False),
    ),
    ("the nonce is used, perhaps by us", SENT, sight(mined_nonce=6), "no receipt of ours"),
    (
        "the nonce is used elsewhere",
        replace(SENT, taken_since_ms=0),
        sight(mined_nonce=6, now_ms=12_000),
        Renumber(),
    ),
    ("the nonce was used before it was sent", FRESH, sight(mined_nonce=6), Renumber()),
    ("withdrawn before it was sent", replace(FRESH, withdrawn=True), SIGHT, Abandon()),
    ("withdrawn", replace(SENT, withdrawn=True), SIGHT, Cancel(fees=BUMPED)),
    ("withdrawn, mined", replace(SENT, withdrawn=True), sight(receipt=RECEIPT), MINED),
    (
        "withdrawn, used elsewhere",
        replace(SENT, withdrawn=True, taken_since_ms=0),
        sight(mined_nonce=6, now_ms=12_000),
        Abandon(),
    ),
    (
        "withdrawn, but pools take no plain replacement of blobs",
        replace(BLOB, withdrawn=True),
        SIGHT,
        "not mined yet",
    ),
    ("cancelled", CANCELLED, SIGHT, "cancelling transaction is not mined"),
    ("the cancelling one is stuck", CANCELLED, sight(now_ms=LATE), Cancel(fees=BUMPED)),
    (
        "the cancelling one is confirmed",
        CANCELLED,
        sight(receipt=replace(RECEIPT, transaction_hash=CANCEL_HASH), head=102),
        Done(receipt=replace(RECEIPT, transaction_hash=CANCEL_HASH), is_cancelled=True),
    ),
    (
        "the cancelled one was faster",
        CANCELLED,
        sight(receipt=RECEIPT, head=102),
        Done(receipt=RECEIPT, is_cancelled=False),
    ),
    ("an earlier run's waits", FOREIGN, sight(now_ms=LATE - 1), "earlier run"),
    ("an earlier run's is mined", FOREIGN, sight(mined_nonce=6), Abandon()),
    ("an earlier run's is stuck", FOREIGN, sight(now_ms=LATE), Cancel(fees=BUMPED)),
]


@pytest.mark.parametrize(
    ("sending", "seen", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_decisions(sending: Sending, seen: Sight, expected: Decision | str) -> None:
    decision = decide(sending, seen, POLICY)
    if isinstance(expected, str):
        assert isinstance(decision, Wait)
        assert expected in decision.reason
        money = ("cap", "fund", "offers")
        assert decision.is_blocked == any(word in decision.reason for word in money)
    else:
        assert decision == expected


def test_a_replacement_raises_every_fee_enough_for_any_pool() -> None:
    odd = Fees(max_fee=101, max_priority_fee=3, max_blob_fee=7)
    free = Prices(base_fee=0, priority_fee=0, blob_base_fee=0)
    plain = replacement_fees(replace(odd, max_blob_fee=0), free, blobs=False)
    assert plain.max_fee * 10 >= odd.max_fee * 11
    assert plain.max_priority_fee * 10 >= odd.max_priority_fee * 11
    blobs = replacement_fees(odd, free, blobs=True)
    assert blobs.max_fee >= 2 * odd.max_fee
    assert blobs.max_priority_fee >= 2 * odd.max_priority_fee
    assert blobs.max_blob_fee >= 2 * odd.max_blob_fee
    assert plain.max_fee >= plain.max_priority_fee


def test_the_first_fees_outlast_a_rise_of_the_base_fee() -> None:
    fees = first_fees(PRICES, blobs=True)
    assert fees.max_fee == 2 * PRICES.base_fee + PRICES.priority_fee
    assert fees.max_blob_fee == 2 * GWEI
    assert first_fees(PRICES, blobs=False).max_blob_fee == 0


def test_the_cheaper_way_depends_on_the_prices() -> None:
    dear = replace(PRICES, blob_base_fee=1000 * GWEI)
    blobs = blob_cost(3, 1, PRICES)
    assert blobs is not None
    assert blobs < calldata_cost(380_000, 4, PRICES)
    blobs = blob_cost(1, 1, dear)
    assert blobs is not None
    assert blobs > calldata_cost(1_000, 1, dear)
    assert blob_cost(1, 1, replace(PRICES, blob_base_fee=None)) is None


def test_the_ledger_forgets_after_a_day_and_survives_a_restart(tmp_path) -> None:  # type: ignore[no-untyped-def]
    day = 86_400_000
    file = tmp_path / "spending.json"
    ledger = SpendLedger(cap=1_000, file=file)
    ledger.record(0, 300)
    ledger.record(day // 2, 2**70)
    assert ledger.spendable(day // 2) == 0
    again = SpendLedger(cap=1_000, file=file)
    again.load()
    assert again.spent(day // 2) == 300 + 2**70
    assert again.spent(day) == 2**70
    assert again.spent(day * 2) == 0
    assert again.spendable(day * 2) == 1_000


def test_a_malformed_ledger_counts_as_nothing_spent(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "spending.json"
    file.write_bytes(b"{")
    ledger = SpendLedger(cap=1_000, file=file)
    ledger.load()
    assert ledger.spendable(0) == 1_000


def test_the_runway_is_the_balance_at_the_pace_of_the_day() -> None:
    ledger = SpendLedger(cap=10**18)
    assert ledger.runway_s(0, 500) is None
    ledger.record(0, 100)
    assert ledger.runway_s(3_600_000, 500) == 5 * 3600
