"""Checks of the L1 endpoints: do they answer, are they of the right chain, how old is their head;
and of this machine's clock, against theirs."""

from __future__ import annotations

import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import orjson

from metis_node.node.checkup.finding import Finding, fail, ok, skip, warn
from metis_node.node.config.values import masked_url

TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 1 << 20
LAG_BLOCKS = 3  # behind the best endpoint
SLOW_S = 2.0
CLOCK_WARN_S = 2.0  # the Date header has whole seconds
CLOCK_FAIL_S = 5.0
CALLS: tuple[tuple[str, list[Any]], ...] = (
    ("eth_chainId", []),
    ("eth_getBlockByNumber", ["latest", False]),
    ("web3_clientVersion", []),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one endpoint said. `problem` is empty where it answered."""

    url: str
    problem: str = ""
    chain_id: int = 0
    head: int = 0
    head_time: int = 0
    client: str = ""
    took_s: float = 0.0
    clock_offset_s: float | None = None  # its clock minus ours

    @property
    def name(self) -> str:
        return masked_url(self.url)


def look_at_all(urls: Sequence[str]) -> list[Seen]:
    """All at once: a dead one must not delay the others."""
    if not urls:
        return []
    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        return list(pool.map(_look, urls))


def endpoint_findings(
    seen: Sequence[Seen], chain_id: int | None, *, stale_after_s: int
) -> Iterator[Finding]:
    """One for each endpoint. `chain_id`: None where nothing says which L1 it must be."""
    if not seen:
        yield fail("l1 endpoint", "none is configured", "set l1.endpoints")
    best = max((entry.head for entry in seen), default=0)
    for entry in seen:
        yield _endpoint(entry, chain_id, best, stale_after_s)
    answering = [entry for entry in seen if not entry.problem]
    if len(seen) == 1 and answering:
        yield warn("l1 endpoints", "there is only one", "add a second one to l1.endpoints")


def clock_finding(seen: Sequence[Seen]) -> Finding:
    """This machine's clock against those of the endpoints, and against the newest L1 block."""
    ahead = max((entry.head_time - time.time() for entry in seen if not entry.problem), default=0.0)
    offsets = [entry.clock_offset_s for entry in seen if entry.clock_offset_s is not None]
    remedy = "let the system's clock follow a time server (chrony, systemd-timesyncd)"
    if not offsets:
        if ahead > CLOCK_FAIL_S:
            return fail("clock", f"the L1's head is {ahead:.0f} s in its future", remedy)
        return skip("clock", "no endpoint tells its time")
    offset = statistics.median(offsets)
    words = f"{abs(offset):.1f} s {'behind' if offset > 0 else 'ahead of'} the L1 endpoints"
    if abs(offset) > CLOCK_FAIL_S:
        return fail("clock", words, remedy)
    if abs(offset) > CLOCK_WARN_S:
        return warn("clock", words, remedy)
    return ok("clock", f"within {CLOCK_WARN_S:g} s of {len(offsets)} L1 endpoints")


def _endpoint(seen: Seen, chain_id: int | None, best: int, stale_after_s: int) -> Finding:
    check = f"l1 {seen.name}"
    if seen.problem:
        return fail(check, seen.problem, "is it running? correct l1.endpoints, or take it out")
    if chain_id is not None and seen.chain_id != chain_id:
        return fail(
            check,
            f"chain {seen.chain_id}, this network is on L1 chain {chain_id}",
            "correct l1.endpoints",
        )
    age = time.time() - seen.head_time
    words = f"chain {seen.chain_id}, block {seen.head}, {max(age, 0):.0f} s old, {seen.client}"
    if age > stale_after_s:
        return fail(check, words, "its head is too old (l1.stale_after_s): is it syncing?")
    if best - seen.head > LAG_BLOCKS:
        return warn(check, words, f"{best - seen.head} blocks behind the best: is it syncing?")
    if seen.took_s > SLOW_S:
        return warn(check, f"{words}, took {seen.took_s:.1f} s", "use a nearer or faster one")
    return ok(check, words)


def _look(url: str) -> Seen:
    started = time.time()
    try:
        answers, date = _asked(url)
    except (OSError, ValueError, HTTPException) as error:
        return Seen(url=url, problem=f"no answer ({getattr(error, 'reason', error)})")
    took = time.time() - started
    try:
        results = {entry["id"]: entry["result"] for entry in answers}
        chain_id, head, client = (results[index] for index in range(len(CALLS)))
        return Seen(
            url=url,
            chain_id=int(chain_id, 16),
            head=int(head["number"], 16),
            head_time=int(head["timestamp"], 16),
            client=str(client)[:60],
            took_s=took,
            clock_offset_s=_offset(date, started + took / 2),
        )
    except (KeyError, TypeError, ValueError, LookupError):
        return Seen(url=url, problem="it does not answer like an Ethereum node")


def _asked(url: str) -> tuple[Any, str | None]:
    body = orjson.dumps(
        [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
            for index, (method, params) in enumerate(CALLS)
        ]
    )
    request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        return orjson.loads(response.read(MAX_ANSWER_BYTES)), response.headers.get("date")


def _offset(date: str | None, local: float) -> float | None:
    """Its clock minus ours; half a second for the part that the header cuts off."""
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - local
    except ValueError:
        return None
