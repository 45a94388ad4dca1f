"""From an L1 header to the origin that L2 blocks name."""

from __future__ import annotations

from metis_node.execution.fees import BLOB_SCHEDULES, blob_base_fee
from metis_node.types.l1 import L1Header, L1Origin

# Rule D7: the blob base fee in a system transaction is computed from the L1 header alone, with
# the update fraction of Prague, so that every node gets the same number whatever L1 calls it later.
SCHEDULE = BLOB_SCHEDULES["prague"]


def origin_of(header: L1Header) -> L1Origin:
    return L1Origin(
        number=header.number,
        hash=header.hash,
        timestamp=header.timestamp,
        base_fee_per_gas=header.base_fee_per_gas,
        blob_base_fee=blob_base_fee(header.excess_blob_gas, SCHEDULE),
        prev_randao=header.prev_randao,
    )
