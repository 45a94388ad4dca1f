"""The batch machine: single decisions, and long random histories with a world around it."""

from __future__ import annotations

import random

import pytest

from metis_node.batching.channel import CHANNEL_TIMEOUT_BLOCKS
from metis_node.batching.effects import (
    DiscardChannel,
    Effect,
    EncodeChannel,
    SetPressure,
    Submit,
)
from metis_node.batching.inputs import (
    BlockDecided,
    ChannelEncoded,
    FlushRequested,
    Input,
    L1HeadSeen,
    SafeHeadSeen,
    Started,
    SubmissionConfirmed,
    SubmissionFailed,
    Ticked,
)
from metis_node.batching.machine import (
    MAX_CHANNELS_IN_FLIGHT,
    PATIENCE_L1_BLOCKS,
    BatchMachine,
    BatchPolicy,
)
from metis_node.batching.span_batch import MAX_BLOCKS

POLICY = BatchPolicy(
    target_bytes=70_000, max_age_ms=30_000, backlog_low_bytes=10**6, backlog_high_bytes=2 * 10**6
)


def machine_at(safe: int = 0, decided: int | None = None) -> BatchMachine:
    machine = BatchMachine(POLICY)
    machine.feed(
        Started(safe=safe, decided=safe if decided is None else decided, l1_head=100, now_ms=0)
    )
    return machine


def decide(machine: BatchMachine, count: int, size: int = 100, now_ms: int = 0) -> list[Effect]:
    effects: list[Effect] = []
    for _ in range(count):
        fact = BlockDecided(number=machine.decided + 1, size=size, now_ms=now_ms)
        effects += machine.feed(fact)
    return effects


def encoded(name: bytes, first: int, last: int, *, size: int = 100, parts: int = 1) -> Input:
    blocks = last - first + 1
    return ChannelEncoded(
        channel_id=name,
        first=first,
        last=last,
        raw_size=size * blocks,
        data_size=size * blocks // 2,
        submissions=parts,
    )


def flushed(machine: BatchMachine, name: bytes, *, parts: int = 1) -> list[Effect]:
    """Close what is open and have it encoded."""
    (order,) = machine.feed(FlushRequested())
    assert isinstance(order, EncodeChannel)
    return machine.feed(encoded(name, order.first, order.last, parts=parts))


def test_a_channel_closes_by_age() -> None:
    machine = machine_at()
    assert decide(machine, 3, now_ms=5_000) == []
    assert machine.feed(Ticked(now_ms=34_999)) == []
    (order,) = machine.feed(Ticked(now_ms=35_000))
    assert (order.first, order.last) == (1, 3)  # type: ignore[union-attr]


def test_a_channel_closes_by_target_size() -> None:
    machine = machine_at()
    assert decide(machine, 9, size=10_000) == []
    (order,) = decide(machine, 1, size=10_000)
    assert order == EncodeChannel(first=1, last=10, max_raw_bytes=100_000)


def test_a_channel_closes_by_number_of_blocks() -> None:
    machine = BatchMachine(BatchPolicy(target_bytes=1 << 20, max_age_ms=10**9))
    (order,) = decide(machine, MAX_BLOCKS, size=0)
    assert isinstance(order, EncodeChannel)
    assert (order.first, order.last) == (1, MAX_BLOCKS)


def test_nothing_is_encoded_where_there_is_nothing() -> None:
    machine = machine_at(safe=5)
    assert machine.feed(Ticked(now_ms=10**9)) == []
    assert machine.feed(FlushRequested()) == []


def test_a_backlog_found_at_the_start_goes_out_at_once() -> None:
    machine = BatchMachine(POLICY)
    effects = machine.feed(Started(safe=7, decided=40, l1_head=100, now_ms=0))
    assert effects == [EncodeChannel(first=8, last=40, max_raw_bytes=100_000)]
    assert machine.feed(encoded(b"a", 8, 20)) == [
        Submit(channel_id=b"a", index=0),
        EncodeChannel(first=21, last=40, max_raw_bytes=machine_budget(machine)),
    ]


def machine_budget(machine: BatchMachine) -> int:
    return POLICY.target_bytes * 1000 // machine._ratio_permille


def test_submissions_of_a_channel_go_out_in_order() -> None:
    machine = machine_at()
    decide(machine, 4)
    assert flushed(machine, b"a", parts=3) == [Submit(channel_id=b"a", index=i) for i in range(3)]


