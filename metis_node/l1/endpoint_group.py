"""Several endpoints as one: in turn for what any of them may answer, by vote for what must be true.

Which questions go which way is decided by `client.py`. How votes are counted is in `quorum.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from metis_node.errors import Fatal, InvalidConfig, Temporary
from metis_node.l1 import answers, quorum
from metis_node.l1.answers import Malformed
from metis_node.l1.endpoint import CallRefused, Endpoint, EndpointFailed, RateLimited
from metis_node.l1.quorum import Verdict
from metis_node.types.blocks import BlockRef
from metis_node.types.primitives import ZERO_HASH, Hash32

log = structlog.get_logger(__name__)

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)

GRACE_S = 2.0  # for the others, once enough agree; who is later counts as failed
MAX_REASONS = 4  # of a failure that are told


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointReport:
    """What an operator is told of one endpoint. `name` has no credentials."""

    name: str
    state: str  # good, unused, failing, limited, lagging, disagreeing, refused
    head: int | None
    failures: int
    limits: int
    disagreements: int
    trouble: str


class EndpointGroup:
    """`known` is an L1 block that a right endpoint must have, where one is known. `votes` is how
    many must agree; 0: half of all, rounded up."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int,
        timeout_s: float,
        votes: int = 0,
        known: BlockRef | None = None,
    ) -> None:
        if not urls:
            raise InvalidConfig("no L1 endpoint is configured: set l1.endpoints")
        if votes > len(urls):
            raise InvalidConfig(
                f"l1.quorum is {votes}, but l1.endpoints has {len(urls)}: lower it or add endpoints"
            )
        self.endpoints = [Endpoint(url, timeout_s=timeout_s) for url in urls]
        self.quorum = votes or quorum.default_quorum(len(urls))
        self._chain_id = chain_id
        self._known = known
        self._genesis: Hash32 | None = None  # of block 0, where endpoints are compared by it
        self._last = self.endpoints[0]

    async def aclose(self) -> None:
        for endpoint in self.endpoints:
            await endpoint.aclose()

    def report(self) -> list[EndpointReport]:
        now = _now()
        return [
            EndpointReport(
                name=endpoint.name,
                state=endpoint.health.state(now),
                head=endpoint.health.head,
                failures=endpoint.health.failures,
                limits=endpoint.health.limits,
                disagreements=endpoint.health.disagreements,
                trouble=endpoint.health.refused or endpoint.health.trouble,
            )
            for endpoint in self.endpoints
        ]

    # --- in turn -------------------------------------------------------------------------------

    async def ask(self, method: str, params: list[Any], parse: Callable[[Any], T]) -> T:
        """Ask one after the other until an answer parses. CallRefused, Temporary, Fatal."""
        reasons: list[str] = []
        for endpoint in self._in_turn():
            try:
                answer = await self._ask_one(endpoint, method, params, parse)
            except EndpointFailed as error:
                reasons.append(error.message)
            else:
                self._use(endpoint)
                return answer
        raise self._nobody(method, reasons)

    async def _ask_one(
        self, endpoint: Endpoint, method: str, params: list[Any], parse: Callable[[Any], T]
    ) -> T:
        """CallRefused or EndpointFailed; its health is kept up to date."""
        try:
            await self._check(endpoint)
            answer = parse(await endpoint.request(method, params))
        except Malformed as error:
            reason = f"L1 endpoint {endpoint.name}: malformed answer to {method}: {error}"
            self._on_failure(endpoint, reason)
            raise EndpointFailed(reason) from error
        except RateLimited as error:
            self._on_limit(endpoint, error)
            raise
        except EndpointFailed as error:
            self._on_failure(endpoint, error.message)
            raise
        except CallRefused:
            self._on_success(endpoint)
            raise
        self._on_success(endpoint)
        return answer

    def _in_turn(self) -> list[Endpoint]:
        """By preference, those with trouble last, without those that must not be asked."""
        now = _now()
        asked = [e for e in self.endpoints if e.health.may_be_asked(now)]
        return sorted(asked, key=lambda endpoint: endpoint.health.rank(now))

    def _use(self, endpoint: Endpoint) -> None:
        if endpoint is not self._last:
            log.info("L1 endpoint in use", endpoint=endpoint.name)
            self._last = endpoint

    def _nobody(self, method: str, reasons: list[str]) -> Temporary | Fatal:
        if all(endpoint.health.refused for endpoint in self.endpoints):
            return Fatal("; ".join(endpoint.health.refused for endpoint in self.endpoints))
        if not reasons:
            now = _now()
            waits = [e.health.limited_until - now for e in self.endpoints if not e.health.refused]
            reasons = [f"all L1 endpoints ask for patience, the first for {min(waits):.1f} s more"]
            reasons += [e.health.trouble for e in self.endpoints if e.health.trouble]
        return Temporary("; ".join(reasons[:MAX_REASONS]), method=method)

    # --- by vote -------------------------------------------------------------------------------

    async def agree(
        self,
        method: str,
        params: list[Any],
        parse: Callable[[Any], H | None],
        *,
        among: Sequence[Endpoint] | None = None,
    ) -> H | None:
        """What enough endpoints answer alike. None and a refusal abstain; where all that answer
        abstain, so does this. Temporary where too few answer or they differ."""
        if len(self.endpoints) == 1:
            return await self.ask(method, params, parse)
        poll = await self._poll(method, params, parse, self._voters(among))
        votes = {endpoint: vote for endpoint, vote in poll.answers.items() if vote is not None}
        found = quorum.verdict(votes, self.quorum)
        if found.is_agreed:
            self._compare(method, params, found)
            return found.winner
        if quorum.differ(votes):
            raise self._disagreement(method, params, votes)
        if poll.refusals and len(poll.refusals) + len(poll.answers) >= self.quorum:
            raise next(iter(poll.refusals.values()))
        if len(poll.answers) >= self.quorum:
            return None
        raise self._too_few(method, len(votes), poll.failures)

    async def agree_on_tag(
        self, tag: str, parse: Callable[[Any], H], number_of: Callable[[H], int]
    ) -> H | None:
        """The newest block that enough endpoints have under a tag (latest, safe, finalized)."""
        method = "eth_getBlockByNumber"
        if len(self.endpoints) == 1:
            block = await self.ask(method, [tag, False], answers.optional(parse))
            if tag == "latest" and block is not None:
                self.endpoints[0].health.on_head(number_of(block), agreed=number_of(block))
            return block
        poll = await self._poll(method, [tag, False], answers.optional(parse), self._voters(None))
        shown = {endpoint: block for endpoint, block in poll.answers.items() if block is not None}
        height = quorum.agreed_height([number_of(block) for block in shown.values()], self.quorum)
        if height is None:
            if len(poll.answers) >= self.quorum:
                return None
            raise self._too_few(method, len(shown), poll.failures)
        if tag == "latest":
            for endpoint, block in shown.items():
                endpoint.health.on_head(number_of(block), agreed=height)
        reached = [endpoint for endpoint, block in shown.items() if number_of(block) >= height]
        there = {e: shown[e] for e in reached if number_of(shown[e]) == height}
        found = quorum.verdict(there, self.quorum)
        if found.is_agreed and len(there) == len(reached):
            self._compare(method, [hex(height), False], found)
            return found.winner
        return await self.agree(
            method, [hex(height), False], answers.optional(parse), among=reached
        )

    def _voters(self, among: Sequence[Endpoint] | None) -> list[Endpoint]:
        """All that are good; those in trouble only where there are too few without them."""
        now = _now()
        asked = [e for e in self._in_turn() if among is None or e in among]
        good = [e for e in asked if e.health.is_good(now)]
        return good if len(good) >= self.quorum else asked

    async def _poll(
        self,
        method: str,
        params: list[Any],
        parse: Callable[[Any], H | None],
        voters: Sequence[Endpoint],
    ) -> _Poll[H]:
        """Ask all at once. Once enough have answered, the others have a short while left."""
        if not voters:
            raise self._nobody(method, [])
        poll: _Poll[H] = _Poll()
        tasks = {
            asyncio.ensure_future(self._ask_one(endpoint, method, params, parse)): endpoint
            for endpoint in voters
        }
        pending = set(tasks)
        try:
            deadline: float | None = None
            while pending:
                wait_s = None if deadline is None else max(deadline - _now(), 0.0)
                done, pending = await asyncio.wait(
                    pending, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for task in done:
                    poll.take(tasks[task], task)
                if deadline is None and len(poll.answers) >= self.quorum:
                    deadline = _now() + GRACE_S
            for task in pending:
                self._on_failure(tasks[task], f"L1 endpoint {tasks[task].name} is late at {method}")
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return poll

    def _compare(self, method: str, params: list[Any], found: Verdict[Endpoint, H]) -> None:
        for endpoint in found.agreeing:
            if endpoint.health.on_compared(agrees=True):
                log.info("L1 endpoint agrees with the others again", endpoint=endpoint.name)
        for endpoint in found.dissenting:
            if endpoint.health.on_compared(agrees=False):
                log.warning(
                    "L1 endpoint disagrees with the others",
                    endpoint=endpoint.name,
                    method=method,
                    block=str(params[0])[:80],
                )

    def _disagreement(
        self, method: str, params: list[Any], votes: dict[Endpoint, H]
    ) -> EndpointsDisagree:
        for endpoint in votes:
            endpoint.health.on_compared(agrees=False)
        names = ", ".join(endpoint.name for endpoint in votes)
        return EndpointsDisagree(
            f"the L1 endpoints {names} answer {method} {str(params[0])[:80]} differently, and none "
            f"of the answers has {self.quorum} votes and more than the others: compare their "
            "heads, remove the wrong one from l1.endpoints, or add a third",
            method=method,
        )

    def _too_few(self, method: str, count: int, failures: list[str]) -> Temporary | Fatal:
        if all(endpoint.health.refused for endpoint in self.endpoints):
            return self._nobody(method, [])
        reasons = "; ".join(failures[:MAX_REASONS]) or "the others have nothing there yet"
        return Temporary(
            f"{count} L1 endpoints answer {method}, l1.quorum asks for {self.quorum}: {reasons}",
            method=method,
        )

    # --- which chain ---------------------------------------------------------------------------

    async def _check(self, endpoint: Endpoint) -> None:
        """Refuse an endpoint of another chain, for good: nothing that it says can be used."""
        if endpoint.health.is_checked:
            return
        if endpoint.health.refused:
            raise EndpointFailed(endpoint.health.refused)
        reason = await self._wrong_chain(endpoint) or await self._wrong_block(endpoint)
        if not reason:
            endpoint.health.is_checked = True
            return
        endpoint.health.refused = reason
        log.error("L1 endpoint refused", endpoint=endpoint.name, reason=reason)
        if all(other.health.refused for other in self.endpoints):
            raise Fatal("; ".join(other.health.refused for other in self.endpoints))
        raise EndpointFailed(reason)

    async def _wrong_chain(self, endpoint: Endpoint) -> str:
        found = answers.quantity(await endpoint.request("eth_chainId", []))
        if found == self._chain_id:
            return ""
        return (
            f"L1 endpoint {endpoint.name} is on chain {found}, the genesis file names L1 chain "
            f"{self._chain_id}: correct l1.endpoints"
        )

    async def _wrong_block(self, endpoint: Endpoint) -> str:
        """Chains with one id may have two beginnings: testnets begun anew, local networks."""
        known = self._known
        if known is not None and known.hash != ZERO_HASH:
            found = await self._hash_at(endpoint, known.number)
            if found == known.hash:
                return ""
            return (
                f"L1 endpoint {endpoint.name} has 0x{found.hex()} as block {known.number}, the "
                f"genesis file names 0x{known.hash.hex()}: it is of another network with the same "
                "chain id; correct l1.endpoints"
            )
        if len(self.endpoints) == 1:
            return ""
        found = await self._hash_at(endpoint, 0)
        if self._genesis is None:
            self._genesis = await self._first_genesis(endpoint, found)
        if found == self._genesis:
            return ""
        return (
            f"L1 endpoint {endpoint.name} begins with block 0x{found.hex()}, the others with "
            f"0x{self._genesis.hex()}: it is of another network with the same chain id; correct "
            "l1.endpoints"
        )

    async def _first_genesis(self, endpoint: Endpoint, found: Hash32) -> Hash32:
        """Block 0 of most endpoints that answer. Fatal where they are split."""
        others = [e for e in self.endpoints if e is not endpoint and e.health.is_good(_now())]
        asked = await asyncio.gather(
            *(self._hash_at(other, 0) for other in others), return_exceptions=True
        )
        votes = {endpoint: found}
        votes |= {o: h for o, h in zip(others, asked, strict=True) if isinstance(h, bytes)}
        result = quorum.verdict(votes, 1)
        if result.winner is None:
            shown = ", ".join(f"{e.name}: 0x{value.hex()}" for e, value in votes.items())
            raise Fatal(
                f"the L1 endpoints begin with different blocks ({shown}): they are of different "
                "networks with the same chain id; correct l1.endpoints"
            )
        return result.winner

    async def _hash_at(self, endpoint: Endpoint, number: int) -> Hash32:
        value = await endpoint.request("eth_getBlockByNumber", [hex(number), False])
        if value is None:
            raise EndpointFailed(
                f"L1 endpoint {endpoint.name} does not have block {number} yet: it is not in sync"
            )
        return answers.block_hash(value)

    # --- health --------------------------------------------------------------------------------

    def _on_success(self, endpoint: Endpoint) -> None:
        failures = endpoint.health.failures
        if failures:
            log.info("L1 endpoint answers again", endpoint=endpoint.name, after=failures)
        endpoint.health.on_success()

    def _on_failure(self, endpoint: Endpoint, reason: str) -> None:
        endpoint.health.on_failure(reason, now=_now(), chance=random.uniform(-1, 1))
        if endpoint.health.failures == 1:
            log.warning("L1 endpoint failed", endpoint=endpoint.name, reason=reason)

    def _on_limit(self, endpoint: Endpoint, error: RateLimited) -> None:
        health = endpoint.health
        chance = random.uniform(0, 1)  # never earlier than it asks for
        health.on_limit(error.message, error.retry_after_s, now=_now(), chance=chance)
        wait_s = round(health.limited_until - _now(), 1)
        log.warning("L1 endpoint limits requests", endpoint=endpoint.name, wait_s=wait_s)


class EndpointsDisagree(Temporary):
    """Endpoints that contradict each other without a majority."""


class _Poll(Generic[H]):
    """Answers so far; None is one."""

    def __init__(self) -> None:
        self.answers: dict[Endpoint, H | None] = {}
        self.refusals: dict[Endpoint, CallRefused] = {}
        self.failures: list[str] = []

    def take(self, endpoint: Endpoint, task: asyncio.Future[H | None]) -> None:
        """Fatal goes on to the caller."""
        try:
            self.answers[endpoint] = task.result()
        except CallRefused as error:
            self.refusals[endpoint] = error
        except EndpointFailed as error:
            self.failures.append(error.message)


def _now() -> float:
    return asyncio.get_running_loop().time()
