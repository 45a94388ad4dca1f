"""Fees on L1: what to offer first, what a replacement needs, what blobs and calldata cost.

Integers in wei. Pure: the prices come from the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.l1.blobs import GAS_PER_BLOB
from metis_node.l1.inbox import BASE_GAS, FLOOR_GAS_PER_TOKEN

MIN_PRIORITY_FEE = 1_000_000  # wei: endpoints of idle chains suggest 0, pools want something
BUMP_PERCENT = 110  # what pools ask of a replacement
BLOB_BUMP_PERCENT = 200  # of a replacement with blobs, on all three fees
HEADROOM = 2  # times the base fee: good for five full blocks in a row
NONZERO_SHARE_PERCENT = 99  # of compressed data, for the price of calldata


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What the L1 asks at the moment. `blob_base_fee` is None on an L1 without blobs."""

    base_fee: int
    priority_fee: int
    blob_base_fee: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What one transaction offers, per gas."""

    max_fee: int
    max_priority_fee: int
    max_blob_fee: int  # 0 without blobs

    def cost(self, *, gas: int, blobs: int) -> int:
        """The most it can cost."""
        return gas * self.max_fee + blobs * GAS_PER_BLOB * self.max_blob_fee


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCaps:
    """Above these, posting waits."""

    max_fee: int
    max_blob_fee: int


def first_fees(prices: Prices, *, blobs: bool) -> Fees:
    priority = max(prices.priority_fee, MIN_PRIORITY_FEE)
    return Fees(
        max_fee=HEADROOM * prices.base_fee + priority,
        max_priority_fee=priority,
        max_blob_fee=HEADROOM * max(prices.blob_base_fee or 0, 1) if blobs else 0,
    )


def replacement_fees(offered: Fees, prices: Prices, *, blobs: bool) -> Fees:
    """Enough for the pool's rule and for the market: each fee at least bumped, and never below
    what a new transaction would offer."""
    percent = BLOB_BUMP_PERCENT if blobs else BUMP_PERCENT
    fresh = first_fees(prices, blobs=blobs)
    priority = max(_raised(offered.max_priority_fee, percent), fresh.max_priority_fee)
    return Fees(
        max_fee=max(_raised(offered.max_fee, percent), fresh.max_fee, priority),
        max_priority_fee=priority,
        max_blob_fee=max(_raised(offered.max_blob_fee, percent), fresh.max_blob_fee),
    )


def over_cap(fees: Fees, caps: FeeCaps) -> str:
    """Which fee is above its cap, in words; empty where none is."""
    if fees.max_fee > caps.max_fee:
        return f"the fee of {fees.max_fee} wei per gas is above the cap of {caps.max_fee}"
    if fees.max_blob_fee > caps.max_blob_fee:
        return (
            f"the fee of {fees.max_blob_fee} wei per blob gas is above the cap of "
            f"{caps.max_blob_fee}"
        )
    return ""


def blob_cost(blobs: int, transactions: int, prices: Prices) -> int | None:
    """Wei for data in this many blobs; None on an L1 without blobs."""
    if prices.blob_base_fee is None:
        return None
    gas_price = prices.base_fee + prices.priority_fee
    return transactions * BASE_GAS * gas_price + blobs * GAS_PER_BLOB * prices.blob_base_fee


def calldata_cost(size: int, transactions: int, prices: Prices) -> int:
    """Wei for `size` bytes of compressed data as calldata (floor price of EIP-7623)."""
    tokens = size * (4 * NONZERO_SHARE_PERCENT + 100 - NONZERO_SHARE_PERCENT) // 100
    gas = transactions * BASE_GAS + FLOOR_GAS_PER_TOKEN * tokens
    return gas * (prices.base_fee + prices.priority_fee)


def _raised(fee: int, percent: int) -> int:
    return -(-fee * percent // 100)
