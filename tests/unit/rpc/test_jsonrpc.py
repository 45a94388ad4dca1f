"""The dispatcher: JSON-RPC 2.0 as geth speaks it."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from metis_node.rpc.limits import RpcLimits, TokenBucket
from metis_node.rpc.session import Session
from tests.unit.rpc.dispatching import Bench, call


async def test_a_call_is_answered_with_its_id() -> None:
    answer = await Bench().ask(call("echo", 1, "two", ident="abc"))
    assert answer == {"jsonrpc": "2.0", "id": "abc", "result": [1, "two"]}


async def test_a_synchronous_call_is_answered_at_once() -> None:
    payload = Bench().dispatcher.handle(orjson.dumps(call("echo")), Session("test"))
    assert isinstance(payload, bytes)
    assert orjson.loads(payload)["result"] == []


@pytest.mark.parametrize("ident", [0, -1, 1.5, "x", "", None, 2**63])
async def test_ids_of_every_allowed_kind_come_back(ident: object) -> None:
    assert (await Bench().ask(call("echo", ident=ident)))["id"] == ident


async def test_an_asynchronous_call_is_answered_later() -> None:
    assert (await Bench().ask(call("later", 7)))["result"] == [7]


async def test_what_was_awaited_is_finished_into_json() -> None:
    bench = Bench()
    assert (await bench.ask(call("send", "ab")))["result"] == b"ab".hex()
    answers = await bench.ask([call("send", "ab"), call("send", "bad")])
    assert answers[0]["result"] == b"ab".hex()
    assert answers[1]["error"] == {"code": -32000, "message": "nonce too low"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"a": NaN}', -32700),
        (b"[" * 3000, -32700),
        (b'"text"', -32600),
        (b"17", -32600),
        (b"null", -32600),
        (b"{}", -32600),
        (b"[]", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"echo"}', -32600),
        (b'{"id":1,"method":"echo"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"echo"}', -32600),
        (b'{"jsonrpc":"2.0","id":[],"method":"echo"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"echo"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":["echo"]}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"echo","params":{}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"echo","params":"x"}', -32602),
    ],
)
async def test_malformed_requests_are_refused(body: bytes, code: int) -> None:
    answer = await Bench().ask(body)
    assert answer["error"]["code"] == code
    assert answer["jsonrpc"] == "2.0"
    assert "result" not in answer


async def test_an_unknown_method_is_named() -> None:
    answer = await Bench().ask(call("eth_nothing"))
    assert answer["error"] == {
        "code": -32601,
        "message": "the method eth_nothing does not exist/is not available",
    }


async def test_a_long_method_name_is_cut() -> None:
    answer = await Bench().ask(call("m" * 10_000))
    assert len(answer["error"]["message"]) < 150


async def test_of_duplicate_keys_the_last_counts() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"id":2,"method":"nothing","method":"echo"}'
    assert (await Bench().ask(body)) == {"jsonrpc": "2.0", "id": 2, "result": []}


async def test_a_refusal_keeps_code_message_and_data() -> None:
    answer = await Bench().ask(call("refuse"))
    assert answer["error"] == {
        "code": 3,
        "message": "execution reverted",
        "data": "0x08c379a0",
    }


async def test_a_passing_condition_says_so() -> None:
    assert (await Bench().ask(call("busy")))["error"]["code"] == -32005


@pytest.mark.parametrize("method", ["crash", "crash_later"])
async def test_a_crash_tells_nothing_of_the_inside(method: str) -> None:
    for body in (call(method), [call(method)]):
        answer = await Bench().ask(body)
        error = (answer[0] if isinstance(answer, list) else answer)["error"]
        assert error["code"] == -32603
        assert "secret" not in error["message"]


async def test_an_answer_that_cannot_be_encoded_is_an_internal_error() -> None:
    assert (await Bench().ask(call("unencodable")))["error"]["code"] == -32603
    assert (await Bench().ask([call("unencodable")]))[0]["error"]["code"] == -32603


@pytest.mark.parametrize("method", ["echo", "later", "crash", "refuse", "nothing"])
async def test_notifications_get_no_answer(method: str) -> None:
    notification = {"jsonrpc": "2.0", "method": method}
    bench = Bench()
    assert await bench.ask(notification) is None
    assert await bench.ask([notification, notification]) is None
    mixed = await bench.ask([notification, call("echo", 1), notification])
    assert [answer["id"] for answer in mixed] == [1]


async def test_a_batch_is_answered_in_order() -> None:
    bench = Bench()
    answers = await bench.ask(
        [
            call("later", 1, ident=1),
            call("echo", 2, ident=2),
            5,
            call("nothing", ident=4),
            call("send", "x", ident=5),
        ]
    )
    assert [answer["id"] for answer in answers] == [1, 2, None, 4, 5]
    assert answers[0]["result"] == [1]
    assert answers[2]["error"]["code"] == -32600
    assert answers[3]["error"]["code"] == -32601


async def test_a_batch_of_sends_is_one_hand_over() -> None:
    bench = Bench()
    answers = await bench.ask([call("send", str(i), ident=i) for i in range(100)])
    assert [len(run) for run in bench.runs] == [100]
    assert [answer["id"] for answer in answers] == list(range(100))
    assert bench.dispatcher.methods["send"].calls == 100


async def test_a_call_between_sends_sees_the_earlier_ones_and_parts_the_runs() -> None:
    bench = Bench()
    bench.dispatcher.methods["seen"] = type(bench.dispatcher.methods["echo"])(
        "seen", lambda _params, _session: len(bench.runs)
    )
    answers = await bench.ask(
        [call("send", "a"), call("send", "b"), call("seen"), call("send", "c")]
    )
    assert answers[2]["result"] == 1
    assert [len(run) for run in bench.runs] == [2, 1]


async def test_one_bad_send_does_not_spoil_the_others() -> None:
    answers = await Bench().ask([call("send", "a"), call("send", "bad"), call("send", "c")])
    assert ["result" in answer for answer in answers] == [True, False, True]


async def test_a_batch_above_the_limit_is_refused_whole() -> None:
    bench = Bench(RpcLimits(batch_entries=3))
    assert len(await bench.ask([call("echo")] * 3)) == 3
    answer = await bench.ask([call("echo")] * 4)
    assert answer["error"]["code"] == -32600
    assert "at most 3" in answer["error"]["message"]


async def test_a_batch_stops_at_the_bound_of_its_answer() -> None:
    bench = Bench(RpcLimits(batch_response_bytes=1_000))
    answers = await bench.ask([call("big", 400, ident=i) for i in range(5)])
    assert [answer["id"] for answer in answers] == list(range(5))
    assert ["result" in answer for answer in answers] == [True, True, False, False, False]
    assert answers[4]["error"] == {"code": -32003, "message": "response too large"}
    assert bench.dispatcher.methods["big"].calls == 3


async def test_calls_that_a_batch_does_not_reach_in_time_are_refused() -> None:
    bench = Bench(RpcLimits(batch_timeout_ms=0))
    answers = await bench.ask([call("echo", ident=1), call("later", ident=2)])
    assert [answer["id"] for answer in answers] == [1, 2]
    assert [answer["error"]["code"] for answer in answers] == [-32002, -32002]
    assert bench.dispatcher.methods["echo"].calls == 0


async def test_a_long_batch_gives_the_loop_back() -> None:
    bench = Bench(RpcLimits(batch_slice_ms=0))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    await bench.ask([call("echo")] * 200)
    counter.cancel()
    assert turns >= 200


async def test_the_rate_of_a_client_is_bounded() -> None:
    bench = Bench()
    session = Session("1.2.3.4", TokenBucket(rate=0.001, burst=3, now=0))
    assert "result" in await bench.ask(call("echo"), session)
    assert "result" in (await bench.ask([call("echo")] * 2, session))[0]
    refused = await bench.ask(call("echo"), session)
    assert refused["error"]["code"] == -32005
    assert "retry in" in refused["error"]["message"]
    assert (await bench.ask(b"not json at all", session))["error"]["code"] == -32005


def test_a_bucket_fills_with_time_and_never_over() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=0)
    assert bucket.take(5, now=0) == 0
    assert bucket.take(1, now=0) == pytest.approx(0.1)
    assert bucket.take(1, now=0.1) == 0
    assert bucket.take(5, now=1_000) == 0
    assert bucket.take(1, now=1_000) > 0


async def test_closing_answers_what_is_under_way() -> None:
    bench = Bench()
    single = asyncio.create_task(bench.ask(call("gated")))
    batch = asyncio.create_task(bench.ask([call("gated")]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bench.dispatcher.close()
    assert "shutting down" in (await single)["error"]["message"]
    assert "shutting down" in (await batch)["error"]["message"]


async def test_calls_errors_and_time_are_counted() -> None:
    bench = Bench()
    await bench.ask(call("echo"))
    await bench.ask([call("echo"), call("refuse")])
    await bench.ask(call("later"))
    methods = bench.dispatcher.methods
    assert (methods["echo"].calls, methods["echo"].errors) == (2, 0)
    assert (methods["refuse"].calls, methods["refuse"].errors) == (1, 1)
    assert methods["later"].calls == 1
    assert sum(methods["echo"].buckets) == 2
    assert methods["echo"].seconds > 0
