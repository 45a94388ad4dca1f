"""A web3 provider over one kept-alive aiohttp session.

web3's own takes a process-wide thread lock for every request in a way that a cancelled request can
leave locked for ever, and opens a connection each time; this one has neither. Import it late: it
brings all of web3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import orjson
from web3 import AsyncWeb3
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from metis_node.errors import Temporary
from metis_node.l1.endpoint import RateLimited

HTTP_TOO_MANY_REQUESTS = 429
MAX_DIGITS = 9
MAX_ANSWER_BYTES = 64 << 20  # a full block of an L1 that shows its blobs in JSON


class SessionProvider(AsyncJSONBaseProvider):
    def __init__(self, url: str, *, timeout_s: float) -> None:
        super().__init__()
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        body = orjson.dumps(self.form_request(method, params))
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers) as response:
            if response.status == HTTP_TOO_MANY_REQUESTS:
                raise RateLimited("HTTP 429", retry_after_s=_seconds(response.headers))
            response.raise_for_status()
            return cast("RPCResponse", orjson.loads(await _limited(response)))

    async def disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def web3_over(url: str, *, timeout_s: float) -> AsyncWeb3[SessionProvider]:
    return AsyncWeb3(SessionProvider(url, timeout_s=timeout_s))


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    try:
        await response.content.readexactly(MAX_ANSWER_BYTES)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    raise Temporary(f"an answer of more than {MAX_ANSWER_BYTES} bytes")


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3). Endpoints do not use its other form, a date."""
    text = headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < MAX_DIGITS else None