def test_channels_in_flight_are_bounded() -> None:
    machine = machine_at()
    for index in range(MAX_CHANNELS_IN_FLIGHT):
        decide(machine, 1)
        flushed(machine, bytes([index]))
    decide(machine, 1)
    assert machine.feed(FlushRequested()) == []
    (discard, order) = machine.feed(SafeHeadSeen(number=1))
    assert isinstance(discard, DiscardChannel)
    assert isinstance(order, EncodeChannel)


def test_a_batch_seen_on_l1_is_done() -> None:
    machine = machine_at()
    decide(machine, 4)
    flushed(machine, b"a")
    machine.feed(SubmissionConfirmed(channel_id=b"a", index=0, l1_block=101))
    (discard,) = machine.feed(SafeHeadSeen(number=4))
    assert isinstance(discard, DiscardChannel)
    assert machine.in_flight == 0
    assert machine.backlog_bytes == 0


def test_a_safe_head_ahead_of_us_is_taken_over() -> None:
    machine = machine_at()
    decide(machine, 10)
    assert machine.feed(SafeHeadSeen(number=7)) == [
        EncodeChannel(first=8, last=10, max_raw_bytes=100_000)
    ]


def test_an_encoding_that_was_overtaken_is_thrown_away() -> None:
    machine = machine_at()
    decide(machine, 10)
    machine.feed(FlushRequested())
    machine.feed(SafeHeadSeen(number=10))
    assert machine.feed(encoded(b"a", 1, 10)) == [
        DiscardChannel(channel_id=b"a", reason="out of date")
    ]


def rewinds(effects: list[Effect]) -> bool:
    return any(isinstance(e, DiscardChannel) for e in effects) and any(
        isinstance(e, EncodeChannel) and e.first == 1 for e in effects
    )


def test_a_failed_submission_begins_again_after_the_safe_head() -> None:
    machine = machine_at()
    decide(machine, 4)
    flushed(machine, b"a", parts=2)
    assert rewinds(machine.feed(SubmissionFailed(channel_id=b"a", index=1)))


def test_a_landed_batch_that_l1_does_not_count_is_sent_again() -> None:
    machine = machine_at()
    decide(machine, 4)
    flushed(machine, b"a")
    machine.feed(SubmissionConfirmed(channel_id=b"a", index=0, l1_block=103))
    late = 103 + PATIENCE_L1_BLOCKS
    assert machine.feed(L1HeadSeen(number=late - 1, now_ms=1)) == []
    assert rewinds(machine.feed(L1HeadSeen(number=late, now_ms=1)))


def test_a_channel_that_lands_only_in_part_is_given_up_before_readers_do() -> None:
    machine = machine_at()
    decide(machine, 4)
    flushed(machine, b"a", parts=2)
    machine.feed(SubmissionConfirmed(channel_id=b"a", index=0, l1_block=103))
    assert machine.feed(L1HeadSeen(number=300, now_ms=1)) == []
    assert rewinds(machine.feed(L1HeadSeen(number=99 + CHANNEL_TIMEOUT_BLOCKS, now_ms=1)))


def test_an_l1_reorganisation_that_takes_a_batch_away_is_mended() -> None:
    machine = machine_at()
    decide(machine, 4)
    flushed(machine, b"a")
    machine.feed(SubmissionConfirmed(channel_id=b"a", index=0, l1_block=103))
    machine.feed(SafeHeadSeen(number=4))
    decide(machine, 4)
    flushed(machine, b"b")
    machine.feed(SafeHeadSeen(number=0))
    assert machine.feed(L1HeadSeen(number=110, now_ms=1)) == []
    assert rewinds(machine.feed(L1HeadSeen(number=110 + PATIENCE_L1_BLOCKS, now_ms=1)))


def test_a_reorganisation_that_mends_itself_changes_nothing() -> None:
    machine = machine_at()
    decide(machine, 4)
    flushed(machine, b"a")
    machine.feed(SafeHeadSeen(number=4))
    machine.feed(SafeHeadSeen(number=0))
    assert machine.feed(L1HeadSeen(number=110, now_ms=1)) == []
    machine.feed(SafeHeadSeen(number=4))
    assert machine.feed(L1HeadSeen(number=111, now_ms=1)) == []
    assert machine.feed(L1HeadSeen(number=200, now_ms=1)) == []


@pytest.mark.parametrize(("backlog", "percent"), [(10**6, 0), (1_100_000, 10), (1_999_999, 90)])
def test_a_backlog_pushes_back_in_steps(backlog: int, percent: int) -> None:
    machine = machine_at()
    machine.feed(BlockDecided(number=1, size=backlog - 8, now_ms=0))
    assert machine._pressure == percent


