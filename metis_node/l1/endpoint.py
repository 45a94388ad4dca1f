"""One L1 endpoint: a request, and an answer or what went wrong.

How it has behaved is in `endpoint_health.py`, which one to ask in `client.py`.

web3 is imported when the first provider is made, so that a node without an L1 does not carry it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from metis_node.errors import Invalid, Temporary
from metis_node.l1 import answers
from metis_node.l1.endpoint_health import Health

if TYPE_CHECKING:
    from web3 import AsyncWeb3
    from web3.types import RPCEndpoint

    from metis_node.l1.provider import SessionProvider

MAX_CONCURRENT_CALLS = 8  # of one endpoint: public ones count requests per second

# JSON-RPC codes and words with which endpoints say "not now" rather than "no".
LIMIT_CODES = frozenset({-32005, -32016, -32097, 429})
LIMIT_WORDS = ("rate limit", "too many requests", "capacity", "request limit", "throughput")
OVERLOAD_WORDS = ("timeout", "timed out", "try again", "syncing")
# Words with which they say that a range of logs is too large; the code is often that of a limit.
RANGE_METHOD = "eth_getLogs"
RANGE_WORDS = (
    "query returned more than",
    "too many results",
    "too many logs",
    "block range",
    "range is too large",
    "range too large",
    "exceed max results",
    "max results",
    "logs matched",
    "response size",
    "response is too big",
    "limited to",
)
REVERTED = 3  # the code of a contract's own refusal, whatever its words
MAX_REVERT_BYTES = 16 << 10  # custom errors have some words; a string may have a page


class CallRefused(Invalid):
    """The L1 understood a call and refused it. `code`, `message` and `data` are its own.

    `data` is what a contract reverted with, where the endpoint passes it on; else empty.
    """

    def __init__(
        self, message: str, *, code: int, method: str, endpoint: str, data: bytes = b""
    ) -> None:
        super().__init__(message, code=code, method=method, endpoint=endpoint)
        self.code = code
        self.data = data


class TooMuchAsked(CallRefused):
    """A range of logs that holds too many blocks or results for the endpoint."""


class EndpointFailed(Temporary):
    """An endpoint that did not answer, or not with what was asked for."""


class RateLimited(EndpointFailed):
    """An endpoint that asks for patience; `retry_after_s` is how much, where it says."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Endpoint:
    """See the module. `name` is the URL without credentials and path, for messages."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        self.health = Health()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._url = url
        self._timeout_s = timeout_s
        self._web3: AsyncWeb3[SessionProvider] | None = None

    async def request(self, method: str, params: list[Any]) -> Any:
        """The `result` member. CallRefused or EndpointFailed."""
        try:
            async with self._slots, asyncio.timeout(self._timeout_s):
                answer = await self._provider().make_request(cast("RPCEndpoint", method), params)
        except RateLimited as error:
            raise RateLimited(
                f"L1 endpoint {self.name} limits requests at {method}: {error.message}",
                retry_after_s=error.retry_after_s,
            ) from None
        except TimeoutError:
            raise EndpointFailed(
                f"L1 endpoint {self.name} did not answer {method} within {self._timeout_s:g} s"
            ) from None
        except Exception as error:
            # whatever aiohttp and the JSON decoder raise: all of it is this endpoint
            raise EndpointFailed(
                f"L1 endpoint {self.name} failed at {method}: {type(error).__name__}: {error}"
            ) from error
        return self._result(method, answer)

    async def aclose(self) -> None:
        if self._web3 is not None:
            await self._web3.provider.disconnect()
            self._web3 = None

    def _provider(self) -> SessionProvider:
        if self._web3 is None:
            from metis_node.l1.provider import web3_over

            self._web3 = web3_over(self._url, timeout_s=self._timeout_s)
        return self._web3.provider

    def _result(self, method: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise EndpointFailed(f"L1 endpoint {self.name}: the answer to {method} is no JSON-RPC")
        error = answer.get("error")
        if error is None:
            return answer.get("result")
        code, message, data = -32603, str(error), b""
        if isinstance(error, dict):
            message = str(error.get("message", error))
            data = _revert_data(error.get("data"))
            if isinstance(error.get("code"), int):
                code = error["code"]
        raise self._refusal(method, code, message, data)

    def _refusal(
        self, method: str, code: int, message: str, data: bytes
    ) -> CallRefused | EndpointFailed:
        lowered = message.lower()
        if method == RANGE_METHOD and any(word in lowered for word in RANGE_WORDS):
            return TooMuchAsked(message, code=code, method=method, endpoint=self.name)
        if code == REVERTED:
            return CallRefused(message, code=code, method=method, endpoint=self.name, data=data)
        if code in LIMIT_CODES or any(word in lowered for word in LIMIT_WORDS):
            return RateLimited(f"L1 endpoint {self.name} limits requests at {method}: {message}")
        if any(word in lowered for word in OVERLOAD_WORDS):
            return EndpointFailed(f"L1 endpoint {self.name} is overloaded at {method}: {message}")
        return CallRefused(message, code=code, method=method, endpoint=self.name, data=data)


def _revert_data(value: Any) -> bytes:
    """The `data` member of an error: hex bytes, or an object that has them, or something else."""
    if isinstance(value, dict):
        value = value.get("data")
    try:
        return answers.data(value, most=MAX_REVERT_BYTES)
    except answers.Malformed:
        return b""
