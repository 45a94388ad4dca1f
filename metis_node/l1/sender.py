"""The one owner of an L1 account's nonces: sends transactions and sees them through.

A loop that looks, asks `send_state.decide`, and acts. Nothing is kept over a restart but the record
of what was spent: what an earlier run left in the L1's pool is waited for, and outbid if stuck.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from metis_node.errors import Temporary
from metis_node.l1 import send_state
from metis_node.l1.answers import Receipt
from metis_node.l1.blobs import Sidecar, pooled_encoding
from metis_node.l1.client import L1Client
from metis_node.l1.endpoint import CallRefused
from metis_node.l1.fees import Fees, Prices, first_fees
from metis_node.l1.inbox import BASE_GAS
from metis_node.l1.send_state import Attempt, Sending, SendPolicy, Sight
from metis_node.l1.signing import TransactionSigner
from metis_node.l1.spending import SpendLedger
from metis_node.types.primitives import Address, Hash32

log = structlog.get_logger(__name__)

MAX_PENDING = 4  # transactions of ours in the L1's pool at once
MAX_REQUESTS = 256  # waiting to be sent; a batch has at most some dozens
MAX_BACK_OFF = 16  # times the poll interval, while the L1 does not answer
IDLE_LOOK_S = 15.0  # between two looks at balance and nonce while there is nothing to send
MAX_REFUSALS = 5  # of one request by the L1, in a row, before it is given up


class Undelivered(Temporary):
    """A transaction that will not be on L1: withdrawn, or given up."""


@dataclass(slots=True, eq=False)
class Submission:
    """One transaction on its way. `outcome` yields the receipt, or raises Undelivered.

    `hash` is the last offer's, `mined_in` the block that it was last seen in: for those who watch.
    """

    to: Address
    data: bytes
    sidecar: Sidecar | None
    gas: int
    outcome: asyncio.Future[Receipt]
    value: int = 0
    withdrawn: bool = False
    hash: Hash32 | None = None
    mined_in: int | None = None

    def withdraw(self) -> None:
        """It is not wanted any more. What is mined already stays watched until it is confirmed."""
        self.withdrawn = True


@dataclass(slots=True, eq=False)
class _Entry:
    """A nonce with the request that it serves; none for what an earlier run sent."""

    state: Sending
    submission: Submission | None
    raws: dict[Hash32, bytes] = field(default_factory=dict)
    refusals: int = 0


class TransactionSender:
    """Run it as a task. All methods on the event loop."""

    def __init__(
        self,
        *,
        client: L1Client,
        account: TransactionSigner,
        policy: SendPolicy,
        ledger: SpendLedger,
        poll_s: float = 1.0,
        max_pending: int = MAX_PENDING,
        quiet: bool = False,
    ) -> None:
        """`quiet`: what goes well is logged for debugging only; the caller shows its progress."""
        self.address = Address(bytes.fromhex(account.address[2:]))
        self.balance: int | None = None  # wei, at the last look
        self.blocked_reason = ""  # why nothing is sent, when money is the cause
        self._client = client
        self._account = account
        self._policy = policy
        self._ledger = ledger
        self._poll_s = poll_s
        self._max_pending = max_pending
        self._tell = log.debug if quiet else log.info
        self._requests: deque[Submission] = deque()
        self._entries: list[_Entry] = []  # by nonce
        self._next_nonce: int | None = None
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()  # nothing of an earlier run is pending
        self._head_number = 0
        self._hole_since_ms: int | None = None

    @property
    def in_flight(self) -> int:
        return len(self._entries)

    @property
    def runway_s(self) -> int | None:
        """Seconds that the balance lasts at the pace of the last 24 hours, once known."""
        if self.balance is None:
            return None
        return self._ledger.runway_s(_now_ms(), self.balance)

    @property
    def spent_wei(self) -> int:
        """Paid in the last 24 hours."""
        return self._ledger.spent(_now_ms())

    @property
    def head_number(self) -> int:
        """The L1's head at the last look; 0 before the first."""
        return self._head_number

    def send(
        self,
        *,
        to: Address,
        data: bytes,
        gas: int,
        sidecar: Sidecar | None = None,
        value: int = 0,
    ) -> Submission:
        """Queue a transaction; they go out in order. Temporary where the queue is full."""
        if len(self._requests) >= MAX_REQUESTS:
            raise Temporary(f"{MAX_REQUESTS} L1 transactions are waiting to be sent")
        outcome: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        submission = Submission(
            to=to, data=data, sidecar=sidecar, gas=gas, outcome=outcome, value=value
        )
        self._requests.append(submission)
        self._wake.set()
        return submission

    async def settled(self) -> int:
        """Return once nothing that an earlier run sent is pending, with the L1 head's number."""
        await self._settled.wait()
        return self._head_number

    async def run(self) -> None:
        """Until cancelled. Trouble with the L1 is waited out; Fatal passes."""
        failures = 0
        while True:
            try:
                if self._next_nonce is None:
                    await self._take_over()
                await self._round()
                failures = 0
            except Temporary as error:
                failures += 1
                if failures == 1:
                    log.warning("L1 transactions wait", reason=error.message)
            await self._pause(self._pause_s(failures))

    def _pause_s(self, failures: int) -> float:
        if failures:
            factor: int = min(2**failures, MAX_BACK_OFF)
            return self._poll_s * factor
        is_idle = self._settled.is_set() and not self._entries and not self._requests
        return max(IDLE_LOOK_S, self._poll_s) if is_idle else self._poll_s

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _take_over(self) -> None:
        """Begin with what an earlier run left in the pool."""
        self._ledger.load()
        mined = await self._client.nonce(self.address)
        pending = max(await self._client.nonce(self.address, pending=True), mined)
        fees = first_fees(await self._prices(await self._base_fee()), blobs=False)
        for nonce in range(mined, pending):
            state = Sending(
                nonce=nonce, gas=BASE_GAS, blobs=0, foreign=fees, foreign_since_ms=_now_ms()
            )
            self._entries.append(_Entry(state=state, submission=None))
        if pending > mined:
            log.info("transactions of an earlier run are pending", count=pending - mined)
        self._next_nonce = pending

    # --- one round -----------------------------------------------------------------------------

    async def _round(self) -> None:
        head = await self._client.header("latest")
        if head is None:
            raise Temporary("the L1 has no head")
        self.balance = await self._client.balance(self.address)
        mined_nonce = await self._client.nonce(self.address)
        prices = await self._prices(head.base_fee_per_gas)
        await self._mend_holes(mined_nonce, prices)
        self._admit(mined_nonce)
        blocked = ""
        for entry in list(self._entries):
            sight = await self._look(entry, head.number, mined_nonce, prices)
            decision = send_state.decide(entry.state, sight, self._policy)
            await self._act(entry, decision)
            if isinstance(decision, send_state.Wait) and decision.is_blocked:
                blocked = decision.reason
            if entry in self._entries and not entry.state.attempts and not entry.state.foreign:
                break  # later nonces wait until this one is out
        self._tell_blocked(blocked)
        self._head_number = head.number
        if not any(entry.submission is None for entry in self._entries):
            self._settled.set()

    async def _mend_holes(self, mined_nonce: int, prices: Prices) -> None:
        """Nonces behind ours that nothing holds any more: an L1 reorganisation took away what was
        confirmed already. Later transactions wait for them, so they are used again or filled."""
        assert self._next_nonce is not None
        covered = {entry.state.nonce for entry in self._entries}
        holes = [n for n in range(mined_nonce, self._next_nonce) if n not in covered]
        now_ms = _now_ms()
        if not holes:
            self._hole_since_ms = None
            return
        if self._hole_since_ms is None:
            self._hole_since_ms = now_ms
        if now_ms - self._hole_since_ms < self._policy.missing_ms:
            return  # perhaps an endpoint that lags
        log.warning("L1 nonces are free again", nonces=holes)
        pending = await self._client.nonce(self.address, pending=True)
        while holes and holes[-1] == self._next_nonce - 1 and holes[-1] >= pending:
            self._next_nonce = holes.pop()
        fees = first_fees(prices, blobs=False)
        for nonce in holes:
            since = now_ms if nonce < pending else 0  # 0: not in the pool, fill it now
            state = Sending(
                nonce=nonce, gas=BASE_GAS, blobs=0, foreign=fees, foreign_since_ms=since
            )
            self._entries.append(_Entry(state=state, submission=None))
        self._entries.sort(key=lambda entry: entry.state.nonce)

    def _admit(self, mined_nonce: int) -> None:
        assert self._next_nonce is not None
        self._next_nonce = max(self._next_nonce, mined_nonce)
        while self._requests and len(self._entries) < self._max_pending:
            submission = self._requests.popleft()
            blobs = len(submission.sidecar.blobs) if submission.sidecar else 0
            state = Sending(nonce=self._next_nonce, gas=submission.gas, blobs=blobs)
            self._entries.append(_Entry(state=state, submission=submission))
            self._next_nonce += 1

    async def _look(self, entry: _Entry, head: int, mined_nonce: int, prices: Prices) -> Sight:
        state, now_ms = entry.state, _now_ms()
        receipt = await self._receipt(entry) if mined_nonce > state.nonce else None
        if entry.submission is not None:
            entry.submission.mined_in = receipt.block_number if receipt is not None else None
        last = state.last
        is_known = True
        if last is not None and receipt is None:
            doubtful = state.mined or now_ms - last.sent_ms >= self._policy.missing_ms
            is_known = await self._client.knows(last.hash) if doubtful else True
        withdrawn = entry.submission is not None and entry.submission.withdrawn
        taken = receipt is None and mined_nonce > state.nonce
        since = (state.taken_since_ms or now_ms) if taken else None
        entry.state = replace(state, withdrawn=withdrawn, taken_since_ms=since)
        return Sight(
            now_ms=now_ms,
            head=head,
            mined_nonce=mined_nonce,
            receipt=receipt,
            is_known=is_known,
            prices=prices,
            balance=self.balance or 0,
            spendable=self._ledger.spendable(now_ms),
        )

    async def _receipt(self, entry: _Entry) -> Receipt | None:
        for attempt in reversed(entry.state.attempts):
            receipt = await self._client.receipt(attempt.hash)
            if receipt is not None:
                return receipt
        return None

    async def _base_fee(self) -> int:
        head = await self._client.header("latest")
        return head.base_fee_per_gas if head is not None else 0

    async def _prices(self, base_fee: int) -> Prices:
        return Prices(
            base_fee=base_fee,
            priority_fee=await self._client.priority_fee(),
            blob_base_fee=await self._client.blob_base_fee(),
        )

    # --- acting --------------------------------------------------------------------------------

    async def _act(self, entry: _Entry, decision: send_state.Decision) -> None:
        state = entry.state
        match decision:
            case send_state.Wait():
                is_mined = decision.reason == send_state.MINED
                entry.state = replace(state, mined=is_mined or state.mined)
            case send_state.Publish():
                await self._publish(entry, decision.fees)
            case send_state.Cancel():
                await self._publish(entry, decision.fees, is_cancel=True)
            case send_state.Republish():
                log.warning("L1 transaction sent again", nonce=state.nonce, reason=decision.reason)
                await self._republish(entry)
            case send_state.Done():
                self._on_done(entry, decision)
            case send_state.Abandon():
                self._close(entry, Undelivered("the transaction was withdrawn"))
            case send_state.Renumber():
                self._renumber(entry)

    async def _publish(self, entry: _Entry, fees: Fees, *, is_cancel: bool = False) -> None:
        """Remember the offer, then send it: an answer that is lost must not make it unknown."""
        raw, name = await asyncio.to_thread(self._sign, entry, fees, is_cancel)
        attempt = Attempt(hash=name, fees=fees, sent_ms=_now_ms(), is_cancel=is_cancel)
        raised = bool(entry.state.attempts)
        entry.state = replace(entry.state, attempts=(*entry.state.attempts, attempt), mined=False)
        entry.raws[name] = raw
        if entry.submission is not None:
            entry.submission.hash = name
        self._tell(
            "L1 transaction sent",
            hash="0x" + name.hex(),
            nonce=entry.state.nonce,
            blobs=entry.state.blobs,
            max_fee_wei=fees.max_fee,
            max_blob_fee_wei=fees.max_blob_fee,
            raised=raised,
            cancels=is_cancel,
        )
        await self._hand_over(entry, raw)

    async def _republish(self, entry: _Entry) -> None:
        last = entry.state.last
        assert last is not None
        again = replace(last, sent_ms=_now_ms())
        attempts = (*entry.state.attempts[:-1], again)
        entry.state = replace(entry.state, attempts=attempts, mined=False)
        await self._hand_over(entry, entry.raws[last.hash])

    async def _hand_over(self, entry: _Entry, raw: bytes) -> None:
        try:
            await self._client.send_raw(raw)
        except CallRefused as error:
            self._on_refused(entry, error)
        else:
            entry.refusals = 0

    def _on_refused(self, entry: _Entry, error: CallRefused) -> None:
        words = error.message.lower()
        if "already known" in words or "already imported" in words or "alreadyknown" in words:
            return
        log.warning("the L1 refused a transaction", nonce=entry.state.nonce, reason=error.message)
        if "nonce too low" in words:
            return  # the next look shows whether it is ours
        if "underpriced" in words:
            self._outbid_next_round(entry)
            return
        entry.refusals += 1
        if len(entry.state.attempts) == 1:  # nothing of ours is in the pool for this nonce
            entry.state = replace(entry.state, attempts=())
            if entry.refusals >= MAX_REFUSALS:
                self._close(entry, Undelivered(f"the L1 refuses the transaction: {error.message}"))

    def _outbid_next_round(self, entry: _Entry) -> None:
        last = entry.state.last
        assert last is not None
        due = replace(last, sent_ms=last.sent_ms - self._policy.resubmit_ms)
        entry.state = replace(entry.state, attempts=(*entry.state.attempts[:-1], due))

    def _on_done(self, entry: _Entry, done: send_state.Done) -> None:
        receipt = done.receipt
        self._ledger.record(_now_ms(), receipt.cost_wei)
        self._tell(
            "L1 transaction confirmed",
            hash="0x" + receipt.transaction_hash.hex(),
            nonce=entry.state.nonce,
            l1_block=receipt.block_number,
            cost_wei=receipt.cost_wei,
        )
        if done.is_cancelled:
            self._close(entry, Undelivered("the transaction was withdrawn"))
        elif not receipt.success:
            self._close(entry, Undelivered("the transaction failed on L1"))
        else:
            self._close(entry, receipt)

    def _close(self, entry: _Entry, outcome: Receipt | Undelivered) -> None:
        if isinstance(outcome, Undelivered) and not entry.state.attempts:
            self._give_back_nonce(entry)
        self._entries.remove(entry)
        self._wake.set()
        submission = entry.submission
        if submission is None or submission.outcome.done():
            return
        if isinstance(outcome, Receipt):
            submission.outcome.set_result(outcome)
        else:
            submission.outcome.set_exception(outcome)
            submission.outcome.exception()  # seen: nobody need wait for it

    def _give_back_nonce(self, entry: _Entry) -> None:
        """Nothing was sent with it, so nothing was sent with later ones: they move down."""
        if entry.submission is None:
            return  # an earlier run's
        assert self._next_nonce is not None
        for later in self._entries[self._entries.index(entry) + 1 :]:
            assert not later.state.attempts
            later.state = replace(later.state, nonce=later.state.nonce - 1)
        self._next_nonce -= 1

    def _renumber(self, entry: _Entry) -> None:
        assert self._next_nonce is not None
        log.warning("an L1 nonce was used elsewhere", nonce=entry.state.nonce)
        self._entries.remove(entry)
        blobs, gas = entry.state.blobs, entry.state.gas
        state = Sending(nonce=self._next_nonce, gas=gas, blobs=blobs)
        self._entries.append(_Entry(state=state, submission=entry.submission))
        self._next_nonce += 1
        self._wake.set()

    def _tell_blocked(self, reason: str) -> None:
        if reason and not self.blocked_reason:
            log.error("posting to L1 waits", reason=reason)
        elif not reason and self.blocked_reason:
            log.info("posting to L1 goes on")
        self.blocked_reason = reason

    def _sign(self, entry: _Entry, fees: Fees, is_cancel: bool) -> tuple[bytes, Hash32]:
        """Worker thread: pure Python signatures take milliseconds."""
        submission = None if is_cancel else entry.submission
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self._client.chain_id,
            "nonce": entry.state.nonce,
            "to": submission.to if submission else self.address,
            "value": submission.value if submission else 0,
            "gas": submission.gas if submission else BASE_GAS,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.max_priority_fee,
            "data": submission.data if submission else b"",
            "accessList": (),
        }
        sidecar = submission.sidecar if submission else None
        if sidecar is not None:
            fields["type"] = 3
            fields["maxFeePerBlobGas"] = fees.max_blob_fee
            fields["blobVersionedHashes"] = list(sidecar.versioned_hashes)
        signed = self._account.sign_transaction(fields)
        raw = bytes(signed.raw_transaction)
        if sidecar is not None:
            raw = pooled_encoding(raw, sidecar)
        return raw, Hash32(bytes(signed.hash))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
