"""A remote signer over real HTTP that speaks Web3Signer's eth1 API, and can be made to misbehave.

`eth_accounts` and `eth_signTransaction` as its JSON-RPC reference describes them (the result is the
signed transaction's bytes), `GET /api/v1/eth1/publicKeys` as its REST reference does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from eth_account import Account
from eth_account.signers.local import LocalAccount

INVALID_PARAMS = -32602
SIGNING_FROM_IS_NOT_AN_UNLOCKED_ACCOUNT = -32000
METHOD_NOT_FOUND = -32601
QUANTITIES = ("gas", "maxFeePerGas", "maxPriorityFeePerGas", "value", "nonce")


@dataclass(slots=True)
class Web3Signer:
    """`changes` replace fields before signing, `sign_with` signs instead of the account named,
    `broken` answers every request with that status and body."""

    chain_id: int
    accounts: dict[str, LocalAccount]
    url: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    sign_with: LocalAccount | None = None
    broken: tuple[int, bytes] | None = None
    result: Any = None  # instead of what was signed
    requests: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        match request["method"]:
            case "eth_accounts":
                return {"result": [address.lower() for address in self.accounts]}
            case "eth_signTransaction":
                return self._signed(request["params"][0])
        return _error(METHOD_NOT_FOUND, "Method not found")

    def public_keys(self) -> list[str]:
        return ["0x" + account._key_obj.public_key.to_bytes().hex() for account in self._held]

    @property
    def _held(self) -> list[LocalAccount]:
        return list(self.accounts.values())

    def _signed(self, fields: dict[str, str]) -> dict[str, Any]:
        sender = {a.lower(): account for a, account in self.accounts.items()}.get(
            fields.get("from", "").lower()
        )
        if sender is None:
            return _error(
                SIGNING_FROM_IS_NOT_AN_UNLOCKED_ACCOUNT, "From address does not match unlocked"
            )
        if any(name not in fields for name in QUANTITIES):
            return _error(INVALID_PARAMS, "Invalid params")
        transaction: dict[str, Any] = {name: int(fields[name], 16) for name in QUANTITIES}
        transaction |= {"type": 2, "chainId": self.chain_id, "data": fields["data"]}
        transaction |= {"to": bytes.fromhex(fields["to"][2:])} | self.changes
        signed = (self.sign_with or sender).sign_transaction(transaction)
        return {"result": self.result or "0x" + bytes(signed.raw_transaction).hex()}


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@contextmanager
def running_web3signer(*keys: bytes, chain_id: int) -> Iterator[Web3Signer]:
    """A signer that holds these keys, on a free port of loopback."""
    held = [Account.from_key(key) for key in keys]
    signer = Web3Signer(chain_id=chain_id, accounts={entry.address: entry for entry in held})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = {"jsonrpc": "2.0", "id": request["id"]} | signer.answer(request)
            self._reply(*(signer.broken or (200, orjson.dumps(answer))))

        def do_GET(self) -> None:
            known = self.path == "/api/v1/eth1/publicKeys"
            self._reply(200 if known else 404, orjson.dumps(signer.public_keys()))

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Tests read no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    signer.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield signer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
