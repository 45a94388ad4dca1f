"""JSON-RPC error codes, and how our errors become `error` members. No transport lives here.

Words follow geth where clients match on them; the codes are those of JSON-RPC 2.0, EIP-1474,
geth's `rpc` package and EIP-7966.
"""

from __future__ import annotations

from typing import Any

import structlog

from metis_node.errors import InvalidRequest, InvalidTransaction, MetisError, Temporary

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = -32000  # geth's default server error
TIMED_OUT = -32002
RESPONSE_TOO_LARGE = -32003
LIMIT_EXCEEDED = -32005
REVERTED = 3
SYNC_TIMED_OUT = 4  # EIP-7966: in the mempool, no receipt in time; `data` is the hash
SYNC_NONCE_GAP = 6  # EIP-7966: behind a gap; `data` is the expected nonce

log = structlog.get_logger(__name__)


def error_member(code: int, message: str, data: object = None) -> dict[str, Any]:
    """The `error` object; `data` only where there is some."""
    if data is None:
        return {"code": code, "message": message}
    return {"code": code, "message": message, "data": data}


def error_of(error: BaseException, method: str) -> dict[str, Any]:
    """The `error` object for whatever a method raised. What nobody expected is logged, not told."""
    if isinstance(error, InvalidRequest):
        return error_member(error.code, error.message, error.data)
    if isinstance(error, InvalidTransaction):
        return error_member(REFUSED, error.message)
    if isinstance(error, Temporary):
        return error_member(LIMIT_EXCEEDED, error.message)
    if isinstance(error, MetisError):
        log.error("rpc method failed", method=method, error=error.message, facts=error.facts)
        return error_member(INTERNAL_ERROR, error.message)
    log.error("rpc method crashed", method=method, exc_info=error)
    return error_member(INTERNAL_ERROR, "internal error: see the node's log")


def method_not_found(name: str) -> dict[str, Any]:
    return error_member(
        METHOD_NOT_FOUND, f"the method {shorten(name)} does not exist/is not available"
    )


def shorten(text: str, limit: int = 64) -> str:
    """A stranger's text, fit for a message: bounded in length."""
    return text if len(text) <= limit else text[:limit] + "..."
