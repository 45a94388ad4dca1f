"""Runs TransactionTests: a transaction is valid in a fork iff decoder and block building take it.

The sender gets all the money there is and the right nonce, so that only what the transaction says
of itself decides.
"""

from __future__ import annotations

from typing import Any

import rlp

from metis_node import _native
from tests.factories import alloc_json, child_template, new_chain, rules_json
from tests.vectors.fixtures import number, unhex
from tests.vectors.tally import Tally

CHAIN_ID = 1
RICH = 2**256 - 1  # wei
GAS_LIMIT = 2**64 - 1

_FORKS = {
    "EIP158": "spurious_dragon",
    "Byzantium": "byzantium",
    "Constantinople": "petersburg",  # the two differ in no rule about transactions
    "ConstantinopleFix": "petersburg",
    "Istanbul": "istanbul",
    "Berlin": "berlin",
    "London": "london",
    "Paris": "paris",
    "Shanghai": "shanghai",
    "Cancun": "cancun",
}

_TOO_OLD = "before EIP-155, which the decoder always applies"
_TOO_DEAR = "fees of 2^128 wei per gas and more, which nobody can pay"


def run_file(path: str, content: dict[str, Any], tally: Tally) -> None:
    """Run every test of a file under every fork that it names."""
    for name, test in content.items():
        raw = unhex(test["txbytes"])
        for fork, expected in test["result"].items():
            if fork not in _FORKS:
                tally.skip(fork, _TOO_OLD)
                continue
            if "exception" not in expected and _fee(raw) >= 2**128:
                tally.skip(fork, _TOO_DEAR)
                continue
            fault = _compare(raw, _FORKS[fork], expected)
            if fault is None:
                tally.accept(fork)
            else:
                tally.refuse(fork, f"{path}:{name}: {fault}")


def _fee(raw: bytes) -> int:
    """Gas price or fee cap of a well-formed encoding."""
    kind, fields = (0, rlp.decode(raw)) if raw[0] >= 0xC0 else (raw[0], rlp.decode(raw[1:]))
    place = {0: 1, 1: 2, 2: 3}[kind]
    return int.from_bytes(fields[place], "big")


def _compare(raw: bytes, fork: str, expected: dict[str, Any]) -> str | None:
    refusal, transaction, gas_used = _include(raw, fork)
    if "exception" in expected:
        return None if refusal else f"accepted, but it is invalid: {expected['exception']}"
    if refusal or transaction is None:
        return f"refused ({refusal}), but it is valid"
    if transaction.hash != unhex(expected["hash"]):
        return f"hash {transaction.hash.hex()}, not {expected['hash']}"
    if transaction.sender != unhex(expected["sender"]):
        return f"sender {transaction.sender.hex()}, not {expected['sender']}"
    intrinsic = number(expected["intrinsicGas"])
    if fork in ("shanghai", "cancun") and transaction.intrinsic_gas != intrinsic:
        return f"intrinsic gas {transaction.intrinsic_gas}, not {intrinsic}"
    if _runs_nothing(transaction) and gas_used not in (None, intrinsic):
        return f"{gas_used} gas used, intrinsic gas is {intrinsic}"
    return None


def _runs_nothing(transaction: _native.Transaction) -> bool:
    """A call of an address that is no precompile; nobody has code here."""
    return transaction.to is not None and int.from_bytes(transaction.to, "big") > 0xFFFF


def _include(raw: bytes, fork: str) -> tuple[str | None, _native.Transaction | None, int | None]:
    """(why it was refused, the transaction, gas used; None where all money does not pay it)."""
    decoded = _native.decode_transactions([raw], chain_id=CHAIN_ID)[0]
    if isinstance(decoded, tuple):
        return ": ".join(decoded), None, None
    if decoded.value + decoded.gas_limit * decoded.max_fee_per_gas > RICH and decoded.type == 0:
        return None, decoded, None
    chain = new_chain(
        alloc=alloc_json({decoded.sender: RICH}, nonces={decoded.sender: decoded.nonce}),
        rules=rules_json(fork, chain_id=CHAIN_ID),
        gas_limit=GAS_LIMIT,
        base_fee_per_gas=0,
    )
    template = child_template(chain.head, base_fee_per_gas=0, beneficiary=decoded.sender)
    built = chain.engine.build(template, [], [decoded], max_bytes=1 << 20)
    if built.skipped:
        return f"{built.skipped[0].code}: {built.skipped[0].message}", None, None
    chain.accept(built.header, built.transactions)
    return None, decoded, built.gas_used
