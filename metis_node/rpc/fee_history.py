"""eth_feeHistory: base fees, fullness and tip percentiles of past blocks."""

from __future__ import annotations

from typing import Any

from metis_node.chain.cache import LruCache
from metis_node.chain.queries import Queries
from metis_node.errors import InvalidRequest
from metis_node.execution import fees
from metis_node.rpc import hexadecimal
from metis_node.rpc.errors import REFUSED
from metis_node.rpc.limits import RpcLimits
from metis_node.types.blocks import Header
from metis_node.types.rules import ChainRules

CACHED_BLOCKS = 1_024
# Tips of one block, ascending, each with the gas used up to and including it; at most this many,
# evenly thinned, so that the cache stays small.
SAMPLES = 256

Tips = list[tuple[int, int]]


class FeeHistory:
    """Reads whole blocks where percentiles are asked for: `answer` belongs into a thread."""

    def __init__(self, queries: Queries, rules: ChainRules, limits: RpcLimits) -> None:
        self._queries = queries
        self._rules = rules
        self._limits = limits
        self._tips: LruCache[int, Tips] = LruCache(CACHED_BLOCKS)

    def count(self, params: list[Any], index: int) -> int:
        """Number of blocks: a quantity, or a plain number as some clients send it."""
        value = hexadecimal.required(params, index, "blockCount")
        count = value if type(value) is int else hexadecimal.quantity_of(value, index, "blockCount")
        if count < 0:
            raise hexadecimal.invalid(index, "blockCount", "want a number of blocks")
        return min(count, self._limits.fee_history_blocks)

    def percentiles(self, params: list[Any], index: int) -> list[float]:
        value = hexadecimal.optional(params, index)
        if value is None:
            return []
        if type(value) is not list:
            raise hexadecimal.invalid(index, "rewardPercentiles", "want an array of numbers")
        bound = self._limits.fee_history_percentiles
        if len(value) > bound:
            raise InvalidRequest(
                f"invalid reward percentile: over the query limit {bound}", code=REFUSED
            )
        previous = 0.0
        for place, percentile in enumerate(value):
            if type(percentile) not in (int, float):
                raise hexadecimal.invalid(index, "rewardPercentiles", "want an array of numbers")
            if not 0 <= percentile <= 100:
                raise InvalidRequest(f"invalid reward percentile: {percentile:g}", code=REFUSED)
            if percentile < previous:
                raise InvalidRequest(
                    f"invalid reward percentile: #{place - 1}:{previous:g} >= "
                    f"#{place}:{percentile:g}",
                    code=REFUSED,
                )
            previous = percentile
        return value

    def answer(self, count: int, newest: int, percentiles: list[float]) -> dict[str, Any]:
        """The result for `count` blocks up to `newest`, fewer where the chain is shorter."""
        count = min(count, newest + 1)
        if count == 0:
            return {"oldestBlock": "0x0", "gasUsedRatio": []}
        oldest = newest - count + 1
        headers = [self._header(number) for number in range(oldest, newest + 1)]
        last = headers[-1]
        base_fees = [header.base_fee_per_gas for header in headers]
        blob_fees = [self._blob_fee(header) for header in headers]
        answer: dict[str, Any] = {
            "oldestBlock": hex(oldest),
            "baseFeePerGas": [hex(f) for f in [*base_fees, fees.next_base_fee(last, self._rules)]],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
            "baseFeePerBlobGas": [hex(f) for f in [*blob_fees, self._next_blob_fee(last)]],
            "blobGasUsedRatio": [self._blob_ratio(header) for header in headers],
        }
        if percentiles:
            answer["reward"] = [self._rewards(header, percentiles) for header in headers]
        return answer

    def _header(self, number: int) -> Header:
        sealed = self._queries.header_by_number(number)
        assert sealed is not None  # at or below the head
        return sealed.header

    def _schedule(self, header: Header) -> fees.BlobSchedule:
        return fees.BLOB_SCHEDULES[fees.fork_at(self._rules, header.timestamp)]

    def _blob_fee(self, header: Header) -> int:
        return fees.blob_base_fee(header.excess_blob_gas, self._schedule(header))

    def _next_blob_fee(self, header: Header) -> int:
        excess = fees.next_excess_blob_gas(header, self._rules, header.timestamp)
        return fees.blob_base_fee(excess, self._schedule(header))

    def _blob_ratio(self, header: Header) -> float:
        return header.blob_gas_used / (self._schedule(header).maximum * fees.GAS_PER_BLOB)

    def _rewards(self, header: Header, percentiles: list[float]) -> list[str]:
        """The tip at each percentile of the block's gas, counted from the lowest tip."""
        tips = self._tips_of(header)
        rewards = []
        place = 0
        for percentile in percentiles:
            threshold = int(header.gas_used * percentile / 100)
            while place < len(tips) - 1 and tips[place][1] < threshold:
                place += 1
            rewards.append(hex(tips[place][0]) if tips else "0x0")
        return rewards

    def _tips_of(self, header: Header) -> Tips:
        tips = self._tips.get(header.number)
        if tips is None:
            tips = self._read_tips(header)
            self._tips.put(header.number, tips)
        return tips

    def _read_tips(self, header: Header) -> Tips:
        paid = sorted(
            (max(record.effective_gas_price - header.base_fee_per_gas, 0), record.gas_used)
            for record in self._queries.records(header.number)
            if record.type != 0x7E  # system transactions pay nothing and are no price to follow
        )
        tips: Tips = []
        used = 0
        for tip, gas in paid:
            used += gas
            tips.append((tip, used))
        if len(tips) <= SAMPLES:
            return tips
        step = len(tips) / SAMPLES
        return [tips[int((place + 1) * step) - 1] for place in range(SAMPLES)]
