"""Runs GeneralStateTests through the path that blocks take: genesis, build, verify.

Each case becomes one block with one transaction on a genesis that stands just below it. A state
test knows no block rewards and no system calls; the engine makes its system calls (EIPs 4788 and
2935) against empty addresses there, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import rlp
from eth_hash.auto import keccak

from metis_node import _native
from tests.factories import Chain, header_fields, header_rlp, new_chain, rules_json
from tests.vectors.fixtures import number, unhex
from tests.vectors.tally import Tally

# The fixtures sign for chain 1.
CHAIN_ID = 1

# Fixture exception -> codes of the decoder or of the build that say the same.
_FAMILIES = {
    "TransactionException.INSUFFICIENT_ACCOUNT_FUNDS": {"funds"},
    "TransactionException.INSUFFICIENT_MAX_FEE_PER_GAS": {"fee_low"},
    "TransactionException.GASLIMIT_PRICE_PRODUCT_OVERFLOW": {"funds", "malformed"},
    "TransactionException.RLP_INVALID_VALUE": {"malformed"},
    "TransactionException.TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH": {"invalid", "malformed"},
}


# Accounts with storage, but without nonce and code, bar creation at their address; revm looks at
# nonce and code alone. No transaction makes such an account, and genesis files may not hold one.
_BARE_STORAGE = "EIP-7610 on accounts that cannot exist here"
_ON_BARE_STORAGE = {"create2collisionStorageParis", "dynamicAccountOverwriteEmpty_Paris"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One transaction of one state test under one fork."""

    name: str
    test_name: str
    fork: str
    test: dict[str, Any]
    post: dict[str, Any]


def cases(path: str, content: dict[str, Any]) -> Iterator[Case]:
    """All cases of one fixture file, those of one test and fork together."""
    for name, test in content.items():
        for fork, posts in test["post"].items():
            for index, post in enumerate(posts):
                place = f"{path}:{name}[{index}]"
                yield Case(name=place, test_name=name, fork=fork, test=test, post=post)


def run_file(path: str, content: dict[str, Any], tally: Tally) -> None:
    """Run every case of a file and count it."""
    for case in cases(path, content):
        fault = _run(case)
        if fault is None:
            tally.accept(case.fork)
        elif case.test_name in _ON_BARE_STORAGE:
            tally.skip(case.fork, _BARE_STORAGE)
        else:
            tally.refuse(case.fork, f"{case.name}: {fault}")


def _run(case: Case) -> str | None:
    try:
        return _compare(case)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _compare(case: Case) -> str | None:
    """None if the case passes, else what differs."""
    chain = open_chain(case.test, case.fork)
    expected = case.post.get("expectException")
    refusal, built = _build(chain, case)
    if expected is not None:
        return _compare_refusal(chain, case, expected, refusal)
    if built is None:
        return f"refused as {refusal}, but it is valid"
    prepared = chain.accept(built.header, built.transactions)
    if prepared.state_root != unhex(case.post["hash"]):
        return f"state root {prepared.state_root.hex()}, not {case.post['hash']}"
    if logs_hash(prepared) != unhex(case.post["logs"]):
        return "logs differ"
    if header_fields(prepared.header)["state_root"] != prepared.state_root:
        return "the header has another state root"
    chain.reopened()
    return None


def open_chain(test: dict[str, Any], fork: str) -> Chain:
    """A chain whose only block is the parent of the test's block, holding the test's pre-state."""
    env = test["env"]
    chain = new_chain(
        alloc=orjson.dumps(test["pre"]),
        rules=rules_json(fork.lower(), chain_id=CHAIN_ID, blobs=True),
        timestamp=max(number(env["currentTimestamp"]) - 1, 0),
        gas_limit=number(env["currentGasLimit"]),
    )
    height = number(env["currentNumber"]) - 1
    return chain if height == 0 else _raised(chain, height)


def _raised(chain: Chain, height: int) -> Chain:
    """The same state as that of block `height`."""
    header = header_rlp(**{**header_fields(chain.head), "number": height})
    engine = _native.Engine(chain.rules, chain.store.get_many)
    engine.open(height, header)
    return Chain(engine, chain.store, chain.rules, [header])


def _build(chain: Chain, case: Case) -> tuple[str | None, _native.Built | None]:
    """The refusal's code, or the block with the transaction."""
    decoded = _native.decode_transactions(
        [unhex(case.post["txbytes"])], chain_id=CHAIN_ID, allow_blobs=True
    )[0]
    if isinstance(decoded, tuple):
        return decoded[0], None
    built = chain.engine.build(template(chain, case.test), [], [decoded], max_bytes=1 << 24)
    if built.skipped:
        return built.skipped[0].code, None
    return None, built


def template(chain: Chain, test: dict[str, Any]) -> bytes:
    """The header that the test's environment describes."""
    env = test["env"]
    return header_rlp(
        parent_hash=keccak(chain.head),
        number=number(env["currentNumber"]),
        timestamp=number(env["currentTimestamp"]),
        gas_limit=number(env["currentGasLimit"]),
        beneficiary=unhex(env["currentCoinbase"]),
        base_fee_per_gas=number(env.get("currentBaseFee", "0x0")),
        mix_hash=unhex(env.get("currentRandom", "0x" + "00" * 32)).rjust(32, b"\0"),
        excess_blob_gas=number(env.get("currentExcessBlobGas", "0x0")),
        difficulty=0 if "currentRandom" in env else number(env["currentDifficulty"]),
    )


def _compare_refusal(chain: Chain, case: Case, expected: str, refusal: str | None) -> str | None:
    if refusal is None:
        return f"accepted, but it must be refused as {expected}"
    families = set[str]().union(*(_FAMILIES[name] for name in expected.split("|")))
    if refusal not in families:
        return f"refused as {refusal}, not as {expected}"
    if header_fields(chain.head)["state_root"] != unhex(case.post["hash"]):
        return "the state before the refused transaction has another root"
    return None


def logs_hash(prepared: _native.Prepared) -> bytes:
    """keccak256 of the RLP of all logs of the block."""
    logs = [
        [log.address, list(log.topics), log.data]
        for record in prepared.records()
        for log in record.logs
    ]
    return keccak(rlp.encode(logs))
