"""The methods over HTTP on a real chain: shapes, tags, errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak

from tests import factories
from tests.integration.rpc import probe_contract as probe
from tests.integration.rpc.rpc_node import BENEFICIARY, RpcNode, running_node

ALICE, BOB = factories.key(0), factories.key(1)
STRANGER = "0x" + "77" * 20
NOWHERE = "0x" + "00" * 31 + "01"
HEADER_FIELDS = (  # in the order of the header's RLP; numbers are the others
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash"),
)
HEADER_NUMBERS = frozenset(
    (
        *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"),
        *("blobGasUsed", "excessBlobGas"),
    )
)


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


@pytest.fixture
async def node() -> AsyncIterator[RpcNode]:
    async with running_node() as running:
        yield running


async def deploy(node: RpcNode) -> str:
    """The probe contract in block 1; its address."""
    raw = factories.sign_dynamic_fee(
        ALICE, nonce=0, to=None, data=probe.init_code(), gas_limit=1_000_000
    )
    receipt_of = await node.send(raw)
    await node.mine()
    receipt = await node.call("eth_getTransactionReceipt", receipt_of)
    assert receipt["status"] == "0x1"
    address: str = receipt["contractAddress"]
    return address


async def pay(node: RpcNode, contract: str, nonce: int, wei: int) -> str:
    raw = factories.sign_dynamic_fee(
        BOB, nonce=nonce, to=bytes.fromhex(contract[2:]), value=wei, gas_limit=100_000
    )
    return await node.send(raw)


async def test_the_chain_names_itself(node: RpcNode) -> None:
    assert await node.call("eth_chainId") == hex(factories.CHAIN_ID)
    assert await node.call("net_version") == str(factories.CHAIN_ID)
    assert await node.call("net_listening") is True
    assert await node.call("net_peerCount") == "0x0"
    assert await node.call("web3_clientVersion") == "metis-node/test"
    assert await node.call("web3_sha3", "0x") == hexed(keccak(b""))
    assert await node.call("eth_accounts") == []
    assert await node.call("eth_syncing") is False
    assert await node.call("eth_blockNumber") == "0x0"
    modules = await node.call("rpc_modules")
    assert {"eth", "net", "web3", "txpool", "debug", "rpc", "metis"} <= modules.keys()


async def test_a_transfer_from_end_to_end(node: RpcNode) -> None:
    raw = factories.sign_dynamic_fee(ALICE, nonce=0, to=b"\x77" * 20, value=5)
    sent = await node.send(raw)
    assert sent == hexed(keccak(raw))
    waiting = await node.call("eth_getTransactionByHash", sent)
    assert waiting["blockHash"] is None
    assert waiting["from"] == hexed(ALICE.address)
    assert await node.call("eth_getTransactionReceipt", sent) is None
    assert await node.call("eth_getTransactionCount", hexed(ALICE.address), "pending") == "0x1"
    assert await node.call("eth_getTransactionCount", hexed(ALICE.address), "latest") == "0x0"
    assert (await node.call("metis_transactionStatus", sent))["status"] == "pending"

    imported = await node.mine()
    assert await node.call("eth_blockNumber") == "0x1"
    receipt = await node.call("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    assert receipt["blockHash"] == hexed(imported.sealed.hash)
    assert receipt["gasUsed"] == hex(21_000)
    assert receipt["logs"] == []
    included = await node.call("eth_getTransactionByHash", sent)
    assert included["blockNumber"] == "0x1"
    assert included["transactionIndex"] == "0x1"
    assert included["hash"] == sent
    assert await node.call("eth_getBalance", STRANGER, "latest") == "0x5"
    assert await node.call("eth_getBalance", STRANGER, "0x0") == "0x0"
    assert await node.call("eth_getTransactionCount", hexed(ALICE.address), "latest") == "0x1"
    assert (await node.call("metis_transactionStatus", sent))["status"] == "sequenced"
    assert (await node.call("metis_transactionStatus", NOWHERE))["status"] == "unknown"


async def test_blocks_by_every_name(node: RpcNode) -> None:
    raw = factories.sign_dynamic_fee(ALICE, nonce=0, to=b"\x77" * 20, value=5)
    sent = await node.send(raw)
    imported = await node.mine()
    block_hash = hexed(imported.sealed.hash)
    by_number = await node.call("eth_getBlockByNumber", "0x1", False)
    assert by_number == await node.call("eth_getBlockByHash", block_hash, False)
    assert by_number == await node.call("eth_getBlockByNumber", "latest", False)
    assert by_number == await node.call("eth_getBlockByNumber", "pending", False)
    assert by_number["hash"] == block_hash
    assert by_number["miner"] == hexed(BENEFICIARY)
    assert len(by_number["transactions"]) == 2
    assert by_number["transactions"][1] == sent
    full = await node.call("eth_getBlockByNumber", "0x1", True)
    assert full["transactions"][0]["type"] == "0x7e"
    assert full["transactions"][1] == await node.call("eth_getTransactionByHash", sent)
    assert {**full, "transactions": 0} == {**by_number, "transactions": 0}
    for tag in ("earliest", "safe", "finalized"):
        assert (await node.call("eth_getBlockByNumber", tag, False))["number"] == "0x0"
    assert await node.call("eth_getBlockByNumber", "0x2", False) is None
    assert await node.call("eth_getBlockByHash", NOWHERE, False) is None


async def test_a_block_hash_is_the_hash_of_the_header_that_is_shown(node: RpcNode) -> None:
    """An independent client rebuilds the header from the JSON and must find the same hash."""
    imported = await node.mine()
    view = await node.call("eth_getBlockByNumber", "latest", False)
    fields = [
        int(view[name], 16) if name in HEADER_NUMBERS else bytes.fromhex(view[name][2:])
        for name in HEADER_FIELDS
    ]
    assert hexed(keccak(rlp.encode(fields))) == view["hash"]
    raw = bytes.fromhex((await node.call("debug_getRawBlock", "latest"))[2:])
    assert int(view["size"], 16) == len(raw)
    assert rlp.encode(rlp.decode(raw)[0]) == imported.sealed.rlp
    assert await node.call("debug_getRawHeader", "latest") == hexed(imported.sealed.rlp)


async def test_counts_uncles_and_places(node: RpcNode) -> None:
    raw = factories.sign_dynamic_fee(ALICE, nonce=0, to=b"\x77" * 20, value=5)
    sent = await node.send(raw)
    block_hash = hexed((await node.mine()).sealed.hash)
    assert await node.call("eth_getBlockTransactionCountByNumber", "latest") == "0x2"
    assert await node.call("eth_getBlockTransactionCountByHash", block_hash) == "0x2"
    assert await node.call("eth_getBlockTransactionCountByNumber", "0x9") is None
    assert await node.call("eth_getUncleCountByBlockNumber", "latest") == "0x0"
    assert await node.call("eth_getUncleCountByBlockHash", block_hash) == "0x0"
    assert await node.call("eth_getUncleByBlockNumberAndIndex", "latest", "0x0") is None
    assert await node.call("eth_getUncleByBlockHashAndIndex", block_hash, "0x0") is None
    found = await node.call("eth_getTransactionByBlockNumberAndIndex", "latest", "0x1")
    assert found["hash"] == sent
    found = await node.call("eth_getTransactionByBlockHashAndIndex", block_hash, "0x1")
    assert found["hash"] == sent
    assert await node.call("eth_getTransactionByBlockNumberAndIndex", "latest", "0x2") is None
    last = "0xffffffffffffffff"
    assert await node.call("eth_getTransactionByBlockNumberAndIndex", "latest", last) is None
    assert await node.call("eth_getRawTransactionByHash", sent) == hexed(raw)
    assert await node.call("debug_getRawTransaction", sent) == hexed(raw)
    assert await node.call("debug_getRawTransaction", NOWHERE) == "0x"
    receipts = await node.call("eth_getBlockReceipts", "latest")
    assert receipts == await node.call("eth_getBlockReceipts", block_hash)
    assert receipts[1] == await node.call("eth_getTransactionReceipt", sent)
    assert len(await node.call("debug_getRawReceipts", "latest")) == 2
    assert await node.call("eth_getBlockReceipts", "0x9") is None


async def test_calls_and_their_reverts(node: RpcNode) -> None:
    contract = await deploy(node)
    await pay(node, contract, 0, 41)
    await node.mine()
    assert int(await node.call("eth_call", {"to": contract, "data": "0x03"}, "latest"), 16) == 41
    assert int(await node.call("eth_call", {"to": contract, "data": "0x03"}), 16) == 41
    assert int(await node.call("eth_call", {"to": contract, "data": "0x03"}, "0x1"), 16) == 0
    assert int(await node.call("eth_call", {"to": contract, "input": "0x04"}, "latest"), 16) == 1
    reverted = await node.error("eth_call", {"to": contract, "data": "0x01"}, "latest")
    assert reverted == {
        "code": 3,
        "message": "execution reverted: nope",
        "data": probe.REVERT_DATA,
    }
    empty = await node.error("eth_call", {"to": contract, "data": "0x05"}, "latest")
    assert (empty["code"], empty["message"]) == (3, "execution reverted")
    endless = await node.error("eth_call", {"to": contract, "data": "0x02", "gas": "0x186a0"})
    assert endless["code"] == -32000
    assert "out of gas" in endless["message"]
    word = "0x" + "00" * 31 + "2a"
    overridden = {contract: {"stateDiff": {"0x" + "00" * 32: word}}}
    call = {"to": contract, "data": "0x03"}
    assert await node.call("eth_call", call, "latest", overridden) == word


async def test_state_at_a_block(node: RpcNode) -> None:
    contract = await deploy(node)
    await pay(node, contract, 0, 41)
    await node.mine()
    word = "0x" + f"{41:064x}"
    assert await node.call("eth_getStorageAt", contract, "0x0", "latest") == word
    assert await node.call("eth_getStorageAt", contract, "0x" + "00" * 32, "latest") == word
    assert await node.call("eth_getStorageAt", contract, "0x0", "0x1") == "0x" + "00" * 32
    assert await node.call("eth_getCode", contract, "latest") == hexed(probe.RUNTIME)
    assert await node.call("eth_getCode", contract, "0x0") == "0x"
    assert await node.call("eth_getCode", STRANGER, "latest") == "0x"
    head = await node.call("eth_getBlockByNumber", "latest", False)
    by_hash = {"blockHash": head["hash"], "requireCanonical": True}
    assert await node.call("eth_getBalance", contract, by_hash) == hex(41)
    assert await node.call("eth_getBalance", contract, head["hash"]) == hex(41)
    missing = await node.error("eth_getBalance", contract, "0x99")
    assert missing == {"code": -32000, "message": "header not found"}
    proof = await node.call("eth_getProof", contract, ["0x0"], "latest")
    assert proof["balance"] == hex(41)
    assert proof["storageProof"][0]["value"] == hex(41)
    root = keccak(bytes.fromhex(proof["accountProof"][0][2:]))
    assert hexed(root) == head["stateRoot"]


async def test_gas_estimates_and_access_lists(node: RpcNode) -> None:
    contract = await deploy(node)
    transfer = {"from": hexed(ALICE.address), "to": STRANGER, "value": "0x1"}
    assert await node.call("eth_estimateGas", transfer) == hex(21_000)
    paying = {"from": hexed(ALICE.address), "to": contract, "value": "0x1"}
    gas = int(await node.call("eth_estimateGas", paying, "latest"), 16)
    assert 40_000 < gas < 60_000
    reverted = await node.error("eth_estimateGas", {"to": contract, "data": "0x01"})
    assert (reverted["code"], reverted["message"]) == (3, "execution reverted: nope")
    assert reverted["data"] == probe.REVERT_DATA
    reading = {"from": hexed(ALICE.address), "to": contract, "data": "0x03"}
    listed = await node.call("eth_createAccessList", reading, "latest")
    assert listed["accessList"] == [{"address": contract, "storageKeys": ["0x" + "00" * 32]}]


async def test_logs_by_range_hash_and_filter(node: RpcNode) -> None:
    contract = await deploy(node)
    topic, payer = hexed(probe.TOPIC), "0x" + BOB.address.hex().rjust(64, "0")
    installed = await node.call("eth_newFilter", {"address": contract})
    blocks = await node.call("eth_newBlockFilter")
    first = await pay(node, contract, 0, 1)
    one = await node.mine()
    second = await pay(node, contract, 1, 2)
    two = await node.mine()
    everything = {"fromBlock": "earliest", "toBlock": "latest"}
    found = await node.call("eth_getLogs", {**everything, "address": contract})
    assert [log["transactionHash"] for log in found] == [first, second]
    assert found[0]["topics"] == [topic, payer]
    assert int(found[1]["data"], 16) == 2
    assert found[0]["blockHash"] == hexed(one.sealed.hash)
    assert found == await node.call("eth_getLogs", {**everything, "topics": [topic]})
    assert found == await node.call("eth_getLogs", {**everything, "topics": [None, payer]})
    assert found == await node.call("eth_getLogs", {**everything, "topics": [[topic, payer]]})
    assert await node.call("eth_getLogs", {**everything, "topics": [payer]}) == []
    assert await node.call("eth_getLogs", {**everything, "address": [STRANGER]}) == []
    by_hash = await node.call("eth_getLogs", {"blockHash": hexed(two.sealed.hash)})
    assert by_hash == found[1:]
    assert await node.call("eth_getLogs", {"address": contract}) == found[1:]
    receipt = await node.call("eth_getTransactionReceipt", first)
    assert receipt["logs"] == found[:1]

    assert await node.call("eth_getFilterChanges", installed) == found
    assert await node.call("eth_getFilterChanges", installed) == []
    assert await node.call("eth_getFilterLogs", installed) == found[1:]
    hashes = await node.call("eth_getFilterChanges", blocks)
    assert hashes == [hexed(one.sealed.hash), hexed(two.sealed.hash)]
    assert await node.call("eth_uninstallFilter", installed) is True
    assert await node.call("eth_uninstallFilter", installed) is False
    gone = await node.error("eth_getFilterChanges", installed)
    assert gone["message"] == "filter not found"


async def test_pending_filters_tell_of_new_transactions(node: RpcNode) -> None:
    installed = await node.call("eth_newPendingTransactionFilter")
    sent = await node.send(factories.sign_dynamic_fee(ALICE, nonce=0, to=b"\x77" * 20))
    assert await node.call("eth_getFilterChanges", installed) == [sent]
    assert await node.call("eth_getFilterChanges", installed) == []
    refused = await node.error("eth_getFilterLogs", installed)
    assert "not a log filter" in refused["message"]
    assert await node.call("eth_uninstallFilter", installed) is True


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ([], "missing value for required argument 0"),
        ([5], "cannot unmarshal number into an object"),
        ([{"fromBlock": 5}], "filter.fromBlock"),
        ([{"address": "0x12"}], "hex string has length 2, want 40"),
        ([{"topics": "0x12"}], "want an array"),
        ([{"topics": [None] * 5}], "exceed max topics"),
        ([{"topics": ["0x12"]}], "filter.topics[0]"),
        ([{"blockHash": NOWHERE, "fromBlock": "0x0"}], "cannot specify both BlockHash"),
        ([{"blockHash": NOWHERE}], "unknown block"),
        ([{"fromblock": "0x0"}], "unknown field 'fromblock'"),
        ([{"fromBlock": "0x5", "toBlock": "0x1"}], "invalid block range"),
        ([{"fromBlock": "0x0", "toBlock": "0xffffff"}], "exceed maximum block range"),
    ],
)
async def test_wrong_log_filters_are_named(node: RpcNode, params: list[Any], words: str) -> None:
    assert words in (await node.error("eth_getLogs", *params))["message"]


async def test_prices(node: RpcNode) -> None:
    for nonce in range(3):
        raw = factories.sign_dynamic_fee(
            ALICE, nonce=nonce, to=b"\x77" * 20, max_priority_fee_per_gas=7
        )
        await node.send(raw)
        await node.mine()
    head = await node.call("eth_getBlockByNumber", "latest", False)
    tip = int(await node.call("eth_maxPriorityFeePerGas"), 16)
    base = int(await node.call("eth_baseFee"), 16)
    assert tip >= 1
    assert int(await node.call("eth_gasPrice"), 16) == base + tip
    assert await node.call("eth_blobBaseFee") == "0x1"
    history = await node.call("eth_feeHistory", "0x2", "latest", [0, 50, 100])
    assert history["oldestBlock"] == "0x2"
    assert history["baseFeePerGas"][1] == head["baseFeePerGas"]
    assert history["baseFeePerGas"][2] == hex(base)
    assert history["reward"] == [["0x7"] * 3] * 2
    assert len(history["gasUsedRatio"]) == 2
    assert history["gasUsedRatio"][1] == pytest.approx(
        int(head["gasUsed"], 16) / int(head["gasLimit"], 16)
    )
    assert "reward" not in await node.call("eth_feeHistory", 4, "latest")
    assert len((await node.call("eth_feeHistory", "0x400", "latest"))["gasUsedRatio"]) == 4
    assert "percentile" in (await node.error("eth_feeHistory", 1, "latest", [101]))["message"]
    assert "percentile" in (await node.error("eth_feeHistory", 1, "latest", [9, 3]))["message"]


async def test_the_mempool_is_shown(node: RpcNode) -> None:
    now = await node.send(factories.sign_dynamic_fee(ALICE, nonce=0, to=b"\x77" * 20))
    later = await node.send(factories.sign_dynamic_fee(ALICE, nonce=5, to=None, gas_limit=60_000))
    assert await node.call("txpool_status") == {"pending": "0x1", "queued": "0x1"}
    content = await node.call("txpool_content")
    (sender,) = content["pending"]
    assert sender.lower() == hexed(ALICE.address)
    assert content["pending"][sender]["0"]["hash"] == now
    assert content["queued"][sender]["5"]["hash"] == later
    mine = await node.call("txpool_contentFrom", hexed(ALICE.address))
    assert mine["pending"]["0"] == content["pending"][sender]["0"]
    inspected = await node.call("txpool_inspect")
    assert inspected["pending"][sender]["0"].endswith("0 wei + 21000 gas × 2000000000 wei")
    assert inspected["queued"][sender]["5"].startswith("contract creation: ")
    queued = await node.call("metis_transactionStatus", later)
    assert (queued["status"], queued["expectedNonce"]) == ("queued", "0x1")


async def test_refused_transactions_say_why(node: RpcNode) -> None:
    sign = factories.sign_dynamic_fee
    poor = factories.key(99)
    cases = [
        ("0x", "empty typed transaction bytes"),
        ("0x1234", ""),
        (hexed(b"\x05" + b"\xc0"), ""),
        (hexed(sign(ALICE, nonce=0, to=b"\x77" * 20, chain_id=1)), "chain"),
        (hexed(sign(poor, nonce=0, to=b"\x77" * 20)), "insufficient funds"),
        (hexed(sign(ALICE, nonce=0, to=b"\x77" * 20, gas_limit=20_000)), "intrinsic gas too low"),
        (hexed(sign(ALICE, nonce=0, to=b"\x77" * 20, data=bytes(140_000))), "oversized data"),
        (
            hexed(factories.sign_legacy(ALICE, nonce=0, to=b"\x77" * 20, chain_id=None)),
            "only replay-protected (EIP-155) transactions allowed over RPC",
        ),
    ]
    for raw, words in cases:
        error = await node.error("eth_sendRawTransaction", raw)
        assert error["code"] in (-32000, -32602)
        assert words in error["message"]
    protected = factories.sign_legacy(ALICE, nonce=0, to=b"\x77" * 20)
    await node.send(protected)
    again = await node.error("eth_sendRawTransaction", hexed(protected))
    assert again == {"code": -32000, "message": "already known"}


async def test_a_batch_of_sends_and_reads(node: RpcNode) -> None:
    client = await node.connect()
    raws = [factories.sign_dynamic_fee(ALICE, nonce=n, to=b"\x77" * 20) for n in range(50)]
    batch: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [hexed(raw)]}
        for n, raw in enumerate(raws)
    ]
    batch[25]["params"] = ["0x00"]
    count = {"method": "eth_getTransactionCount", "params": [hexed(ALICE.address), "pending"]}
    batch.append({"jsonrpc": "2.0", "id": 50, **count})
    answers = await client.ask(batch)
    assert [answer["id"] for answer in answers] == list(range(51))
    assert "error" in answers[25]
    assert all("result" in answer for n, answer in enumerate(answers) if n != 25)
    assert answers[50]["result"] == hex(25)
    await client.close()


async def test_sending_and_waiting_for_the_receipt(node: RpcNode) -> None:
    raw = hexed(factories.sign_dynamic_fee(ALICE, nonce=0, to=b"\x77" * 20))
    arrived = asyncio.Event()
    node.backend.pending.subscribe(lambda _: arrived.set())
    client = await node.connect()
    asking = asyncio.create_task(
        client.ask(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "eth_sendRawTransactionSync",
                "params": [raw, 20_000],
            }
        )
    )
    await arrived.wait()
    await node.mine()
    receipt = (await asking)["result"]
    assert receipt["status"] == "0x1"
    await client.close()

    late = factories.sign_dynamic_fee(ALICE, nonce=1, to=b"\x77" * 20)
    error = await node.error("eth_sendRawTransactionSync", hexed(late), 20)
    assert error["code"] == 4
    assert error["data"] == hexed(keccak(late))
    gapped = factories.sign_dynamic_fee(ALICE, nonce=9, to=b"\x77" * 20)
    error = await node.error("eth_sendRawTransactionSync", hexed(gapped), "0x14")
    assert (error["code"], error["data"]) == (6, "0x2")
    bad = await node.error("eth_sendRawTransactionSync", hexed(late), 0)
    assert "milliseconds" in bad["message"]


async def test_traces(node: RpcNode) -> None:
    contract = await deploy(node)
    sent = await pay(node, contract, 0, 3)
    await node.mine()
    plain = await node.call("debug_traceTransaction", sent)
    assert plain["failed"] is False
    assert any(step["op"] == "LOG2" for step in plain["structLogs"])
    frame = await node.call("debug_traceTransaction", sent, {"tracer": "callTracer"})
    assert (frame["type"], frame["to"], frame["value"]) == ("CALL", contract, "0x3")
    state = await node.call("debug_traceTransaction", sent, {"tracer": "prestateTracer"})
    assert contract in state
    block = await node.call("debug_traceBlockByNumber", "latest", {"tracer": "callTracer"})
    assert block[-1] == {"txHash": sent, "result": frame}
    head = await node.call("eth_getBlockByNumber", "latest", False)
    by_hash = await node.call("debug_traceBlockByHash", head["hash"], {"tracer": "callTracer"})
    assert by_hash == block
    traced = await node.call(
        "debug_traceCall", {"to": contract, "data": "0x01"}, "latest", {"tracer": "callTracer"}
    )
    assert traced["error"] == "execution reverted"
    assert traced["revertReason"] == "nope"
    assert (await node.error("debug_traceTransaction", NOWHERE))["message"] == (
        "transaction not found"
    )
    assert (await node.error("debug_traceBlockByNumber", "0x0"))["message"] == (
        "genesis is not traceable"
    )


async def test_simulation(node: RpcNode) -> None:
    contract = await deploy(node)
    payload = {
        "blockStateCalls": [
            {"calls": [{"from": hexed(ALICE.address), "to": contract, "value": "0x5"}]},
            {"calls": [{"to": contract, "data": "0x03"}]},
        ]
    }
    blocks = await node.call("eth_simulateV1", payload, "latest")
    assert len(blocks) == 2
    assert blocks[0]["calls"][0]["status"] == "0x1"
    assert int(blocks[1]["calls"][0]["returnData"], 16) == 5
    assert "empty input" in (await node.error("eth_simulateV1", {"blockStateCalls": []}))["message"]


async def test_sync_and_l1_status(node: RpcNode) -> None:
    status = await node.call("metis_syncStatus")
    assert status["head"]["number"] == "0x0"
    assert status["syncing"] is False
    assert await node.call("metis_l1Status") is None
    assert await node.call("metis_batches") is None
