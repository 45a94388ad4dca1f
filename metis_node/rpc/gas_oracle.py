"""Prices to suggest for the next block.

The base fee of the next block is known exactly. The tip is the least that the mempool takes while
blocks have room: any such transaction is included. After a block that was nearly full, it is ten
per cent above the median tip of that block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metis_node.chain.queries import Queries
from metis_node.execution import fees
from metis_node.types.blocks import SealedHeader
from metis_node.types.rules import ChainRules

if TYPE_CHECKING:
    from metis_node._native import TransactionRecord

FULL_PER_CENT = 90  # of the gas limit: from here on blocks count as full
SAMPLES = 128  # transactions of a full block that its median is taken from
MAX_TIP_WEI = 500 * 10**9  # geth's cap on its own suggestions


class GasOracle:
    """Remembers its answer for the head it was computed for."""

    def __init__(self, queries: Queries, rules: ChainRules, min_tip_wei: int) -> None:
        self._queries = queries
        self._rules = rules
        self._min_tip = min_tip_wei
        self._tip_of = b""
        self._tip = min_tip_wei

    def next_base_fee(self) -> int:
        """Wei per gas."""
        return fees.next_base_fee(self._queries.head.header, self._rules)

    def next_blob_base_fee(self) -> int:
        """Wei per blob gas; 1 on a chain without blobs."""
        head = self._queries.head.header
        return fees.blob_base_fee(
            fees.next_excess_blob_gas(head, self._rules, head.timestamp),
            fees.BLOB_SCHEDULES[fees.fork_at(self._rules, head.timestamp)],
        )

    def tip(self) -> int:
        """Wei per gas on top of the base fee."""
        head = self._queries.head
        if head.hash != self._tip_of:
            self._tip = self._tip_after(head)
            self._tip_of = head.hash
        return self._tip

    def _tip_after(self, head: SealedHeader) -> int:
        header = head.header
        if header.gas_used * 100 < header.gas_limit * FULL_PER_CENT:
            return self._min_tip
        tips = sorted(
            record.effective_gas_price - header.base_fee_per_gas
            for record in self._sample(head.number)
        )
        if not tips:
            return self._min_tip
        raised = tips[len(tips) // 2] * 11 // 10
        return min(max(raised, self._min_tip), MAX_TIP_WEI)

    def _sample(self, number: int) -> list[TransactionRecord]:
        """The first transactions of a block that pay for themselves: system ones do not."""
        found = []
        for index in range(SAMPLES):
            record = self._queries.record(number, index)
            if record is None:
                break
            if record.type != 0x7E:
                found.append(record)
        return found
