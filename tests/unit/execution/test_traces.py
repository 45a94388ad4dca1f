"""Traces of blocks and calls through the engine: the right state, the right shape, bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_hash.auto import keccak

from metis_node._native import SystemTransaction
from metis_node.errors import InvalidRequest
from tests import factories
from tests.factories import Chain
from tests.unit.execution.test_calls import COUNTER, COUNTER_CODE, ENDLESS, ENDLESS_CODE

MINTED = b"\x0d" * 20


def _system() -> bytes:
    return SystemTransaction(
        source_hash=b"\x01" * 32,
        sender=MINTED,
        to=COUNTER,
        mint=5,
        value=0,
        gas_limit=1_000_000,
        is_system=False,
        data=b"",
    ).raw


@pytest.fixture(scope="module")
def chain() -> Chain:
    """Blocks of a system transaction and two calls of the counter."""
    alloc = factories.alloc_json(
        factories.funded(2), code={COUNTER: COUNTER_CODE, ENDLESS: ENDLESS_CODE}
    )
    chain = factories.new_chain(alloc=alloc, rules=factories.rules_json(system_transactions=True))
    for block in range(2):
        raws = [
            factories.sign_dynamic_fee(
                factories.key(0), nonce=2 * block + i, to=COUNTER, gas_limit=100_000
            )
            for i in range(2)
        ]
        chain.extend(raws, system=[_system()])
    return chain


def _transactions(number: int) -> list[bytes]:
    raws = [
        factories.sign_dynamic_fee(
            factories.key(0), nonce=2 * (number - 1) + i, to=COUNTER, gas_limit=100_000
        )
        for i in range(2)
    ]
    return [_system(), *raws]


def _trace(chain: Chain, number: int, index: int | None = None, **config: Any) -> Any:
    return json.loads(
        chain.engine.trace_block(
            chain.headers[number],
            _transactions(number),
            index=index,
            config=json.dumps(config).encode(),
        )
    )


@pytest.mark.parametrize("number", [1, 2])
def test_a_block_is_traced_as_it_was_executed(chain: Chain, number: int) -> None:
    traces = _trace(chain, number, tracer="callTracer")
    counts = [int(trace["result"]["output"], 16) for trace in traces]
    assert counts == [3 * (number - 1) + i for i in range(3)]
    hashes = [keccak(raw).hex() for raw in _transactions(number)]
    assert [trace["txHash"] for trace in traces] == ["0x" + digest for digest in hashes]


def test_the_gas_of_a_trace_is_the_receipts(chain: Chain) -> None:
    header = factories.header_fields(chain.headers[2])
    traces = _trace(chain, 2)
    assert sum(trace["result"]["gas"] for trace in traces) == header["gas_used"]
    assert [trace["result"]["failed"] for trace in traces] == [False] * 3


def test_one_transaction_is_traced_after_those_before_it(chain: Chain) -> None:
    whole = _trace(chain, 2, tracer="callTracer")
    for index in range(3):
        assert _trace(chain, 2, index, tracer="callTracer") == whole[index]["result"]


def test_the_prestate_of_the_system_transaction_is_without_its_mint(chain: Chain) -> None:
    diff = _trace(chain, 2, 0, tracer="prestateTracer", tracerConfig={"diffMode": True})
    minted = "0x" + MINTED.hex()
    assert (diff["pre"][minted]["balance"], diff["post"][minted]["balance"]) == ("0x5", "0xa")


def test_what_cannot_be_traced_is_refused(chain: Chain) -> None:
    engine, raws = chain.engine, _transactions(2)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("genesis is not traceable", {"header": chain.headers[0]}),
        ("transaction not found", {"index": 3}),
        ('tracer "goodTracer" not found', {"config": b'{"tracer": "goodTracer"}'}),
        ("JavaScript tracers are not supported", {"config": b'{"tracer": "{step: ()=>1}"}'}),
        ("trace too large: more than 100 bytes", {"max_bytes": 100}),
        ("invalid JSON", {"config": b"{"}),
    ]
    for words, changed in cases:
        arguments = {"header": chain.headers[2], "index": None, "config": b"{}", **changed}
        header = arguments.pop("header")
        with pytest.raises(InvalidRequest) as refused:
            engine.trace_block(header, raws, **arguments)
        assert words in refused.value.message


def test_a_call_is_traced_with_its_overrides(chain: Chain) -> None:
    slot = "0x" + bytes(32).hex()
    config = {
        "tracer": "callTracer",
        "stateOverrides": {"0x" + COUNTER.hex(): {"state": {slot: f"0x{9:064x}"}}},
    }
    request = json.dumps({"to": "0x" + COUNTER.hex()}).encode()
    trace = json.loads(
        chain.engine.trace_call(request, chain.head, 2, config=json.dumps(config).encode())
    )
    assert int(trace["output"], 16) == 9


def test_a_traced_call_is_bounded(chain: Chain) -> None:
    request = json.dumps({"to": "0x" + ENDLESS.hex()}).encode()
    with pytest.raises(InvalidRequest, match="trace too large"):
        chain.engine.trace_call(request, chain.head, 2, config=b"{}", max_bytes=10_000)
    with pytest.raises(InvalidRequest, match=r"execution aborted \(timeout = 1ms\)"):
        chain.engine.trace_call(
            request, chain.head, 2, config=b'{"tracer": "callTracer", "timeout": "1ms"}'
        )
