"""What keeps a node from being ready (/readyz), and what it says about its L1 (metis_l1Status).

Each check answers at once from what is in memory; the reasons are words for an operator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from metis_node.codec.extra_data import decode_extra_data
from metis_node.l1.endpoint_group import EndpointReport
from metis_node.node.assembly import ChainParts
from metis_node.node.config import Config
from metis_node.node.l1_assembly import L1Parts
from metis_node.rpc.backend import Check

HEAD_STALE_BLOCKS = 10  # block times after which a head is too old
HEAD_STALE_LEAST_S = 10.0

Now = Callable[[], float]


def head_check(parts: ChainParts, l1: L1Parts, now: Now = time.time) -> Check:
    """The head is young: blocks are being made."""
    stale_s = parts.blockchain.rules.block_time_ms / 1000 * HEAD_STALE_BLOCKS

    def problem() -> str | None:
        age_s = now() - parts.blockchain.head.header.timestamp
        if age_s <= max(stale_s, HEAD_STALE_LEAST_S):
            return None
        why = l1.origins.reason if _waits(parts, l1) else "the log tells why no block is made"
        return f"the head is {age_s:.0f} s old: {why}"

    return Check(name="head", problem=problem)


def l1_check(l1: L1Parts, config: Config, now: Now = time.time) -> Check:
    """The L1 answers and goes on."""

    def problem() -> str | None:
        if l1.follower.problem:
            return l1.follower.problem
        head = l1.follower.head
        if head is None:
            return "the L1 has not answered yet"
        age_s = now() - head.timestamp
        if age_s > config.l1.stale_after_s:
            return f"the L1's head {head.number} is {age_s:.0f} s old (l1.stale_after_s)"
        return None

    return Check(name="l1", problem=problem)


def l1_facts(parts: ChainParts, l1: L1Parts) -> dict[str, Any]:
    """metis_l1Status."""
    head = l1.follower.head
    origin = decode_extra_data(parts.blockchain.head.header.extra_data).origin_number
    return {
        "chainId": hex(l1.client.chain_id),
        "head": hex(head.number) if head is not None else None,
        "headHash": "0x" + head.hash.hex() if head is not None else None,
        "headTimestamp": hex(head.timestamp) if head is not None else None,
        "finalized": hex(l1.follower.finalized_number),
        "origin": hex(origin),
        "problem": l1.follower.problem or None,
        "endpoints": [_endpoint_facts(report) for report in l1.client.report()],
    }


def _endpoint_facts(report: EndpointReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "state": report.state,
        "head": hex(report.head) if report.head is not None else None,
        "failures": report.failures,
        "limits": report.limits,
        "disagreements": report.disagreements,
        "trouble": report.trouble or None,
    }


L1_GAUGES = {
    "metis_l1_head_number": "Number of the L1's head",
    "metis_l1_head_age_seconds": "Time since the timestamp of the L1's head",
    "metis_l1_finalized_number": "Number of the L1's finalized block",
    "metis_l1_origin_number": "L1 block that the head names as its origin",
    "metis_l1_endpoints": "L1 endpoints that are configured",
    "metis_l1_endpoints_in_trouble": "L1 endpoints that fail, lag, limit, disagree or are refused",
    "metis_l1_disagreements": "Times that an L1 endpoint contradicted the others",
    "metis_l1_limits": "Times that an L1 endpoint asked for patience",
}


def l1_gauges(
    parts: ChainParts, l1: L1Parts, now: Now = time.time
) -> Callable[[], dict[str, float]]:
    """The gauges of `L1_GAUGES`; those of the head once there is one."""

    def facts() -> dict[str, float]:
        origin = decode_extra_data(parts.blockchain.head.header.extra_data).origin_number
        found = {
            "metis_l1_finalized_number": float(l1.follower.finalized_number),
            "metis_l1_origin_number": float(origin),
            **_endpoint_gauges(l1.client.report()),
        }
        head = l1.follower.head
        if head is not None:
            found["metis_l1_head_number"] = float(head.number)
            found["metis_l1_head_age_seconds"] = max(0.0, now() - head.timestamp)
        return found

    return facts


def _endpoint_gauges(reports: Sequence[EndpointReport]) -> dict[str, float]:
    troubled = [report for report in reports if report.state not in ("good", "unused")]
    return {
        "metis_l1_endpoints": float(len(reports)),
        "metis_l1_endpoints_in_trouble": float(len(troubled)),
        "metis_l1_disagreements": float(sum(report.disagreements for report in reports)),
        "metis_l1_limits": float(sum(report.limits for report in reports)),
    }


def _waits(parts: ChainParts, l1: L1Parts) -> bool:
    """Whether the next block has no origin at the moment."""
    header = parts.blockchain.head.header
    origin = decode_extra_data(header.extra_data).origin_number
    return l1.origins.origin_for(origin, int(time.time())) is None
