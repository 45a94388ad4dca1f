"""Genesis files: a chain's rules and its first state. Parsed strictly; every error names the field.

    {"rules": {...ChainRules...}, "timestamp": seconds, "base_fee_per_gas"?: wei,
     "l1"?: {"number", "hash", "timestamp", "base_fee_per_gas", "blob_base_fee", "prev_randao"},
     "alloc": {"0xaddress": {"balance", "nonce"?, "code"?, "storage"?}}}

`rules.consensus` makes it a chain with validators (`genesis_consensus.py`).

The contracts that the protocol itself calls are merged into the first state: EIP-2935, EIP-4788,
where blocks open with a system transaction the predeploy `L1Block`, and where validators agree on
them the predeploy `SequencerSet`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import resources
from typing import Any

import orjson

from metis_node.codec.extra_data import encode_extra_data
from metis_node.codec.headers import encode_header
from metis_node.codec.sequencer_transactions import SEQUENCER_SET
from metis_node.codec.system_transaction import L1_BLOCK
from metis_node.errors import InvalidConfig
from metis_node.execution import json_fields as read
from metis_node.execution.genesis_consensus import check_consensus, consensus_rules
from metis_node.types.blocks import ExtraData, Header
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    EMPTY_TRIE_ROOT,
    ZERO_ADDRESS,
    ZERO_HASH,
)
from metis_node.types.rules import ChainRules, Fork, StakedSet

INITIAL_BASE_FEE = 10**9  # wei, EIP-1559
KNOWN_FORKS = ("cancun", "prague", "osaka")
MIN_BLOCK_TIME_MS = 200
MAX_BLOCK_TIME_MS = 60_000
MIN_GAS_LIMIT = 2_000_000  # the system transaction's gas, twice
MAX_GAS_LIMIT = (1 << 63) - 1
MAX_BLOCK_BYTES = 16 << 20  # what a batch carries at most (docs/protocol/batches.md)

# Addresses, code and nonce as deployed on Ethereum (EIP-2935, EIP-4788).
HISTORY_STORAGE = "0x0000f90827f1c53a10cb7a02335b175320002935"
HISTORY_STORAGE_CODE = (
    "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257"
    "611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)
BEACON_ROOTS = "0x000f3df6d732807ef1319fb7b8bb8522d0beac02"
BEACON_ROOTS_CODE = (
    "0x3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f358015604957"
    "62001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff4206428155"
    "5f359062001fff015500"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """A parsed genesis file."""

    rules: ChainRules
    timestamp: int  # seconds
    base_fee_per_gas: int  # wei
    l1: L1Origin
    alloc: Mapping[str, Mapping[str, Any]]  # normalised, without the protocol's own contracts
    canonical: bytes  # sorted JSON of the file as given: two files are one chain if these are equal

    @property
    def alloc_json(self) -> bytes:
        """The whole first state, for `Engine.genesis`."""
        return orjson.dumps({**self.alloc, **protocol_contracts(self.rules)})


def parse_genesis(data: bytes) -> Genesis:
    """Raises InvalidConfig with the path of the wrong field."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidConfig(f"genesis file: not JSON: {error}") from None
    root = read.record(
        document, "genesis", {"rules", "timestamp", "base_fee_per_gas", "l1", "alloc"}
    )
    rules = _rules(read.required(root, "rules", "genesis"))
    timestamp = read.integer(read.required(root, "timestamp", "genesis"), "timestamp")
    alloc = _alloc(read.required(root, "alloc", "genesis"))
    for address in protocol_contracts(rules):
        if address in alloc:
            raise InvalidConfig(f"genesis: alloc.{address} belongs to the protocol: remove it")
    return Genesis(
        rules=rules,
        timestamp=timestamp,
        base_fee_per_gas=read.integer(
            root.get("base_fee_per_gas", max(INITIAL_BASE_FEE, rules.min_base_fee_per_gas)),
            "base_fee_per_gas",
        ),
        l1=_origin(root.get("l1"), rules, timestamp),
        alloc=alloc,
        canonical=orjson.dumps(document, option=orjson.OPT_SORT_KEYS),
    )


