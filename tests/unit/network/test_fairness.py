"""Queues, rates, scores and duplicates: what keeps messages and peers out of each other's way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metis_node.network.lanes import SHARE_OF_THE_LAST, Lanes
from metis_node.network.limits import BAN_POINTS, BAN_S, MAX_BANS, TOPIC_LIMITS, Rate
from metis_node.network.scores import POINTS, Misdeed, Scores
from metis_node.network.seen_payloads import SeenPayloads
from metis_node.network.token_bucket import Buckets, TokenBucket
from metis_node.types.network import Offence, PeerId, Topic

PEER = PeerId("peer")


def test_votes_overtake_and_transactions_still_move() -> None:
    dropped: list[Topic] = []
    lanes: Lanes[Topic] = Lanes(dropped.append)
    for topic in reversed(Topic):
        for _ in range(40):
            lanes.put(topic, topic, 100)
    taken = [lanes.take() for _ in range(2 * SHARE_OF_THE_LAST)]
    assert taken.count(Topic.VOTES) == 2 * SHARE_OF_THE_LAST - 2
    assert taken.count(Topic.TRANSACTIONS) == 2
    rest = []
    while (item := lanes.take()) is not None:
        rest.append(item)
    assert len(taken) + len(rest) == 40 * len(Topic)
    assert not dropped
    assert len(lanes) == 0


def test_a_full_lane_drops_its_own_oldest() -> None:
    dropped: list[Topic] = []
    lanes: Lanes[int] = Lanes(dropped.append)
    bound = TOPIC_LIMITS[Topic.BLOCKS].waiting
    lanes.put(Topic.VOTES, -1, 1)
    for number in range(bound + 3):
        lanes.put(Topic.BLOCKS, number, 1)
    assert dropped == [Topic.BLOCKS] * 3
    assert lanes.take() == -1
    assert lanes.take() == 3


def test_a_lane_is_bounded_in_bytes() -> None:
    dropped: list[Topic] = []
    lanes: Lanes[int] = Lanes(dropped.append)
    size = TOPIC_LIMITS[Topic.PROPOSALS].waiting_bytes // 2
    for number in range(3):
        lanes.put(Topic.PROPOSALS, number, size)
    assert dropped == [Topic.PROPOSALS]
    assert [lanes.take(), lanes.take(), lanes.take()] == [1, 2, None]


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_a_bucket_never_gives_more_than_burst_and_rate(pauses: list[float]) -> None:
    bucket = TokenBucket(Rate(per_second=3, burst=5), 0.0)
    now, given_out = 0.0, 0
    for pause in pauses:
        now += pause
        given_out += bucket.take(now)
    assert given_out <= 5 + 3 * now + 1e-6
    assert given_out >= min(len(pauses), 5)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(Rate(per_second=1, burst=1), 100.0)
    assert bucket.take(100.0)
    assert not bucket.take(0.0)
    assert not bucket.take(100.5)
    assert bucket.take(101.1)


def test_buckets_of_strangers_are_forgotten_first() -> None:
    buckets: Buckets[int] = Buckets(2)
    rate = Rate(per_second=0.001, burst=1)
    assert buckets.take(1, rate, 0)
    assert buckets.take(2, rate, 0)
    assert not buckets.take(1, rate, 0)
    assert buckets.take(3, rate, 0)  # pushes 2 out
    assert not buckets.take(1, rate, 0)
    assert len(buckets) == 2


def test_forgery_bans_at_once_and_the_ban_ends() -> None:
    scores = Scores()
    assert scores.blame(PEER, Offence.FORGED, 1_000.0)
    assert scores.banned(PEER, 1_000.0 + BAN_S - 1) == "forged"
    assert not scores.blame(PEER, Offence.FORGED, 1_001.0)  # it is banned already
    assert scores.banned(PEER, 1_000.0 + BAN_S + 1) == ""


def test_small_misdeeds_add_up_and_are_forgiven() -> None:
    scores = Scores()
    step = POINTS[Misdeed.TOO_FAST]
    many = int(BAN_POINTS / step)
    assert not any(scores.blame(PEER, Misdeed.TOO_FAST, 5.0) for _ in range(many - 1))
    assert scores.points(PEER, 5.0) == (many - 1) * step
    assert scores.points(PEER, 1_000.0) == 0
    assert not scores.blame(PEER, Misdeed.TOO_FAST, 1_000.0)
    assert any(scores.blame(PEER, Misdeed.TOO_FAST, 1_000.0) for _ in range(many))


def test_a_clock_set_back_does_not_make_a_ban_endless() -> None:
    scores = Scores()
    scores.ban(PEER, until=1e12, why="forged")
    assert scores.banned(PEER, 0.0) == ""


def test_bans_are_bounded() -> None:
    scores = Scores()
    for number in range(MAX_BANS + 5):
        scores.ban(PeerId(str(number)), until=10, why="flood")
    assert len(scores.bans(0)) == MAX_BANS
    assert scores.banned(PeerId("0"), 0) == ""


def test_a_payload_counts_once_while_fresh() -> None:
    seen = SeenPayloads()
    fresh = TOPIC_LIMITS[Topic.VOTES].fresh_s
    assert seen.first(Topic.VOTES, b"a", 0.0)
    assert not seen.first(Topic.VOTES, b"a", fresh / 2)
    assert seen.first(Topic.BLOCKS, b"a", 0.0)
    # Consensus repeats its votes each second while a height does not move: they must come through.
    assert fresh < 1.0
    assert seen.first(Topic.VOTES, b"a", 1.0)