def test_pressure_ends_when_the_backlog_is_on_l1() -> None:
    machine = machine_at()
    effects = machine.feed(BlockDecided(number=1, size=3 * 10**6, now_ms=0))
    assert effects[-1] == SetPressure(percent=100)
    machine.feed(encoded(b"a", 1, 1, size=3 * 10**6))
    assert machine.feed(SafeHeadSeen(number=1))[-1] == SetPressure(percent=0)


class World:
    """An L1 with its faults, and the host that the machine believes in."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.l1: list[tuple[bytes, int]] = []  # (channel, index) as mined, an L1 block each
        self.channels: dict[bytes, tuple[int, int, int]] = {}  # first, last, parts
        self.queue: list[tuple[bytes, int]] = []
        self.orders: list[EncodeChannel] = []
        self.decided = 0
        self.now_ms = 0
        self.made = 0
        self.machine = BatchMachine(POLICY)
        self.start()

    def start(self) -> None:
        """Start, or start again after a crash: what was queued may or may not have reached L1."""
        self.orders.clear()
        if self.random.random() < 0.5:
            self.queue.clear()
        self.machine = BatchMachine(POLICY)
        self.tell(
            Started(
                safe=self.safe(), decided=self.decided, l1_head=len(self.l1), now_ms=self.now_ms
            )
        )

    def safe(self) -> int:
        """Derivation: whole channels in L1 order; gaps and known ones are skipped."""
        head = 0
        seen: dict[bytes, set[int]] = {}
        for name, index in self.l1:
            if not name:
                continue
            first, last, parts = self.channels[name]
            seen.setdefault(name, set()).add(index)
            if len(seen[name]) == parts and first <= head + 1 <= last:
                head = last
        return head

    def tell(self, fact: Input) -> None:
        for effect in self.machine.feed(fact):
            match effect:
                case EncodeChannel():
                    self.orders.append(effect)
                case Submit():
                    self.queue.append((effect.channel_id, effect.index))
                case DiscardChannel():
                    self.queue = [entry for entry in self.queue if entry[0] != effect.channel_id]
                case SetPressure():
                    pass

    def step(self, *, faults: bool) -> None:
        self.now_ms += 1_000
        action = self.random.choice(("decide", "decide", "encode", "mine", "mine", "tick"))
        if faults and self.random.random() < 0.1:
            action = self.random.choice(("crash", "reorg", "fail", "drop"))
        getattr(self, action)()

    def decide(self) -> None:
        self.decided += 1
        self.tell(BlockDecided(number=self.decided, size=5_000, now_ms=self.now_ms))

    def encode(self) -> None:
        if not self.orders:
            return
        order = self.orders.pop()
        last = self.random.randint(order.first, order.last)
        self.made += 1
        name = b"channel %d" % self.made
        parts = self.random.randint(1, 3)
        self.channels[name] = (order.first, last, parts)
        self.tell(encoded(name, order.first, last, size=5_000, parts=parts))

    def mine(self) -> None:
        entry = self.queue.pop(0) if self.queue else (b"", 0)
        self.l1.append(entry)
        if entry[0]:
            name, index = entry
            self.tell(SubmissionConfirmed(channel_id=name, index=index, l1_block=len(self.l1)))
        self.tell(SafeHeadSeen(number=self.safe()))
        self.tell(L1HeadSeen(number=len(self.l1), now_ms=self.now_ms))

    def tick(self) -> None:
        self.tell(Ticked(now_ms=self.now_ms))

    def crash(self) -> None:
        self.start()

    def reorg(self) -> None:
        depth = self.random.randint(0, min(5, len(self.l1)))
        del self.l1[len(self.l1) - depth :]
        self.l1 += [(b"", 0)] * depth
        self.tell(SafeHeadSeen(number=self.safe()))

    def fail(self) -> None:
        if self.queue:
            name, index = self.queue.pop()
            self.tell(SubmissionFailed(channel_id=name, index=index))

    def drop(self) -> None:
        """Lost without a word, as a sender that was killed would."""
        if self.queue:
            self.queue.pop()


@pytest.mark.parametrize("seed", range(60))
def test_every_block_reaches_l1_whatever_happens(seed: int) -> None:
    world = World(seed)
    for _ in range(600):
        world.step(faults=True)
        assert world.machine.in_flight <= MAX_CHANNELS_IN_FLIGHT
    for _ in range(CHANNEL_TIMEOUT_BLOCKS + 100):
        world.now_ms += POLICY.max_age_ms
        world.tick()
        world.encode()
        world.mine()
    assert world.safe() == world.decided
    assert world.machine.backlog_bytes == 0