def genesis_header(genesis: Genesis) -> bytes:
    """RLP of block 0's header with an empty state root: the template for `Engine.genesis`."""
    rules, l1 = genesis.rules, genesis.l1
    extra_data = (
        encode_extra_data(ExtraData(origin_number=l1.number)) if rules.system_transactions else b""
    )
    return encode_header(
        Header(
            parent_hash=ZERO_HASH,
            ommers_hash=EMPTY_OMMERS_HASH,
            beneficiary=ZERO_ADDRESS,
            state_root=EMPTY_TRIE_ROOT,
            transactions_root=EMPTY_TRIE_ROOT,
            receipts_root=EMPTY_TRIE_ROOT,
            logs_bloom=bytes(256),
            difficulty=0,
            number=0,
            gas_limit=rules.gas_limit,
            gas_used=0,
            timestamp=genesis.timestamp,
            extra_data=extra_data,
            mix_hash=l1.prev_randao,
            nonce=bytes(8),
            base_fee_per_gas=genesis.base_fee_per_gas,
            withdrawals_root=EMPTY_TRIE_ROOT,
            blob_gas_used=0,
            excess_blob_gas=0,
            parent_beacon_block_root=l1.hash,
            requests_hash=EMPTY_REQUESTS_HASH,
        )
    )


@functools.lru_cache(maxsize=2)
def _predeploy_code(name: str) -> str:
    path = resources.files("metis_node.execution") / "predeploys" / f"{name}.json"
    return str(orjson.loads(path.read_bytes())["deployedBytecode"])


def protocol_contracts(rules: ChainRules) -> dict[str, dict[str, str]]:
    """Accounts that every chain of these rules has from the start."""
    contracts = {HISTORY_STORAGE: HISTORY_STORAGE_CODE, BEACON_ROOTS: BEACON_ROOTS_CODE}
    if rules.system_transactions:
        contracts["0x" + L1_BLOCK.hex()] = _predeploy_code("L1Block")
    if rules.consensus is not None:
        contracts["0x" + SEQUENCER_SET.hex()] = _predeploy_code("SequencerSet")
    return {
        address: {"balance": "0x0", "nonce": "0x1", "code": code}
        for address, code in contracts.items()
    }


# --- rules -------------------------------------------------------------------------------------


def _rules(value: object) -> ChainRules:
    entries = read.record(value, "rules", {field.name for field in fields(ChainRules)})
    for field in fields(ChainRules):
        if field.default is MISSING and field.name not in entries:
            raise InvalidConfig(f"genesis: rules.{field.name} is missing")
    parsed = {name: _rule(name, entry) for name, entry in entries.items()}
    rules = ChainRules(**parsed)
    if rules.batch_submitter is None and rules.batch_inbox is not None:
        raise InvalidConfig("genesis: rules.batch_submitter is missing beside rules.batch_inbox")
    check_consensus(rules)
    return rules


def _rule(name: str, value: object) -> Any:
    path = f"rules.{name}"
    if name == "forks":
        return _forks(value)
    if name in ("system_transactions", "blobs"):
        return read.boolean(value, path)
    if name in ("batch_inbox", "batch_submitter"):
        return None if value is None else read.address(value, path)
    if name == "consensus":
        return None if value is None else consensus_rules(value, path)
    low, high = _BOUNDS.get(name, (0, (1 << 64) - 1))
    return read.integer(value, path, low=low, high=high)


_BOUNDS: dict[str, tuple[int, int]] = {
    "chain_id": (1, (1 << 53) - 1),  # what JavaScript clients can hold
    "gas_limit": (MIN_GAS_LIMIT, MAX_GAS_LIMIT),
    "base_fee_max_change_denominator": (1, 1 << 32),
    "elasticity_multiplier": (1, 1 << 32),
    "block_time_ms": (MIN_BLOCK_TIME_MS, MAX_BLOCK_TIME_MS),
    "max_block_bytes": (1_024, MAX_BLOCK_BYTES),
    "origin_max_lag_s": (1, 1 << 32),
    "seed_interval": (1, 1 << 16),
}


