"""A dispatcher over a few methods that need no chain, for tests of the JSON-RPC shell."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from metis_node.errors import InvalidRequest, InvalidTransaction, Temporary
from metis_node.rpc.jsonrpc import Dispatcher
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.method import Method
from metis_node.rpc.session import Session


class Bench:
    """Methods that record how they were called."""

    def __init__(self, limits: RpcLimits | None = None) -> None:
        self.runs: list[list[list[Any]]] = []
        self.gate = asyncio.Event()
        self.dispatcher = Dispatcher(
            [
                Method("echo", lambda params, _: params),
                Method("is_page", lambda _, session: session.is_page),
                Method("big", lambda params, _: "x" * params[0]),
                Method("later", self._later),
                Method("gated", self._gated),
                Method("refuse", self._refuse),
                Method("busy", self._busy),
                Method("crash", self._crash),
                Method("crash_later", self._crash_later),
                Method("unencodable", lambda _params, _: {"value": object()}),
                Method("send", self._send, many=self._send_many, finish=bytes.hex),
            ],
            limits or RpcLimits(),
        )

    async def ask(self, body: bytes | object, session: Session | None = None) -> Any:
        """The decoded answer; None where there is no content."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        payload = await self.dispatcher.answer(raw, session or Session("test"))
        return orjson.loads(payload) if payload else None

    async def _later(self, params: list[Any], _session: Session) -> Any:
        await asyncio.sleep(0)
        return params

    async def _gated(self, params: list[Any], _session: Session) -> Any:
        await self.gate.wait()
        return params

    def _refuse(self, _params: list[Any], _session: Session) -> Any:
        raise InvalidRequest("execution reverted", code=3, data="0x08c379a0")

    def _busy(self, _params: list[Any], _session: Session) -> Any:
        raise Temporary("come back later")

    def _crash(self, _params: list[Any], _session: Session) -> Any:
        raise ZeroDivisionError("secret detail")

    async def _crash_later(self, _params: list[Any], _session: Session) -> Any:
        raise ZeroDivisionError("secret detail")

    def _send(self, params: list[Any], _session: Session) -> Any:
        self.runs.append([params])
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if params == ["bad"]:
            future.set_exception(InvalidTransaction("nonce too low", code="nonce_low"))
        else:
            future.set_result(params[0].encode())
        return future

    async def _send_many(self, calls: Any) -> list[Any]:
        self.runs.append(list(calls))
        return [
            InvalidTransaction("nonce too low") if params == ["bad"] else params[0].encode().hex()
            for params in calls
        ]


def call(method: str, *params: object, ident: object = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": ident, "method": method, "params": list(params)}
