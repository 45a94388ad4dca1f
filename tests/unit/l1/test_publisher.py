"""Blobs or calldata by price."""

from __future__ import annotations

import pytest

from metis_node.engine.l1_ports import PostingPlan
from metis_node.l1.blobs import BLOB_CAPACITY
from metis_node.l1.fees import Prices
from metis_node.l1.publisher import CALLDATA_PLAN, cheapest

GWEI = 10**9
BLOBS = PostingPlan(with_blobs=True, capacity=BLOB_CAPACITY, payloads_per_transaction=6)


@pytest.mark.parametrize(
    ("size", "base_fee", "blob_fee", "plan"),
    [
        (100_000, 10 * GWEI, 1, BLOBS),
        (500, 10 * GWEI, 1, BLOBS),
        (500, 1, 1, CALLDATA_PLAN),  # a whole blob for little data
        (100_000, 10 * GWEI, 100 * GWEI, BLOBS),
        (100_000, 1 * GWEI, 100 * GWEI, CALLDATA_PLAN),
        (100_000, 10 * GWEI, None, CALLDATA_PLAN),
    ],
)
def test_the_cheaper_way_is_taken(
    size: int, base_fee: int, blob_fee: int | None, plan: PostingPlan
) -> None:
    prices = Prices(base_fee=base_fee, priority_fee=0, blob_base_fee=blob_fee)
    assert cheapest(size, prices, BLOBS) == plan
