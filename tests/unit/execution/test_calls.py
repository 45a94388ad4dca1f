"""Calls, estimates and access lists through the engine: state by block, overrides, refusals."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metis_node.errors import InvalidRequest
from tests import factories
from tests.factories import Chain

COUNTER = bytes.fromhex("c0" * 20)
# Returns slot 0, then adds one to it.
COUNTER_CODE = bytes.fromhex("5f54805f526001015f5560205ff3")
REVERTS = bytes.fromhex("de" * 20)
# Reverts with Error("no").
REVERTS_CODE = bytes.fromhex(
    "6064600a5f3960645ffd08c379a0" + f"{0x20:064x}" + f"{2:064x}" + "6e6f" + "00" * 30
)
ENDLESS = bytes.fromhex("ee" * 20)
ENDLESS_CODE = bytes.fromhex("5b5f56")

GAS = 200_000  # enough for whatever a fuzzed call does


@pytest.fixture(scope="module")
def chain() -> Chain:
    """Three blocks, each of which adds one to the counter."""
    alloc = factories.alloc_json(
        factories.funded(2),
        code={COUNTER: COUNTER_CODE, REVERTS: REVERTS_CODE, ENDLESS: ENDLESS_CODE},
    )
    chain = factories.new_chain(alloc=alloc)
    for nonce in range(3):
        raw = factories.sign_dynamic_fee(
            factories.key(0), nonce=nonce, to=COUNTER, gas_limit=100_000
        )
        chain.extend([raw])
    return chain


def _json(**members: Any) -> bytes:
    plain = {
        name.removesuffix("_"): "0x" + value.hex() if isinstance(value, bytes) else value
        for name, value in members.items()
    }
    return json.dumps(plain).encode()


def _call(chain: Chain, at: int = 3, **members: Any) -> Any:
    return chain.engine.call(_json(**members), chain.headers[at], at)


def _refusal(chain: Chain, request: bytes, **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        chain.engine.call(request, chain.head, 3, **options)
    return refused.value


@pytest.mark.parametrize("at", range(4))
def test_a_call_sees_the_state_of_its_block(chain: Chain, at: int) -> None:
    result = _call(chain, at, to=COUNTER)
    assert result.success
    assert int.from_bytes(result.output, "big") == at
    assert result.error is None


def test_a_call_leaves_the_state_alone(chain: Chain) -> None:
    before = chain.engine.storage(COUNTER, bytes(32), 3)
    _call(chain, to=COUNTER)
    assert chain.engine.storage(COUNTER, bytes(32), 3) == before


def test_a_call_sees_the_block_whose_header_is_given(chain: Chain) -> None:
    number = bytes.fromhex("435f5260205ff3")  # NUMBER, as code of a creation
    for at in (1, 3):
        result = _call(chain, at, input=number)
        assert int.from_bytes(result.output, "big") == at


def test_a_call_reads_hashes_of_earlier_blocks(chain: Chain) -> None:
    block_hash = bytes.fromhex("6001405f5260205ff3")  # BLOCKHASH(1)
    result = _call(chain, 3, input=block_hash)
    assert result.output == keccak(chain.headers[1])


def test_a_revert_has_its_reason_and_data(chain: Chain) -> None:
    result = _call(chain, to=REVERTS)
    assert not result.success
    assert result.error == "execution reverted: no"
    assert result.output == REVERTS_CODE[10:]


def test_a_call_that_runs_out_says_so(chain: Chain) -> None:
    result = _call(chain, to=ENDLESS, gas="0x30d40")
    assert (result.success, result.error) == (False, "out of gas")
    assert result.gas_used == 200_000


def test_a_step_limit_ends_in_none_and_a_deadline_in_a_refusal(chain: Chain) -> None:
    request = _json(to=ENDLESS)
    assert chain.engine.call(request, chain.head, 3, step_limit=1000) is None
    assert chain.engine.call(_json(to=COUNTER), chain.head, 3, step_limit=1000) is not None
    refused = _refusal(chain, request, deadline_ms=0)
    assert (refused.code, refused.message) == (-32000, "execution aborted (timeout = 0ms)")


def test_the_gas_cap_bounds_what_is_asked_for(chain: Chain) -> None:
    request = _json(to=ENDLESS, gas="0xffffffffffff")
    result = chain.engine.call(request, chain.head, 3, gas_cap=100_000)
    assert result is not None
    assert result.gas_used == 100_000


def test_state_and_block_overrides(chain: Chain) -> None:
    slot = "0x" + bytes(32).hex()
    state = {"0x" + COUNTER.hex(): {"stateDiff": {slot: f"0x{77:064x}"}}}
    result = chain.engine.call(
        _json(to=COUNTER), chain.head, 3, state_overrides=json.dumps(state).encode()
    )
    assert result is not None
    assert int.from_bytes(result.output, "big") == 77
    result = chain.engine.call(
        _json(input="0x435f5260205ff3"), chain.head, 3, block_overrides=b'{"number": "0x1234"}'
    )
    assert result is not None
    assert int.from_bytes(result.output, "big") == 0x1234


@pytest.mark.parametrize(
    ("request_", "options", "code", "part"),
    [
        (b"{", {}, -32602, "invalid JSON"),
        (b"[]", {}, -32602, "an object is expected"),
        (b'{"from": "0x1"}', {}, -32602, 'field "from"'),
        (b'{"value": 5}', {}, -32602, 'field "value"'),
        (b'{"gasPrice": "0x1", "maxFeePerGas": "0x1"}', {}, -32000, "both gasPrice and"),
        (b'{"chainId": "0x5"}', {}, -32000, "chainId does not match node's (have=5, want=1337)"),
        (b"{}", {"state_overrides": b'{"0x12": {}}'}, -32602, "stateOverrides"),
        (b"{}", {"block_overrides": b'{"time": "1"}'}, -32602, 'field "time"'),
        (b"{}", {"block_overrides": b'{"withdrawals": []}'}, -32000, '"withdrawals"'),
    ],
)
def test_what_is_malformed_is_refused_and_named(
    chain: Chain, request_: bytes, options: dict[str, bytes], code: int, part: str
) -> None:
    refused = _refusal(chain, request_, **options)
    assert refused.code == code
    assert part in refused.message


def test_funds_and_fees_are_checked_only_if_a_price_is_given(chain: Chain) -> None:
    poor = b"\x01" * 20
    assert _call(chain, from_=poor, to=COUNTER).success
    refused = _refusal(chain, _json(from_=poor, to=COUNTER, gas="0x5208", gasPrice="0x77359400"))
    assert refused.message.startswith(
        "err: insufficient funds for gas * price + value: address 0x01"
    )
    refused = _refusal(chain, _json(from_=poor, to=COUNTER, gas="0x5208", gasPrice="0x1"))
    assert "max fee per gas less than block base fee" in refused.message


def test_state_that_is_not_kept_is_refused(chain: Chain) -> None:
    with pytest.raises(InvalidRequest, match="required historical state unavailable") as refused:
        chain.engine.call(b"{}", chain.head, 4)
    assert refused.value.code == -32000


def test_an_estimate_is_what_a_transaction_needs(chain: Chain) -> None:
    header = chain.headers[3]
    transfer = _json(from_=factories.key(0).address, to=b"\x05" * 20, value="0x1")
    assert chain.engine.estimate_gas(transfer, header, 3) == 21_000
    gas = chain.engine.estimate_gas(_json(to=COUNTER), header, 3)
    enough = _call(chain, to=COUNTER, gas=hex(gas))
    short = _call(chain, to=COUNTER, gas=hex(gas * 97 // 100))
    assert enough.success
    assert not short.success


def test_an_estimate_of_what_reverts_is_refused_with_its_data(chain: Chain) -> None:
    with pytest.raises(InvalidRequest) as refused:
        chain.engine.estimate_gas(_json(to=REVERTS), chain.head, 3)
    assert refused.value.code == 3
    assert refused.value.message == "execution reverted: no"
    assert refused.value.data == "0x" + REVERTS_CODE[10:].hex()


def test_an_estimate_is_bounded_by_gas_and_time(chain: Chain) -> None:
    with pytest.raises(InvalidRequest, match=r"gas required exceeds allowance \(100000\)"):
        chain.engine.estimate_gas(_json(to=ENDLESS), chain.head, 3, gas_cap=100_000)
    with pytest.raises(InvalidRequest, match="execution aborted"):
        chain.engine.estimate_gas(_json(to=ENDLESS), chain.head, 3, deadline_ms=0)


def test_an_access_list_has_the_slots_touched(chain: Chain) -> None:
    listed = json.loads(chain.engine.create_access_list(_json(to=COUNTER), chain.head, 3))
    assert listed["accessList"] == [
        {"address": "0x" + COUNTER.hex(), "storageKeys": ["0x" + bytes(32).hex()]}
    ]
    assert "error" not in listed
    used = int(listed["gasUsed"], 16)
    with_list = _call(chain, to=COUNTER, accessList=listed["accessList"])
    assert with_list.gas_used == used


def test_an_access_list_tells_of_a_revert_and_refuses_nonsense(chain: Chain) -> None:
    listed = json.loads(chain.engine.create_access_list(_json(to=REVERTS), chain.head, 3))
    assert listed["error"] == "execution reverted"
    with pytest.raises(InvalidRequest, match='field "to"'):
        chain.engine.create_access_list(b'{"to": 1}', chain.head, 3)


# fmt: off
_NAMES = st.sampled_from(
    [
        "from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas",
        "maxFeePerBlobGas", "value", "nonce", "data", "input", "accessList",
        "authorizationList", "chainId", "blobVersionedHashes", "address", "storageKeys",
        "yParity", "r", "s", "number", "time", "balance", "code", "state", "stateDiff",
        "movePrecompileToAddress", "tracer", "tracerConfig", "limit", "calls",
        "blockStateCalls", "blockOverrides", "stateOverrides", "validation",
    ]
)
# fmt: on
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.text(max_size=8)
    | st.sampled_from(
        ["0x", "0x0", "0x1", "0x01", "0x" + "ff" * 32, "0x" + "04".zfill(40), "latest"]
    )
    | st.binary(max_size=40).map(lambda data: "0x" + data.hex())
)
_ANY = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_NAMES | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_NAMES, _ANY, max_size=6)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=_OBJECTS | _ANY, state=st.none() | _ANY, block=st.none() | _ANY)
def test_any_json_gives_an_answer_or_a_refusal(
    chain: Chain, request: object, state: object, block: object
) -> None:
    text, other, blocks = (json.dumps(value).encode() for value in (request, state, block))
    engine, place = chain.engine, (chain.head, 3)
    attempts: list[Callable[[], object]] = [
        lambda: engine.call(
            text, *place, state_overrides=other, block_overrides=blocks, gas_cap=GAS
        ),
        lambda: engine.estimate_gas(text, *place, state_overrides=other, gas_cap=GAS),
        lambda: engine.create_access_list(text, *place, state_overrides=other, gas_cap=GAS),
        lambda: engine.trace_call(text, *place, config=other, gas_cap=GAS),
        lambda: engine.simulate(text, *place, gas_cap=GAS),
    ]
    for attempt in attempts:
        with contextlib.suppress(InvalidRequest):
            attempt()


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=64))
def test_any_bytes_give_an_answer_or_a_refusal(chain: Chain, text: bytes) -> None:
    for method in (chain.engine.call, chain.engine.estimate_gas, chain.engine.simulate):
        with pytest.raises(InvalidRequest):
            method(b"\x00" + text, chain.head, 3)
