"""The L1 client: failover, refusal of another chain, malformed answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from aiohttp import web

from metis_node.errors import Fatal, InvalidConfig, Temporary
from metis_node.l1.beacon import BlobCache, BlobSources
from metis_node.l1.blobs import encode_blob, hash_of_blob, make_sidecar, pooled_encoding
from metis_node.l1.client import L1Client
from metis_node.l1.endpoint import CallRefused
from metis_node.l1.forks import sidecar_version
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Address, Hash32
from tests.integration.l1.anvil import CHAIN_ID, account, running_anvil

Answer = Callable[[str, list[Any]], Any]


@contextlib.asynccontextmanager
async def endpoint(answer: Answer) -> AsyncIterator[str]:
    """A JSON-RPC server that says what the test wants; counts are the caller's business."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.json()
        found = answer(body["method"], body["params"])
        if isinstance(found, web.Response):
            return found
        return web.json_response({"jsonrpc": "2.0", "id": body["id"], **found})

    async with served({"/": handle}) as url:
        yield url


@contextlib.asynccontextmanager
async def served(routes: dict[str, Any], method: str = "POST") -> AsyncIterator[str]:
    app = web.Application()
    for path, handler in routes.items():
        app.router.add_route(method, path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def client_of(*urls: str, chain_id: int = CHAIN_ID) -> AsyncIterator[L1Client]:
    client = L1Client(urls, chain_id=chain_id, timeout_s=30.0)
    try:
        yield client
    finally:
        await client.aclose()


def good(method: str, params: list[Any]) -> dict[str, Any]:
    if method == "eth_chainId":
        return {"result": hex(CHAIN_ID)}
    if method == "eth_getBlockByNumber" and params[0] == "0x0":
        return {"result": {"hash": "0x" + "00" * 32}}
    assert method == "eth_getBalance", params
    return {"result": "0x7"}


SOMEBODY = Address(b"\x01" * 20)


async def test_another_chain_is_refused_with_both_ids() -> None:
    async with endpoint(good) as url, client_of(url, chain_id=1) as client:
        with pytest.raises(Fatal, match=r"on chain 31337, the genesis file names L1 chain 1"):
            await client.balance(SOMEBODY)


@pytest.mark.parametrize(
    "bad",
    [
        lambda _method, _params: web.Response(status=500),
        lambda _method, _params: web.Response(status=429),
        lambda _method, _params: web.Response(text="<html>"),
        lambda _method, _params: web.Response(text="[1]", content_type="application/json"),
        lambda _method, _params: {"result": 7},
        lambda _method, _params: {"result": "0xzz"},
        lambda _method, _params: {"result": None},
        lambda _method, _params: {"error": {"code": -32005, "message": "limit exceeded"}},
    ],
)
async def test_a_bad_endpoint_is_left_for_the_next_and_named(bad: Answer) -> None:
    def first(method: str, params: list[Any]) -> Any:
        is_check = method in ("eth_chainId", "eth_getBlockByNumber")
        return good(method, params) if is_check else bad(method, params)

    async with endpoint(first) as one, endpoint(good) as two:
        async with client_of(one, two) as client:
            assert await client.balance(SOMEBODY) == 7
        async with client_of(one) as alone:
            with pytest.raises(Temporary) as caught:
                await alone.balance(SOMEBODY)
            assert one in caught.value.message


async def test_a_failed_endpoint_is_not_asked_again_at_once() -> None:
    asked: list[str] = []

    def flaky(method: str, _params: list[Any]) -> Any:
        asked.append(method)
        return web.Response(status=503)

    async with (
        endpoint(flaky) as one,
        endpoint(good) as two,
        client_of(one, two) as client,
    ):
        for _ in range(5):
            assert await client.balance(SOMEBODY) == 7
        assert len(asked) == 1


async def test_an_endpoint_that_comes_back_is_used_again() -> None:
    broken = True

    def mended(method: str, params: list[Any]) -> Any:
        return web.Response(status=503) if broken else good(method, params)

    async with endpoint(mended) as url, client_of(url) as client:
        with pytest.raises(Temporary):
            await client.balance(SOMEBODY)
        broken = False
        assert await client.balance(SOMEBODY) == 7


async def test_an_endpoint_that_does_not_answer_is_left_after_its_time() -> None:
    async def silent(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with served({"/": silent}) as one, endpoint(good) as two:
        client = L1Client([one, two], chain_id=CHAIN_ID, timeout_s=0.2)
        assert await client.balance(SOMEBODY) == 7
        await client.aclose()


async def test_a_refusal_is_an_answer_and_goes_to_the_caller() -> None:
    def refuse(method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return good(method, params)
        return {"error": {"code": -32000, "message": "nonce too low"}}

    async with endpoint(refuse) as url, client_of(url) as client:
        with pytest.raises(CallRefused, match="nonce too low") as caught:
            await client.send_raw(b"\x02")
        assert caught.value.code == -32000


def test_no_endpoint_at_all_is_refused() -> None:
    with pytest.raises(InvalidConfig, match=r"l1\.endpoints"):
        L1Client([], chain_id=1)


@pytest.mark.parametrize(("fork", "version"), [("prague", 0), ("osaka", 1)])
async def test_the_sidecar_version_follows_the_fork(fork: str, version: int) -> None:
    async with running_anvil("--hardfork", fork) as anvil, client_of(anvil.url) as client:
        assert await sidecar_version(client) == version


async def test_typed_calls_read_a_real_l1() -> None:
    async with running_anvil() as anvil, client_of(anvil.url) as client:
        await anvil.mine(3)
        header = await client.header("latest")
        assert header is not None
        assert header.number == 3
        parent = await client.header(2)
        assert parent is not None
        assert parent.hash == header.parent_hash
        assert await client.header(99) is None
        me = Address(bytes.fromhex(account().address[2:]))
        assert await client.balance(me) == 10_000 * 10**18
        assert await client.nonce(me) == 0
        assert await client.receipt(Hash32(bytes(32))) is None
        assert not await client.knows(Hash32(bytes(32)))
        assert (await client.blob_base_fee() or 0) >= 1
        block = await client.block(3)
        assert block == (header, [])


def header_at(number: int, timestamp: int = 1_000) -> L1Header:
    return L1Header(
        number=number,
        hash=Hash32(bytes(32)),
        parent_hash=Hash32(bytes(32)),
        timestamp=timestamp,
        base_fee_per_gas=1,
        excess_blob_gas=0,
        prev_randao=Hash32(bytes(32)),
    )


async def test_blobs_come_from_the_first_source_that_has_the_right_ones() -> None:
    right, wrong = encode_blob(b"right"), encode_blob(b"wrong")
    name = hash_of_blob(right)
    paths: list[str] = []

    async def empty(_request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    async def liar(_request: web.Request) -> web.Response:
        return web.json_response({"data": ["0x" + wrong.hex(), "0x" + b"\xff".hex() * 131_072]})

    async def beacon(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.json_response({"data": ["0x" + wrong.hex(), "0x" + right.hex()]})

    async def spec(_request: web.Request) -> web.Response:
        return web.json_response({"data": {"SECONDS_PER_SLOT": "12"}})

    async def genesis(_request: web.Request) -> web.Response:
        return web.json_response({"data": {"genesis_time": "400"}})

    route = "/eth/v1/beacon/blobs/{id}"
    consensus = {
        route: beacon,
        "/eth/v1/config/spec": spec,
        "/eth/v1/beacon/genesis": genesis,
    }
    async with (
        served({route: empty}, "GET") as first,
        served({route: liar}, "GET") as second,
        served(consensus, "GET") as third,
    ):
        cache = BlobCache()
        sources = BlobSources([first, second, third], cache=cache)
        assert await sources.fetch(header_at(7), [name]) == [right]
        assert paths == ["/eth/v1/beacon/blobs/50"]  # (1000 - 400) / 12
        assert await sources.fetch(header_at(7), [name, name]) == [right, right]
        assert len(paths) == 1  # the second time from the cache
        await sources.aclose()
        lying = BlobSources([first, second], cache=BlobCache())
        with pytest.raises(Temporary, match=r"lacks 1 of 1.*blob archive"):
            await lying.fetch(header_at(7), [name])
        await lying.aclose()


@pytest.mark.parametrize("body", ["{", "[]", '{"data": 7}', '{"data": ["0x12"]}'])
async def test_a_malformed_blob_answer_is_named(body: str) -> None:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async with served({"/eth/v1/beacon/blobs/{id}": handle}, "GET") as url:
        sources = BlobSources([url], cache=BlobCache())
        with pytest.raises(Temporary, match="malformed"):
            await sources.fetch(header_at(7), [Hash32(b"\x01" * 32)])
        await sources.aclose()


async def test_blobs_of_anvil_are_found_by_block_number() -> None:
    """Also several of one block: anvil heeds only one of the hashes that it is asked for."""
    async with running_anvil() as anvil, client_of(anvil.url) as client:
        blobs = [encode_blob(b"on chain %d" % index) for index in range(4)]
        for nonce, pair in enumerate((blobs[:2], blobs[2:])):
            sidecar = make_sidecar(pair, version=0)
            signed = account().sign_transaction(_blob_fields(nonce, sidecar.versioned_hashes))
            await client.send_raw(pooled_encoding(bytes(signed.raw_transaction), sidecar))
        await anvil.mine()
        found = await client.block(1)
        assert found is not None
        header, transactions = found
        hashes = [name for tx in transactions for name in tx.blob_hashes]
        assert len(hashes) == 4
        sources = BlobSources([anvil.url], cache=BlobCache())
        assert await sources.fetch(header, hashes) == blobs
        await sources.aclose()


def _blob_fields(nonce: int, hashes: Sequence[Hash32]) -> dict[str, Any]:
    return {
        "type": 3,
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "to": b"\xfe" * 20,
        "value": 0,
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
        "data": b"",
        "accessList": (),
        "maxFeePerBlobGas": 10**10,
        "blobVersionedHashes": list(hashes),
    }
