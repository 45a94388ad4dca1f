"""A small synchronous JSON-RPC client for the command line: a batch of calls, and the probes.

The daemon's own L1 traffic does not come here; it goes through `l1/`.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import orjson

from metis_node.errors import InvalidRequest, Temporary

TIMEOUT_S = 5.0
METHOD_NOT_FOUND = -32601
MAX_RESPONSE_BYTES = 64 << 20  # a command shows figures, not blocks

Call = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonRpcClient:
    """One endpoint. Temporary where it does not answer, InvalidRequest where it refuses."""

    url: str
    timeout_s: float = TIMEOUT_S

    def call(self, method: str, *params: Any) -> Any:
        return self.batch([(method, list(params))])[0]

    def batch(self, calls: list[Call], *, missing_ok: bool = False) -> list[Any]:
        """Results in the order of the calls. A refused call raises InvalidRequest.

        `missing_ok`: a method that the endpoint does not have gives None.
        """
        requests = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
            for index, (method, params) in enumerate(calls)
        ]
        responses = self._exchanged(requests)
        return [
            _result(responses.get(index), method, missing_ok=missing_ok)
            for index, (method, _) in enumerate(calls)
        ]

    def _exchanged(self, requests: list[dict[str, Any]]) -> dict[int, Any]:
        status, body = self.fetch("/", orjson.dumps(requests))
        try:
            responses = orjson.loads(body)
            return {response["id"]: response for response in responses}
        except (orjson.JSONDecodeError, TypeError, KeyError) as error:
            raise Temporary(
                f"{self.url} does not speak JSON-RPC (HTTP {status}): is this the node's address?"
            ) from error

    def fetch(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """HTTP status and body of one GET, or POST where a body is given."""
        try:
            request = urllib.request.Request(
                self.url.rstrip("/") + path, data=body, headers={"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:
                return response.status, response.read(MAX_RESPONSE_BYTES)
        except urllib.error.HTTPError as error:
            return error.code, error.read(MAX_RESPONSE_BYTES)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise Temporary(
                f"no answer from {self.url} ({reason}): is the node running? name its address "
                "with --rpc"
            ) from error


def _result(response: Any, method: str, *, missing_ok: bool) -> Any:
    if not isinstance(response, dict):
        raise Temporary(f"{method} was not answered")
    if "error" in response:
        error = response["error"]
        if missing_ok and error.get("code") == METHOD_NOT_FOUND:
            return None
        raise InvalidRequest(f"{method}: {error.get('message')}", code=error.get("code", -32000))
    return response["result"]
