"""An account whose key is in a remote signer: Web3Signer in eth1 mode, over its JSON-RPC.

`eth_accounts` tells which accounts it holds, `eth_signTransaction` signs. Nothing is taken on
trust: the answer must be the very transaction that was asked for, signed by the account named.
Calls block, so they belong in a worker thread.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import orjson

from metis_node.errors import InvalidConfig, Temporary
from metis_node.types.primitives import Address

TIMEOUT_S = 30.0  # a signer may ask a vault, a module or a person
MAX_ANSWER_BYTES = 1 << 20
CHECKED_FIELDS = ("chainId", "nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotelySigned:
    raw_transaction: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSigner:
    """A `TransactionSigner` over HTTP. Make it with `remote_signer`."""

    url: str
    address: str
    timeout_s: float = TIMEOUT_S

    def sign_transaction(self, transaction_dict: dict[str, Any]) -> RemotelySigned:
        """Temporary where the signer does not answer, InvalidConfig where it refuses or lies."""
        if transaction_dict["type"] != 2:
            raise InvalidConfig("a remote signer signs transactions of type 2 only, no blobs")
        fields = _request_of(transaction_dict, self.address)
        answer = _asked(self.url, "eth_signTransaction", [fields], self.timeout_s)
        raw = _raw_transaction(answer, self.url)
        return _verified(raw, transaction_dict, self)


def remote_signer(
    url: str, account: Address | None, *, timeout_s: float = TIMEOUT_S
) -> RemoteSigner:
    """The signer's account; the only one where none is named. InvalidConfig lists what it has."""
    from eth_utils.address import to_checksum_address

    held = _asked(url, "eth_accounts", [], timeout_s)
    if not isinstance(held, list) or not all(isinstance(entry, str) for entry in held):
        raise Temporary(f"the remote signer at {url} gives no list of accounts")
    accounts = sorted(to_checksum_address(entry) for entry in held)
    shown = ", ".join(accounts) or "none"
    if account is None:
        if len(accounts) != 1:
            raise InvalidConfig(
                f"the remote signer at {url} holds {len(accounts)} accounts ({shown}): name one "
                "with --from"
            )
        return RemoteSigner(url=url, address=accounts[0], timeout_s=timeout_s)
    wanted = to_checksum_address(account)
    if wanted not in accounts:
        raise InvalidConfig(
            f"the remote signer at {url} does not hold the key of {wanted}; it holds: {shown}"
        )
    return RemoteSigner(url=url, address=wanted, timeout_s=timeout_s)


def _request_of(fields: dict[str, Any], sender: str) -> dict[str, str]:
    return {
        "from": sender,
        "to": "0x" + bytes(fields["to"]).hex(),
        "gas": hex(fields["gas"]),
        "maxFeePerGas": hex(fields["maxFeePerGas"]),
        "maxPriorityFeePerGas": hex(fields["maxPriorityFeePerGas"]),
        "value": hex(fields["value"]),
        "nonce": hex(fields["nonce"]),
        "data": "0x" + bytes(fields["data"]).hex(),
    }


def _asked(url: str, method: str, params: list[Any], timeout_s: float) -> Any:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    try:
        request = urllib.request.Request(
            url, data=body, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            answer = orjson.loads(response.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as refusal:
        refusal.close()  # it holds the connection
        raise Temporary(
            f"the remote signer at {url} answers {method} with HTTP {refusal.code}: is it "
            "Web3Signer in eth1 mode?"
        ) from refusal
    except orjson.JSONDecodeError as fault:
        raise Temporary(f"the remote signer at {url} does not speak JSON-RPC") from fault
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "reason", fault)
        raise Temporary(f"no answer from the remote signer at {url} ({reason})") from fault
    if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
        raise Temporary(f"the remote signer at {url} does not speak JSON-RPC")
    if answer.get("error") is not None:
        error = answer["error"]
        words = error.get("message") if isinstance(error, dict) else error
        raise InvalidConfig(f"the remote signer at {url} refuses {method}: {words}")
    return answer["result"]


def _raw_transaction(answer: Any, url: str) -> bytes:
    """Web3Signer gives the bytes, geth's clef an object that has them."""
    if isinstance(answer, dict):
        answer = answer.get("raw")
    try:
        return bytes.fromhex(answer.removeprefix("0x"))
    except (AttributeError, ValueError):
        raise Temporary(f"the remote signer at {url} gives no signed transaction") from None


def _verified(raw: bytes, wanted: dict[str, Any], signer: RemoteSigner) -> RemotelySigned:
    from eth_account import Account
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from eth_utils.crypto import keccak
    from hexbytes import HexBytes

    try:
        found = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        sender = Account.recover_transaction(raw)
    except Exception as error:  # decoders and curves have families of errors of their own
        raise InvalidConfig(
            f"the remote signer at {signer.url} gives something that is no signed transaction of "
            f"type 2 ({type(error).__name__})"
        ) from error
    for name in CHECKED_FIELDS:
        if found.get(name) != wanted[name]:
            raise InvalidConfig(
                f"the remote signer at {signer.url} signed another transaction: {name} is "
                f"{found.get(name)}, not {wanted[name]}" + _hint(name)
            )
    if bytes(found["to"]) != bytes(wanted["to"]) or bytes(found["data"]) != bytes(wanted["data"]):
        raise InvalidConfig(f"the remote signer at {signer.url} signed another transaction")
    if sender != signer.address:
        raise InvalidConfig(
            f"the remote signer at {signer.url} signed with the key of {sender}, not of "
            f"{signer.address}"
        )
    return RemotelySigned(raw_transaction=raw, hash=keccak(raw))


def _hint(name: str) -> str:
    return ": start the signer with the --chain-id of this L1" if name == "chainId" else ""
