"""eth_simulateV1 through the engine: chained blocks, roots, logs, and the codes of its refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak

from metis_node.errors import InvalidRequest
from tests import factories
from tests.factories import Chain
from tests.unit.execution.test_calls import COUNTER, COUNTER_CODE, REVERTS, REVERTS_CODE

ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20
TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()


@pytest.fixture(scope="module")
def chain() -> Chain:
    alloc = factories.alloc_json(
        factories.funded(1), code={COUNTER: COUNTER_CODE, REVERTS: REVERTS_CODE}
    )
    chain = factories.new_chain(alloc=alloc)
    chain.extend()
    return chain


def _simulate(chain: Chain, *blocks: dict[str, Any], at: int = 1, **options: Any) -> Any:
    payload = json.dumps({"blockStateCalls": list(blocks), **options}).encode()
    return json.loads(chain.engine.simulate(payload, chain.headers[at], at))


def _refusal(chain: Chain, *blocks: dict[str, Any], **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        _simulate(chain, *blocks, **options)
    return refused.value


def _funded(wei: int) -> dict[str, Any]:
    return {ALICE: {"balance": hex(wei)}}


def _header(block: dict[str, Any]) -> bytes:
    """The header of a simulated block, encoded from its JSON."""

    def raw(name: str) -> bytes:
        return bytes.fromhex(block[name][2:])

    return factories.header_rlp(
        parent_hash=raw("parentHash"),
        beneficiary=raw("miner"),
        state_root=raw("stateRoot"),
        transactions_root=raw("transactionsRoot"),
        receipts_root=raw("receiptsRoot"),
        logs_bloom=raw("logsBloom"),
        number=int(block["number"], 16),
        gas_limit=int(block["gasLimit"], 16),
        gas_used=int(block["gasUsed"], 16),
        timestamp=int(block["timestamp"], 16),
        extra_data=raw("extraData"),
        mix_hash=raw("mixHash"),
        base_fee_per_gas=int(block["baseFeePerGas"], 16),
    )


def test_blocks_are_chained_by_the_hashes_of_their_headers(chain: Chain) -> None:
    call = {"from": ALICE, "to": BOB, "value": "0x1"}
    blocks = _simulate(
        chain, {"stateOverrides": _funded(10), "calls": [call]}, {"calls": [call]}, {}
    )
    parent = keccak(chain.head)
    for number, block in enumerate(blocks, 2):
        assert int(block["number"], 16) == number
        assert block["parentHash"] == "0x" + parent.hex()
        parent = keccak(_header(block))
        assert block["hash"] == "0x" + parent.hex()


def test_an_empty_block_keeps_the_state_root_but_for_the_parents_hash(chain: Chain) -> None:
    # No system contract stands on this chain, so nothing at all changes.
    (block,) = _simulate(chain, {})
    assert block["stateRoot"] == "0x" + factories.header_fields(chain.head)["state_root"].hex()
    assert int(block["size"], 16) == len(rlp.encode([rlp.decode(_header(block)), [], [], []]))


def test_the_state_root_is_that_of_a_chain_with_the_same_state(chain: Chain) -> None:
    changes = {ALICE: {"balance": "0x64"}, BOB: {"code": "0x6001", "nonce": "0x1"}}
    (block,) = _simulate(chain, {"stateOverrides": changes})
    alloc = json.loads(
        factories.alloc_json(
            factories.funded(1), code={COUNTER: COUNTER_CODE, REVERTS: REVERTS_CODE}
        )
    )
    alloc |= {ALICE: {"balance": "0x64"}, BOB: {"balance": "0x0", "code": "0x6001", "nonce": "0x1"}}
    same = factories.new_chain(alloc=json.dumps(alloc).encode())
    assert block["stateRoot"] == "0x" + factories.header_fields(same.head)["state_root"].hex()


def test_later_blocks_see_what_earlier_ones_did(chain: Chain) -> None:
    call = {"to": "0x" + COUNTER.hex()}
    blocks = _simulate(chain, {"calls": [call, call]}, {"calls": [call]})
    counts = [int(call["returnData"], 16) for block in blocks for call in block["calls"]]
    assert counts == [0, 1, 2]
    assert int(chain.engine.storage(COUNTER, bytes(32), 1).hex(), 16) == 0


def test_gaps_between_numbers_are_filled(chain: Chain) -> None:
    blocks = _simulate(chain, {"blockOverrides": {"number": "0x5", "time": "0x7fffffff"}})
    assert [int(block["number"], 16) for block in blocks] == [2, 3, 4, 5]
    assert blocks[-1]["timestamp"] == "0x7fffffff"


def test_transfers_are_traced_where_asked_for(chain: Chain) -> None:
    block = {
        "stateOverrides": _funded(10),
        "calls": [{"from": ALICE, "to": BOB, "value": "0x3"}],
    }
    (plain,) = _simulate(chain, block)
    assert plain["calls"][0]["logs"] == []
    (traced,) = _simulate(chain, block, traceTransfers=True)
    (log,) = traced["calls"][0]["logs"]
    assert log["address"] == "0x" + "ee" * 20
    assert log["topics"] == [TRANSFER, *("0x" + who[2:].rjust(64, "0") for who in (ALICE, BOB))]
    assert int(log["data"], 16) == 3
    assert log["blockHash"] == traced["hash"]
    assert plain["receiptsRoot"] == traced["receiptsRoot"]


def test_a_call_that_reverts_is_part_of_the_answer(chain: Chain) -> None:
    (block,) = _simulate(chain, {"calls": [{"to": "0x" + REVERTS.hex()}]})
    call = block["calls"][0]
    assert (call["status"], call["returnData"], call["logs"]) == ("0x0", "0x", [])
    assert call["error"]["code"] == 3
    assert call["error"]["message"] == "execution reverted: no"
    assert call["error"]["data"] == "0x" + REVERTS_CODE[10:].hex()


def test_whole_transactions_are_returned_where_asked_for(chain: Chain) -> None:
    block = {
        "stateOverrides": _funded(10**18),
        "calls": [{"from": ALICE, "to": BOB, "maxFeePerGas": "0x77359400", "gas": "0x5208"}],
    }
    (answer,) = _simulate(chain, block, validation=True, returnFullTransactions=True)
    (transaction,) = answer["transactions"]
    assert transaction["from"] == ALICE
    assert transaction["type"] == "0x2"
    assert transaction["blockHash"] == answer["hash"]
    (hashes,) = _simulate(chain, block, validation=True)
    assert hashes["transactions"] == [transaction["hash"]]


def test_validation_keeps_the_base_fee_of_eip_1559(chain: Chain) -> None:
    (block,) = _simulate(chain, {}, validation=True)
    parent = factories.header_fields(chain.head)
    assert int(block["baseFeePerGas"], 16) == factories.next_base_fee(parent)
    (free,) = _simulate(chain, {})
    assert free["baseFeePerGas"] == "0x0"


_CALL = {"from": ALICE, "to": BOB}


@pytest.mark.parametrize(
    ("blocks", "options", "code", "words"),
    [
        ([], {}, -32602, "empty input"),
        ([{}] * 257, {}, -38026, "too many blocks"),
        ([{"blockOverrides": {"number": "0x400"}}], {}, -38026, "too many blocks"),
        (
            [{"blockOverrides": {"number": "0x1"}}],
            {},
            -38020,
            "block numbers must be in order: 1 <= 1",
        ),
        (
            [{"blockOverrides": {"time": "0x1"}}],
            {},
            -38021,
            "block timestamps must be in order: 1 <=",
        ),
        ([{"calls": [{**_CALL, "nonce": "0x9"}]}], {"validation": True}, -38011, "nonce too high"),
        ([{"calls": [{**_CALL, "maxFeePerGas": "0x1"}]}], {"validation": True}, -38012, "base fee"),
        ([{"calls": [{**_CALL, "gas": "0x1"}]}], {}, -38013, "intrinsic gas too low: have 1"),
        ([{"calls": [{**_CALL, "value": "0x1"}]}], {}, -38014, "insufficient funds"),
        (
            [{"blockOverrides": {"gasLimit": "0x1"}, "calls": [{**_CALL, "gas": "0x2"}]}],
            {},
            -38015,
            "block gas limit reached: 0 >= 1",
        ),
        ([{"calls": [{"from": 1}]}], {}, -32602, 'field "from"'),
        ([{"blockOverrides": {"withdrawals": [{}]}}], {}, -32602, "withdrawals"),
        (
            [{"stateOverrides": {ALICE: {"movePrecompileToAddress": BOB}}}],
            {},
            -32000,
            "not a precompile",
        ),
    ],
)
def test_what_the_rules_reject_ends_the_simulation(
    chain: Chain, blocks: list[dict[str, Any]], options: dict[str, Any], code: int, words: str
) -> None:
    refused = _refusal(chain, *blocks, **options)
    assert refused.code == code
    assert words in refused.message


def test_a_nonce_already_used_is_refused_under_validation(chain: Chain) -> None:
    used = {ALICE: {"nonce": "0x5", "balance": hex(10**18)}}
    call = {**_CALL, "nonce": "0x1", "maxFeePerGas": "0x77359400", "gas": "0x5208"}
    block = {"stateOverrides": used, "calls": [call]}
    assert _refusal(chain, block, validation=True).code == -38010
    assert _simulate(chain, block)[0]["calls"][0]["status"] == "0x1"


def test_gas_and_time_of_all_calls_are_bounded_together(chain: Chain) -> None:
    payload = json.dumps({"blockStateCalls": [{"calls": [_CALL, _CALL]}]}).encode()
    with pytest.raises(InvalidRequest) as refused:
        chain.engine.simulate(payload, chain.head, 1, gas_cap=30_000)
    assert refused.value.code == -38013
    with pytest.raises(InvalidRequest, match="execution aborted"):
        chain.engine.simulate(payload, chain.head, 1, deadline_ms=0)