def _forks(value: object) -> tuple[Fork, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidConfig("genesis: rules.forks is not a list of at least one fork")
    forks: list[Fork] = []
    for index, entry in enumerate(value):
        path = f"rules.forks[{index}]"
        item = read.record(entry, path, {"timestamp", "name"})
        name = read.required(item, "name", path)
        if name not in KNOWN_FORKS:
            known = ", ".join(KNOWN_FORKS)
            raise InvalidConfig(f"genesis: {path}.name is {name!r}, known forks: {known}")
        timestamp = read.integer(read.required(item, "timestamp", path), f"{path}.timestamp")
        forks.append(Fork(timestamp=timestamp, name=str(name)))
    order = [KNOWN_FORKS.index(fork.name) for fork in forks]
    times = [fork.timestamp for fork in forks]
    if order != sorted(set(order)) or times != sorted(times):
        raise InvalidConfig("genesis: rules.forks is not in the order of the forks and their times")
    if times[0] != 0:
        raise InvalidConfig(
            "genesis: rules.forks[0].timestamp is not 0: the first fork holds at once"
        )
    return tuple(forks)


# --- origin and state --------------------------------------------------------------------------


def _origin(value: object, rules: ChainRules, timestamp: int) -> L1Origin:
    """Origin of block 0. Left out: block `rules.l1_start` of an L1 nobody has asked yet."""
    if value is None:
        _refuse_unknown_start(rules)
        return L1Origin(
            number=rules.l1_start,
            hash=ZERO_HASH,
            timestamp=timestamp,
            base_fee_per_gas=0,
            blob_base_fee=0,
            prev_randao=ZERO_HASH,
        )
    entries = read.record(value, "l1", {field.name for field in fields(L1Origin)})
    parsers: dict[str, Callable[[object, str], Any]] = {
        "hash": read.hash32,
        "prev_randao": read.hash32,
    }
    parsed = {
        field.name: parsers.get(field.name, read.integer)(
            read.required(entries, field.name, "l1"), f"l1.{field.name}"
        )
        for field in fields(L1Origin)
    }
    origin = L1Origin(**parsed)
    if origin.number != rules.l1_start:
        raise InvalidConfig(
            f"genesis: l1.number {origin.number} differs from rules.l1_start {rules.l1_start}"
        )
    return origin


def _refuse_unknown_start(rules: ChainRules) -> None:
    if rules.consensus is not None and isinstance(rules.consensus.source, StakedSet):
        raise InvalidConfig(
            "genesis: l1 is missing: the first epoch takes its validators and its randomness from "
            "the L1 block that it names"
        )


def _alloc(value: object) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise InvalidConfig("genesis: alloc is not an object")
    alloc: dict[str, dict[str, Any]] = {}
    for name, entry in value.items():
        address = "0x" + read.address(name, f"alloc.{name}").hex()
        if address in alloc:
            raise InvalidConfig(f"genesis: alloc.{name} stands there twice")
        alloc[address] = _account(entry, f"alloc.{name}")
    return alloc


def _account(value: object, path: str) -> dict[str, Any]:
    entries = read.record(value, path, {"balance", "nonce", "code", "storage"})
    account: dict[str, Any] = {
        "balance": hex(read.amount(entries.get("balance", 0), f"{path}.balance"))
    }
    if "nonce" in entries:
        nonce = read.amount(entries["nonce"], f"{path}.nonce", bits=64)
        account["nonce"] = hex(nonce)
    if "code" in entries:
        account["code"] = "0x" + read.data(entries["code"], f"{path}.code").hex()
    if "storage" in entries:
        slots = entries["storage"]
        if not isinstance(slots, dict):
            raise InvalidConfig(f"genesis: {path}.storage is not an object")
        account["storage"] = {
            _word(slot, f"{path}.storage"): _word(word, f"{path}.storage.{slot}")
            for slot, word in slots.items()
        }
        _refuse_bare_storage(account, path)
    return account


def _refuse_bare_storage(account: dict[str, Any], path: str) -> None:
    """EIP-7610 bars creation where storage is; the EVM here asks for nonce and code alone. Only a
    genesis file could make the two differ."""
    holds = any(int(word, 16) for word in account["storage"].values())
    if holds and account.get("code", "0x") == "0x" and account.get("nonce", "0x0") == "0x0":
        raise InvalidConfig(
            f"genesis: {path} has storage, but neither code nor a nonce: give it one of them"
        )


def _word(value: object, path: str) -> str:
    return f"0x{read.amount(value, path):064x}"
