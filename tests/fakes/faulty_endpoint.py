"""A proxy in front of a real L1 endpoint that does to answers what bad endpoints do.

`fault` holds for every request, or for those that `picks` chooses. Its lies parse, so that only
comparison or arithmetic can tell.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import aiohttp
import orjson
from aiohttp import web

from metis_node.codec.hashes import keccak256

Fault = Literal[
    "",
    "lies about hashes",
    "leaves out logs",
    "makes up logs",
    "doubles logs",
    "lags",
    "limits with 429",
    "limits with -32005",
    "has a range limit",
    "drops connections",
    "truncates",
    "answers garbage",
    "answers HTML",
    "answers a wrong type",
    "answers null",
    "fails with 500",
    "is of another chain",
    "has another genesis",
]

LAG = 6  # blocks
RANGE_LIMIT = 3  # blocks of one eth_getLogs
OTHER_CHAIN = 4_242


class FaultyEndpoint:
    """`asked` counts requests by method."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.fault: Fault = ""
        self.picks: Callable[[], bool] = lambda: True
        self.retry_after_s: int | None = None
        self.asked: Counter[str] = Counter()
        self._upstream = upstream
        self._session = session

    async def handle(self, request: web.Request) -> web.StreamResponse:
        call = orjson.loads(await request.read())
        self.asked[call["method"]] += 1
        fault = self.fault if self.fault and self.picks() else ""
        early = await self._instead(fault, call, request)
        if early is not None:
            return early
        answer = await self._forward(call["method"], call["params"])
        if "result" in answer:
            answer = await self._twisted(fault, call, answer)
        body = orjson.dumps({**answer, "id": call["id"]})
        if fault == "truncates":
            return await _cut_short(request, body)
        return web.Response(body=body, content_type="application/json")

    async def _instead(
        self, fault: str, call: dict[str, Any], request: web.Request
    ) -> web.StreamResponse | None:
        """An answer that the upstream has no part in."""
        match fault:
            case "limits with 429":
                after = self.retry_after_s
                headers = {} if after is None else {"Retry-After": str(after)}
                return web.Response(status=429, headers=headers)
            case "limits with -32005":
                return _error(call, -32005, "daily request count exceeded, request rate limited")
            case "drops connections":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case "answers garbage":
                return web.Response(body=keccak256(b"garbage") * 3)
            case "answers HTML":
                return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
            case "answers a wrong type":
                return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": [7]})
            case "answers null":
                return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": None})
            case "fails with 500":
                return web.Response(status=500)
            case "lags":
                return await self._lagging(call)
            case "has a range limit":
                return _refused_range(call)
        return None

    async def _forward(self, method: str, params: list[Any]) -> dict[str, Any]:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._session.post(self._upstream, json=request) as response:
            answer: dict[str, Any] = orjson.loads(await response.read())
        return answer

    async def _lagging(self, call: dict[str, Any]) -> web.StreamResponse | None:
        """The head is some blocks lower, and what is above it does not exist."""
        method, params = call["method"], call["params"]
        answer = await self._forward("eth_blockNumber", [])
        head = max(int(answer["result"], 16) - LAG, 0)
        result: Any = None
        if method == "eth_getBlockByNumber":
            asked = params[0]
            if not asked.startswith("0x"):
                result = (await self._forward(method, [hex(head), params[1]]))["result"]
            elif int(asked, 16) <= head:
                return None
        elif method == "eth_getLogs" and "blockHash" in params[0]:
            found = await self._forward("eth_getBlockByHash", [params[0]["blockHash"], False])
            block = found["result"]
            if block is not None and int(block["number"], 16) <= head:
                return None
            return _error(call, -32000, "unknown block")
        elif method == "eth_call":
            return _error(call, -32000, "header not found")
        else:
            return None
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})

    async def _twisted(
        self, fault: str, call: dict[str, Any], answer: dict[str, Any]
    ) -> dict[str, Any]:
        method, result = call["method"], answer["result"]
        is_block = method == "eth_getBlockByNumber" and result is not None
        if fault == "lies about hashes" and is_block and call["params"][0] != "0x0":
            lie = "0x" + keccak256(bytes.fromhex(result["hash"][2:])).hex()
            return {**answer, "result": {**result, "hash": lie}}
        if fault == "has another genesis" and is_block and call["params"][0] == "0x0":
            return {**answer, "result": {**result, "hash": "0x" + "66" * 32}}
        if fault == "is of another chain" and method == "eth_chainId":
            return {**answer, "result": hex(OTHER_CHAIN)}
        if method == "eth_getLogs" and result:
            return {**answer, "result": _logs(fault, result)}
        return answer


def _logs(fault: str, logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    match fault:
        case "leaves out logs":
            return []
        case "makes up logs":
            index = hex(int(logs[-1]["logIndex"], 16) + 1)
            return [*logs, {**logs[-1], "logIndex": index, "data": "0x" + "00" * 32}]
        case "doubles logs":
            return [*reversed(logs), *logs]
    return logs


def _refused_range(call: dict[str, Any]) -> web.StreamResponse | None:
    where = call["params"][0] if call["method"] == "eth_getLogs" else {}
    if "fromBlock" not in where:
        return None
    blocks = int(where["toBlock"], 16) - int(where["fromBlock"], 16) + 1
    if blocks <= RANGE_LIMIT:
        return None
    return _error(call, -32005, "query returned more than 10000 results")


def _error(call: dict[str, Any], code: int, message: str) -> web.Response:
    error = {"code": code, "message": message}
    return web.json_response({"jsonrpc": "2.0", "id": call["id"], "error": error})


async def _cut_short(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half of an answer that promises to be whole."""
    response = web.StreamResponse()
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


@contextlib.asynccontextmanager
async def faulty_endpoints(upstream: str, count: int) -> AsyncIterator[list[FaultyEndpoint]]:
    """So many proxies in front of one L1, each with its own faults."""
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession() as session:
        try:
            made = []
            for _ in range(count):
                endpoint = FaultyEndpoint(upstream, session)
                app = web.Application()
                app.router.add_post("/", endpoint.handle)
                runner = web.AppRunner(app, shutdown_timeout=0.1)
                runners.append(runner)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                made.append(endpoint)
            yield made
        finally:
            for runner in runners:
                await runner.cleanup()
