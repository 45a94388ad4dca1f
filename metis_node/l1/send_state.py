"""What to do next with one L1 transaction: a pure function of what was seen.

No clock, no network: `sender.py` looks, asks here, and acts. After a crash nothing is remembered:
what was sent before is seen as a nonce in use and dealt with as `foreign`.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.l1.answers import Receipt
from metis_node.l1.fees import FeeCaps, Fees, Prices, first_fees, over_cap, replacement_fees
from metis_node.types.primitives import Hash32

MINED = "mined, waiting for confirmations"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPolicy:
    """Times in milliseconds."""

    caps: FeeCaps
    confirmations: int = 3  # L1 blocks including the transaction's own; after that it counts
    resubmit_ms: int = 48_000  # age of an offer at which it is raised
    missing_ms: int = 12_000  # time after which an offer the pool does not know is sent again
    nonce_taken_ms: int = 12_000  # time a used nonce may be without our receipt (nodes lag)
    max_attempts: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One signed offer."""

    hash: Hash32
    fees: Fees
    sent_ms: int
    is_cancel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One nonce and all that was offered for it."""

    nonce: int
    gas: int
    blobs: int
    attempts: tuple[Attempt, ...] = ()
    mined: bool = False  # a receipt was seen at the last look
    withdrawn: bool = False  # nobody wants it any more
    taken_since_ms: int | None = None  # the nonce is used, and not by an offer of ours
    foreign: Fees | None = None  # sent before a restart; fees to outbid
    foreign_since_ms: int = 0

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the L1 showed just now."""

    now_ms: int
    head: int
    mined_nonce: int  # transactions of the account that are in blocks
    receipt: Receipt | None  # of any attempt
    is_known: bool  # the last attempt is in the pool or in a block
    prices: Prices
    balance: int
    spendable: int  # what the spend cap leaves for today


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    reason: str
    is_blocked: bool = False  # by money, not by time: worth an alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Sign and send a first offer, or a higher one for the same nonce."""

    fees: Fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Republish:
    """Send the last attempt again as it is."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Fill the nonce with an empty transaction to ourselves."""

    fees: Fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Confirmed. `is_cancelled`: by the empty transaction, the data never went out."""

    receipt: Receipt
    is_cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandon:
    """Withdrawn before anything was sent, or a foreign transaction that is mined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumber:
    """The nonce was used elsewhere: take a new one."""


Decision = Wait | Publish | Republish | Cancel | Done | Abandon | Renumber


def decide(sending: Sending, sight: Sight, policy: SendPolicy) -> Decision:
    """The one thing to do now."""
    if sight.receipt is not None:
        return _decide_mined(sending, sight.receipt, sight, policy)
    if sight.mined_nonce > sending.nonce:
        return _decide_taken(sending, sight, policy)
    if sending.foreign is not None or (sending.withdrawn and not _is_committed(sending)):
        return _decide_withdrawn(sending, sight, policy)
    last = sending.last
    if last is None:
        return _offer(first_fees(sight.prices, blobs=sending.blobs > 0), sending, sight, policy)
    if sending.mined and not sight.is_known:
        return Republish(reason="an L1 reorganisation took it out of its block")
    age = sight.now_ms - last.sent_ms
    if not sight.is_known and age >= policy.missing_ms:
        return Republish(reason="the L1's pool dropped it")
    if age < policy.resubmit_ms:
        return Wait(reason="not mined yet")
    if len(sending.attempts) >= policy.max_attempts:
        reason = f"not mined after {policy.max_attempts} offers: is the L1's pool in order?"
        return Wait(reason=reason, is_blocked=True)
    fees = replacement_fees(last.fees, sight.prices, blobs=sending.blobs > 0)
    return _offer(fees, sending, sight, policy)


def _decide_mined(sending: Sending, receipt: Receipt, sight: Sight, policy: SendPolicy) -> Decision:
    if sight.head - receipt.block_number + 1 < policy.confirmations:
        return Wait(reason=MINED)
    cancels = {attempt.hash for attempt in sending.attempts if attempt.is_cancel}
    return Done(receipt=receipt, is_cancelled=receipt.transaction_hash in cancels)


def _is_committed(sending: Sending) -> bool:
    """Pools replace a blob transaction only by another with blobs: then the data may as well land,
    where readers skip it if it is out of date."""
    return sending.blobs > 0 and bool(sending.attempts)


def _decide_taken(sending: Sending, sight: Sight, policy: SendPolicy) -> Decision:
    if sending.foreign is not None or (sending.withdrawn and not sending.attempts):
        return Abandon()
    since = sending.taken_since_ms
    if sending.attempts and (since is None or sight.now_ms - since < policy.nonce_taken_ms):
        return Wait(reason="the nonce is used, no receipt of ours yet")
    return Abandon() if sending.withdrawn else Renumber()


def _decide_withdrawn(sending: Sending, sight: Sight, policy: SendPolicy) -> Decision:
    """Free the nonce, since later ones wait behind it."""
    last = sending.last
    if last is None and sending.foreign is None:
        return Abandon()
    if last is None and sight.now_ms - sending.foreign_since_ms < policy.resubmit_ms:
        return Wait(reason="an earlier run's transaction is not mined yet")
    blobs = sending.blobs > 0
    if last is not None and last.is_cancel and sight.now_ms - last.sent_ms < policy.resubmit_ms:
        return Wait(reason="the cancelling transaction is not mined yet")
    offered = last.fees if last is not None else sending.foreign
    assert offered is not None
    fees = replacement_fees(offered, sight.prices, blobs=blobs)
    reason = over_cap(fees, policy.caps)
    if reason:
        return Wait(reason=reason, is_blocked=True)
    return Cancel(fees=fees)


def _offer(fees: Fees, sending: Sending, sight: Sight, policy: SendPolicy) -> Decision:
    reason = over_cap(fees, policy.caps)
    if reason:
        return Wait(reason=reason, is_blocked=True)
    cost = fees.cost(gas=sending.gas, blobs=sending.blobs)
    if cost > sight.balance:
        return Wait(
            reason=f"the account has {sight.balance} wei, the transaction may cost {cost}: fund it",
            is_blocked=True,
        )
    if cost > sight.spendable:
        return Wait(
            reason=f"the spend cap leaves {sight.spendable} wei today, the transaction may cost "
            f"{cost}",
            is_blocked=True,
        )
    return Publish(fees=fees)
