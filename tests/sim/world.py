"""One run: a heap of events, one source of chance, and what happened, line by line."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from random import Random

from metis_node._native import recover_signers, sign_digest
from metis_node.codec.consensus import (
    decode_message,
    digest_of,
    signed_digests,
    with_senders,
)
from metis_node.consensus.certificates import check_certificate
from metis_node.consensus.machine import ConsensusMachine
from metis_node.consensus.members import Members
from metis_node.errors import Invalid
from metis_node.types.consensus import Certificate, Member, Message, Signed
from metis_node.types.primitives import Address
from metis_node.types.rules import Timeouts
from metis_node.types.signing import SigningDomain
from tests.sim.adversary import Forger
from tests.sim.blocks import SimBlock
from tests.sim.checkers import Checkers, Violation
from tests.sim.network import Envelope, Network
from tests.sim.node import Node, Process
from tests.sim.scenario import EPOCH_LENGTH, Scenario

HEALING_MS = 600_000  # simulated, in which the heights after the faults must be decided
ROUNDS_AFTER = 12  # most that the first of them may take
DOMAIN = SigningDomain(chain_id=59_902, locking_pool=Address(b"\x11" * 20))


@dataclass(frozen=True, slots=True)
class Key:
    secret: bytes
    address: Address


KEYS: list[Key] = []
for _place in range(16):
    _secret = sha256(b"simulated validator %d" % _place).digest()
    [_address] = recover_signers([(bytes(32), sign_digest(_secret, bytes(32)))])
    assert _address is not None
    KEYS.append(Key(_secret, Address(_address)))


class Codec:
    """The real codec; what one node recovered, the next need not."""

    def __init__(self) -> None:
        self._read: dict[bytes, Message | None] = {}

    def read(self, payload: bytes) -> Message | None:
        """None: no message, or one that nobody signed."""
        if payload not in self._read:
            self._read[payload] = self._recovered(payload)
        return self._read[payload]

    def _recovered(self, payload: bytes) -> Message | None:
        try:
            message = decode_message(payload)
            return with_senders(message, recover_signers(signed_digests(DOMAIN, message)))
        except Invalid:
            return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    seed: int
    violation: Violation | None
    heights: int
    reselections: int  # blocks whose builder was not the one before, within an epoch
    rounds_after: int | None  # that the first height after the faults took
    milliseconds: int  # simulated
    counts: Counter[str]
    trace: list[str]


class World:
    """See the module."""

    domain = DOMAIN

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        *,
        machine_class: type[ConsensusMachine] = ConsensusMachine,
        process_class: type[Process] = Process,
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.random = Random(seed)
        self.machine_class = machine_class
        self.process_class = process_class
        self.timeouts = Timeouts()
        self.counts: Counter[str] = Counter()
        self.trace: list[str] = []
        self.keys = KEYS[: scenario.size]
        self.codec = Codec()
        self.now = 0
        self.healed = False
        self._halted = False
        self._heap: list[tuple[int, int, Callable[[], None], Process | None]] = []
        self._ticket = count()
        self._turns: dict[int, tuple[Member, ...]] = {}
        self._names = {key.address: str(place) for place, key in enumerate(self.keys)}
        self.network = Network(scenario, self.random, self.counts)
        self.checkers = Checkers(self)
        self.nodes: dict[str, Node] = {}
        for place in range(scenario.size):
            if place not in scenario.forgers | scenario.silent:
                for name in (
                    (f"{place}a", f"{place}b") if place in scenario.twins else (f"{place}",)
                ):
                    self.nodes[name] = Node(self, name, place)
        self._forgers = [Forger(self, place) for place in sorted(scenario.forgers)]

    @property
    def honest(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.is_honest]

    # --- the run -------------------------------------------------------------------------------

    def run(self) -> Outcome:
        violation: Violation | None = None
        rounds_after: int | None = None
        try:
            self._begin()
            rounds_after = self._recover()
            self.checkers.at_the_end()
        except Violation as found:
            violation = found
            self.say("*", f"VIOLATION of {found.invariant}: {found}")
        except Exception as error:  # a machine that raises is a finding like any other
            violation = Violation("no failure", f"{type(error).__name__}: {error}")
            violation.__cause__ = error
            self.say("*", f"FAILURE: {violation}")
        finally:
            for node in self.nodes.values():
                node.close()
        return Outcome(
            seed=self.seed,
            violation=violation,
            heights=max((node.head.number for node in self.honest), default=0),
            reselections=self.checkers.reselections,
            rounds_after=rounds_after,
            milliseconds=self.now,
            counts=self.counts,
            trace=self.trace,
        )

    def _begin(self) -> None:
        for node in self.nodes.values():
            node.start()
        self.later(1_000, self._each_second)
        if self.scenario.halt_ms:
            self._run_until(self.scenario.trouble_ms // 2)
            self._halt()
        self._run_until(self.now + self.scenario.trouble_ms)

    def _halt(self) -> None:
        """All machines stop and go on together."""
        self.counts["halts"] += 1
        self.say("*", f"everything stands still for {self.scenario.halt_ms} ms")
        self._halted = True
        for node in self.nodes.values():
            node.frozen_until = self.now + self.scenario.halt_ms
        self._run_until(self.now + self.scenario.halt_ms)
        self._halted = False

    def _recover(self) -> int | None:
        """Everything heals; the heights that follow must be decided. How many rounds the first of
        them took."""
        self.say("*", "everything heals")
        self.healed = self.network.healed = True
        for node in self.nodes.values():
            if node.process is None:
                node.start()
            node.frozen_until = min(node.frozen_until, self.now)
        wanted = max(node.head.number for node in self.honest) + self.scenario.heights_after
        first = max(node.head.number for node in self.honest) + 1
        round_before = max(
            (
                node.process.round
                for node in self.honest
                if node.process is not None and node.head.number + 1 == first
            ),
            default=0,
        )
        limit = self.now + HEALING_MS
        while min(node.head.number for node in self.honest) < wanted:
            if not self._step(limit):
                heads = {node.name: node.head.number for node in self.honest}
                raise Violation("liveness", f"{HEALING_MS} ms after all healed, heads are {heads}")
        decided = self.checkers.decided_in.get(first)
        if decided is None:
            return None
        rounds = max(0, decided - max(0, round_before)) + 1
        if rounds > ROUNDS_AFTER:
            raise Violation("liveness", f"height {first} took {rounds} rounds after all healed")
        return rounds

    def _run_until(self, until: int) -> None:
        while self._step(until):
            pass
        self.now = until

    def _step(self, until: int) -> bool:
        """The next event, unless it is later than `until`."""
        if not self._heap or self._heap[0][0] > until:
            return False
        at, ticket, action, process = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        if process is None:
            action()
        elif not process.ended:
            thaw = process.node.frozen_until
            if thaw > self.now:
                heapq.heappush(self._heap, (thaw, ticket, action, process))
            else:
                process.attempt(action)
        return True

    def later(
        self, delay: int, action: Callable[[], None], *, process: Process | None = None
    ) -> None:
        """In `delay` milliseconds, unless `process` ends before."""
        heapq.heappush(self._heap, (self.now + delay, next(self._ticket), action, process))

    def _each_second(self) -> None:
        self.later(1_000, self._each_second)
        if self.healed or self._halted:
            return
        self.network.each_second(list(self.nodes), self.now)
        for forger in self._forgers:
            forger.each_second()
        for node in self.nodes.values():
            self._trouble(node)

    def _trouble(self, node: Node) -> None:
        scenario, random = self.scenario, self.random
        if node.process is None or node.frozen_until > self.now:
            return
        if random.random() < scenario.kill:
            node.crash("by a kill")
        elif random.random() < scenario.freeze:
            self.counts["freezes"] += 1
            self.say(node.name, "freezes")
            node.frozen_until = self.now + random.randrange(500, 8_000)
        elif random.random() < scenario.yields:
            process = node.process
            process.attempt(process.yield_turn)
        elif random.random() < 0.1:
            self.checkers.replayed(node)

    def strikes(self, chance: float) -> bool:
        """Whether a fault of this probability comes about now."""
        return not self.healed and chance > 0 and self.random.random() < chance

    def crash_chance(self) -> float:
        return 0.0 if self.healed else self.scenario.crash

    # --- what nodes share ----------------------------------------------------------------------

    def transmit(self, source: str, target: str, envelope: Envelope) -> None:
        self.counts["messages"] += 1
        for delay in self.network.arrivals(source, target, envelope, self.now):
            self.later(delay, lambda: self._deliver(source, target, envelope))

    def _deliver(self, source: str, target: str, envelope: Envelope) -> None:
        node = self.nodes.get(target)
        if node is None or node.process is None:
            return
        process = node.process
        if node.frozen_until > self.now:
            delay = node.frozen_until - self.now
            self.later(delay, lambda: process.receive(source, envelope), process=process)
        else:
            process.attempt(lambda: process.receive(source, envelope))

    def turns(self, height: int, parent: SimBlock) -> tuple[tuple[Member, ...], int]:
        """The order of the height's epoch, and whose turn its round 0 is: the sticky proposer."""
        epoch = height // EPOCH_LENGTH
        if epoch not in self._turns:
            members = [
                Member(signer=key.address, power=power)
                for key, power in zip(self.keys, self.scenario.powers, strict=True)
            ]
            Random(f"{self.seed}/{epoch}").shuffle(members)
            self._turns[epoch] = tuple(members)
        order = self._turns[epoch]
        if height % EPOCH_LENGTH == 0:
            return order, 0
        places = [place for place, one in enumerate(order) if one.signer == parent.builder]
        return order, places[0] if places else 0

    def check_certificate(
        self, certificate: Certificate, order: tuple[Member, ...], base: int
    ) -> None:
        """As the node does it."""
        check_certificate(certificate, Members(order, base))

    def sign(self, place: int, message: Signed) -> bytes:
        return sign_digest(self.keys[place].secret, digest_of(DOMAIN, message))

    def name_of(self, address: Address) -> str:
        return self._names.get(address, "a stranger")

    def say(self, who: str, words: str) -> None:
        self.trace.append(f"{self.now / 1000:10.3f}  {who:>3}  {words}")
