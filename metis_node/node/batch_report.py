"""What a node tells about its batches: for /readyz, metis_batches and the metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from metis_node.node.assembly import ChainParts
from metis_node.node.batch_assembly import BatchParts
from metis_node.node.telemetry import Facts
from metis_node.rpc.backend import Check


def batch_check(batches: BatchParts) -> Check:
    """Batches can be read, and posted where that is this node's job."""

    def problem() -> str | None:
        if batches.follower.problem:
            return f"batches on the L1 cannot be read: {batches.follower.problem}"
        if batches.sender is not None and batches.sender.blocked_reason:
            return f"batches cannot be posted: {batches.sender.blocked_reason}"
        return None

    return Check(name="batches", problem=problem)


def batch_facts(parts: ChainParts, batches: BatchParts) -> dict[str, Any]:
    """metis_batches."""
    head, safe = parts.blockchain.head.number, batches.follower.safe
    facts: dict[str, Any] = {
        "safe": hex(safe),
        "unpostedBlocks": hex(max(0, head - safe)),
        "nextL1Block": hex(batches.follower.next_l1_block),
        "problem": batch_check(batches).problem(),
    }
    if batches.host is not None and batches.sender is not None:
        sender = batches.sender
        facts |= {
            "backlogBytes": hex(batches.host.machine.backlog_bytes),
            "pressurePercent": batches.host.pressure_percent,
            "submitter": "0x" + sender.address.hex(),
            "balance": hex(sender.balance) if sender.balance is not None else None,
            "runwaySeconds": sender.runway_s,
            "spentLastDay": hex(sender.spent_wei),
            "inFlight": sender.in_flight,
        }
    return facts


def transaction_batch(batches: BatchParts) -> Callable[[int], dict[str, Any] | None]:
    """Which batch on the L1 holds an L2 block."""

    def find(number: int) -> dict[str, Any] | None:
        if number > batches.follower.safe:
            return None
        record = batches.index.find(number)
        return asdict(record) if record is not None else None

    return find


BATCH_GAUGES = {
    "metis_batches_unposted_blocks": "Blocks above the last one that a batch on the L1 holds",
    "metis_batches_backlog_bytes": "Bytes of transactions that no batch on the L1 holds",
    "metis_batches_pressure_percent": "By how much building holds back because batches lag",
    "metis_batcher_in_flight": "L1 transactions of the batcher that are not confirmed",
    "metis_batcher_spent_wei": "What posting cost in the last 24 hours",
    "metis_batcher_balance_wei": "Balance of the batcher's L1 account at the last look",
    "metis_batcher_runway_seconds": "How long the balance lasts at the pace of the last 24 hours",
}


def batch_gauges(parts: ChainParts, batches: BatchParts) -> Facts:
    """The gauges of `BATCH_GAUGES`; those of posting on the sequencer alone, once known."""

    def facts() -> dict[str, float]:
        safe = batches.follower.safe
        unposted = max(0, parts.blockchain.head.number - safe)
        found: dict[str, float | None] = {"metis_batches_unposted_blocks": unposted}
        if batches.host is not None and batches.sender is not None:
            sender = batches.sender
            found |= {
                "metis_batches_backlog_bytes": batches.host.machine.backlog_bytes,
                "metis_batches_pressure_percent": batches.host.pressure_percent,
                "metis_batcher_in_flight": sender.in_flight,
                "metis_batcher_spent_wei": sender.spent_wei,
                "metis_batcher_balance_wei": sender.balance,
                "metis_batcher_runway_seconds": sender.runway_s,
            }
        return {name: float(value) for name, value in found.items() if value is not None}

    return facts
