"""What /readyz says: silence when all is well, the reason in words when it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from metis_node.codec.extra_data import encode_extra_data
from metis_node.l1.endpoint_group import EndpointReport
from metis_node.node.assembly import ChainParts
from metis_node.node.batch_assembly import BatchParts
from metis_node.node.batch_report import batch_check, batch_facts, batch_gauges
from metis_node.node.config import load_config
from metis_node.node.l1_assembly import L1Parts
from metis_node.node.readiness import head_check, l1_check, l1_facts, l1_gauges
from metis_node.types.blocks import ExtraData
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Hash32

NOW_S = 1_000_000.0
CONFIG = load_config(environment={}).config


@dataclass
class Shape:
    """An object with the attributes that a check reads."""

    facts: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.facts[name]
        except KeyError:
            raise AttributeError(name) from None


def shape(**facts: Any) -> Any:
    return Shape(facts)


def l1_header(timestamp: int) -> L1Header:
    return L1Header(
        number=7,
        hash=Hash32(b"\x07" * 32),
        parent_hash=Hash32(b"\x06" * 32),
        timestamp=timestamp,
        base_fee_per_gas=1,
        excess_blob_gas=0,
        prev_randao=Hash32(bytes(32)),
    )


def client() -> Any:
    def report(name: str, state: str, *, disagreements: int = 0) -> EndpointReport:
        return EndpointReport(
            name=name,
            state=state,
            head=7,
            failures=0,
            limits=2,
            disagreements=disagreements,
            trouble="",
        )

    reports = [report("http://a", "good"), report("http://b", "disagreeing", disagreements=3)]
    return shape(chain_id=900, report=lambda: reports)


def l1(*, age_s: int | None = 0, problem: str = "", origin: object = None) -> L1Parts:
    head = None if age_s is None else l1_header(int(NOW_S) - age_s)
    follower = shape(problem=problem, head=head, finalized_number=3)
    origins = shape(origin_for=lambda *_: origin, reason="the L1 shows no block")
    return cast("L1Parts", shape(follower=follower, origins=origins, client=client()))


def parts(*, head_age_s: int) -> ChainParts:
    header = shape(
        timestamp=int(NOW_S) - head_age_s,
        extra_data=encode_extra_data(ExtraData(origin_number=5)),
    )
    head = shape(header=header, number=40)
    chain = shape(rules=shape(block_time_ms=1_000), head=head)
    return cast("ChainParts", shape(blockchain=chain))


def test_a_young_head_is_fine_and_an_old_one_is_told_with_the_cause() -> None:
    assert head_check(parts(head_age_s=9), l1(), lambda: NOW_S).problem() is None
    waiting = head_check(parts(head_age_s=60), l1(), lambda: NOW_S).problem()
    assert waiting == "the head is 60 s old: the L1 shows no block"
    other = head_check(parts(head_age_s=60), l1(origin=object()), lambda: NOW_S).problem()
    assert other is not None
    assert "the log" in other


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (l1(), None),
        (l1(age_s=None), "has not answered"),
        (l1(age_s=121), "121 s old"),
        (l1(problem="no endpoint answers"), "no endpoint answers"),
    ],
)
def test_the_l1_must_answer_and_go_on(state: L1Parts, words: str | None) -> None:
    problem = l1_check(state, CONFIG, lambda: NOW_S).problem()
    assert (problem is None) == (words is None)
    assert words is None or words in str(problem)


def test_l1_facts_and_gauges_wait_for_the_first_answer() -> None:
    chain = parts(head_age_s=0)
    assert l1_facts(chain, l1(age_s=None))["head"] is None
    assert l1_facts(chain, l1())["head"] == "0x7"
    assert l1_facts(chain, l1())["origin"] == "0x5"
    assert "metis_l1_head_number" not in l1_gauges(chain, l1(age_s=None))()
    assert l1_gauges(chain, l1(age_s=4), lambda: NOW_S)()["metis_l1_head_age_seconds"] == 4


def test_each_l1_endpoint_is_told() -> None:
    chain = parts(head_age_s=0)
    told = l1_facts(chain, l1())["endpoints"]
    assert [(entry["name"], entry["state"]) for entry in told] == [
        ("http://a", "good"),
        ("http://b", "disagreeing"),
    ]
    gauges = l1_gauges(chain, l1())()
    assert gauges["metis_l1_endpoints"] == 2
    assert gauges["metis_l1_endpoints_in_trouble"] == 1
    assert gauges["metis_l1_disagreements"] == 3
    assert gauges["metis_l1_limits"] == 4


def batches(*, problem: str = "", blocked: str = "", posts: bool = True) -> BatchParts:
    follower = shape(problem=problem, safe=30, next_l1_block=8)
    sender = shape(
        blocked_reason=blocked,
        address=b"\x01" * 20,
        balance=5,
        runway_s=None,
        spent_wei=2,
        in_flight=1,
    )
    host = shape(machine=shape(backlog_bytes=100), pressure_percent=0)
    return cast(
        "BatchParts",
        shape(follower=follower, host=host if posts else None, sender=sender if posts else None),
    )


def test_batches_must_be_readable_and_payable() -> None:
    assert batch_check(batches()).problem() is None
    assert "blob lost" in str(batch_check(batches(problem="blob lost")).problem())
    assert "balance" in str(batch_check(batches(blocked="balance too low")).problem())
    assert batch_check(batches(posts=False)).problem() is None


def test_batch_facts_tell_of_posting_on_the_sequencer_alone() -> None:
    chain = parts(head_age_s=0)
    assert batch_facts(chain, batches())["unpostedBlocks"] == "0xa"
    assert batch_facts(chain, batches())["balance"] == "0x5"
    assert "balance" not in batch_facts(chain, batches(posts=False))
    assert batch_gauges(chain, batches())()["metis_batcher_balance_wei"] == 5
    assert "metis_batcher_runway_seconds" not in batch_gauges(chain, batches())()
    assert set(batch_gauges(chain, batches(posts=False))()) == {"metis_batches_unposted_blocks"}
