"""Whatever bytes come in, a valid JSON-RPC answer goes out."""

from __future__ import annotations

import asyncio

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from metis_node.rpc.session import Session
from tests.unit.rpc.dispatching import Bench

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner)
    ),
    max_leaves=20,
)
names = st.sampled_from(["echo", "later", "refuse", "crash", "nothing", "send", "echo\0", ""])
requests = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "2", 2.0, None]) | json_values,
        "id": json_values,
        "method": names | json_values,
        "params": json_values,
        "extra": json_values,
    },
)
bodies = (
    st.binary(max_size=200)
    | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)
    | json_values.map(orjson.dumps)
    | requests.map(orjson.dumps)
    | st.lists(requests | json_values, max_size=6).map(orjson.dumps)
)


def answer_of(body: bytes) -> bytes:
    async def ask() -> bytes:
        return await Bench().dispatcher.answer(body, Session("fuzz"))

    return asyncio.run(ask())


def check_one(answer: object) -> None:
    assert isinstance(answer, dict)
    assert answer["jsonrpc"] == "2.0"
    assert "id" in answer
    assert ("result" in answer) != ("error" in answer)
    if "error" in answer:
        assert isinstance(answer["error"]["code"], int)
        assert isinstance(answer["error"]["message"], str)


@given(bodies)
@settings(max_examples=400, deadline=None)
def test_any_bytes_get_a_valid_answer(body: bytes) -> None:
    payload = answer_of(body)
    if not payload:
        return
    answer = orjson.loads(payload)
    for one in answer if isinstance(answer, list) else [answer]:
        check_one(one)
