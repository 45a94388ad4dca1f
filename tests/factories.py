"""Builders of valid things for tests: keys, signed transactions, headers, genesis, chains.

Everything is deterministic. Encodings are made with `rlp` and signatures with coincurve, so that
they are independent of the code under test. No assertions about behaviour live here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import coincurve
import orjson
import rlp
from eth_hash.auto import keccak

from metis_node import _native
from metis_node.storage import tables
from metis_node.storage.kv import KeyValueStore
from metis_node.storage.memory import MemoryStore
from metis_node.types.primitives import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    EMPTY_TRIE_ROOT,
    ZERO_HASH,
)

CHAIN_ID = 1337
GWEI = 10**9
ETHER = 10**18
GAS_LIMIT = 60_000_000
GENESIS_TIME = 1_700_000_000  # seconds
BASE_FEE = GWEI

AccessList = Sequence[tuple[bytes, Sequence[bytes]]]  # (address, slots of 32 bytes)


@dataclass(frozen=True, slots=True)
class Key:
    """A private key and the address it controls."""

    secret: bytes
    address: bytes

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """(y parity, r, s) with low s (EIP-2)."""
        signature = _private_key(self.secret).sign_recoverable(digest, hasher=None)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return signature[64], r, s


@functools.lru_cache(maxsize=4096)
def _private_key(secret: bytes) -> coincurve.PrivateKey:
    return coincurve.PrivateKey(secret)


def key_of(secret: bytes) -> Key:
    public = _private_key(secret).public_key.format(compressed=False)
    return Key(secret, keccak(public[1:])[12:])


@functools.cache
def key(index: int) -> Key:
    """The test key number `index`, the same in every run."""
    return key_of(keccak(b"metis test key %d" % index))


# --- transactions -----------------------------------------------------------------------------


def sign_legacy(
    signer: Key,
    *,
    nonce: int,
    to: bytes | None,
    value: int = 0,
    data: bytes = b"",
    gas_limit: int = 21_000,
    gas_price: int = 2 * GWEI,
    chain_id: int | None = CHAIN_ID,
) -> bytes:
    """Type 0. `chain_id` None: without replay protection (before EIP-155)."""
    fields = [nonce, gas_price, gas_limit, to or b"", value, data]
    if chain_id is None:
        y, r, s = signer.sign(keccak(rlp.encode(fields)))
        return _encode([*fields, 27 + y, r, s])
    y, r, s = signer.sign(keccak(rlp.encode([*fields, chain_id, 0, 0])))
    return _encode([*fields, 35 + 2 * chain_id + y, r, s])


def sign_access_list(
    signer: Key,
    *,
    nonce: int,
    to: bytes | None,
    value: int = 0,
    data: bytes = b"",
    gas_limit: int = 100_000,
    gas_price: int = 2 * GWEI,
    access_list: AccessList = (),
    chain_id: int = CHAIN_ID,
) -> bytes:
    """Type 1 (EIP-2930)."""
    target = to or b""
    fields = [chain_id, nonce, gas_price, gas_limit, target, value, data, _access(access_list)]
    return _sign_typed(1, fields, signer)


def sign_dynamic_fee(
    signer: Key,
    *,
    nonce: int,
    to: bytes | None,
    value: int = 0,
    data: bytes = b"",
    gas_limit: int = 21_000,
    max_fee_per_gas: int = 2 * GWEI,
    max_priority_fee_per_gas: int = 1,
    access_list: AccessList = (),
    chain_id: int = CHAIN_ID,
) -> bytes:
    """Type 2 (EIP-1559)."""
    fees = [max_priority_fee_per_gas, max_fee_per_gas]
    call = [gas_limit, to or b"", value, data, _access(access_list)]
    return _sign_typed(2, [chain_id, nonce, *fees, *call], signer)


def sign_blob(
    signer: Key,
    *,
    nonce: int,
    to: bytes,
    blob_hashes: Sequence[bytes],
    value: int = 0,
    data: bytes = b"",
    gas_limit: int = 100_000,
    max_fee_per_gas: int = 2 * GWEI,
    max_priority_fee_per_gas: int = 1,
    max_fee_per_blob_gas: int = GWEI,
    access_list: AccessList = (),
    chain_id: int = CHAIN_ID,
) -> bytes:
    """Type 3 (EIP-4844), consensus form without sidecar."""
    fees = [max_priority_fee_per_gas, max_fee_per_gas]
    call = [gas_limit, to, value, data, _access(access_list)]
    blobs = [max_fee_per_blob_gas, list(blob_hashes)]
    return _sign_typed(3, [chain_id, nonce, *fees, *call, *blobs], signer)


def sign_set_code(
    signer: Key,
    *,
    nonce: int,
    to: bytes,
    authorizations: Sequence[list[Any]],
    value: int = 0,
    data: bytes = b"",
    gas_limit: int = 200_000,
    max_fee_per_gas: int = 2 * GWEI,
    max_priority_fee_per_gas: int = 1,
    access_list: AccessList = (),
    chain_id: int = CHAIN_ID,
) -> bytes:
    """Type 4 (EIP-7702). Make the authorizations with `authorization`."""
    fees = [max_priority_fee_per_gas, max_fee_per_gas]
    call = [gas_limit, to, value, data, _access(access_list)]
    return _sign_typed(4, [chain_id, nonce, *fees, *call, list(authorizations)], signer)


def authorization(
    authority: Key, *, address: bytes, nonce: int, chain_id: int = CHAIN_ID
) -> list[Any]:
    """A signed EIP-7702 tuple that delegates `authority` to `address` (zero address: clears)."""
    digest = keccak(b"\x05" + rlp.encode([chain_id, address, nonce]))
    return [chain_id, address, nonce, *authority.sign(digest)]


def _sign_typed(kind: int, fields: list[Any], signer: Key) -> bytes:
    prefix = bytes((kind,))
    signature = signer.sign(keccak(prefix + rlp.encode(fields)))
    return prefix + _encode([*fields, *signature])


def _access(access_list: AccessList) -> list[list[Any]]:
    return [[address, list(slots)] for address, slots in access_list]


def _encode(fields: list[Any]) -> bytes:
    encoded: bytes = rlp.encode(fields)
    return encoded


# --- headers ----------------------------------------------------------------------------------

_HEADER_DEFAULTS: dict[str, Any] = {
    "parent_hash": ZERO_HASH,
    "ommers_hash": EMPTY_OMMERS_HASH,
    "beneficiary": bytes(20),
    "state_root": EMPTY_TRIE_ROOT,
    "transactions_root": EMPTY_TRIE_ROOT,
    "receipts_root": EMPTY_TRIE_ROOT,
    "logs_bloom": bytes(256),
    "difficulty": 0,
    "number": 0,
    "gas_limit": GAS_LIMIT,
    "gas_used": 0,
    "timestamp": GENESIS_TIME,
    "extra_data": b"\x01" + bytes(28),
    "mix_hash": ZERO_HASH,
    "nonce": bytes(8),
    "base_fee_per_gas": BASE_FEE,
    "withdrawals_root": EMPTY_TRIE_ROOT,
    "blob_gas_used": 0,
    "excess_blob_gas": 0,
    "parent_beacon_block_root": ZERO_HASH,
    "requests_hash": EMPTY_REQUESTS_HASH,
}

HEADER_FIELDS = tuple(_HEADER_DEFAULTS)
_NUMBERS = frozenset(name for name, value in _HEADER_DEFAULTS.items() if isinstance(value, int))


def header_rlp(**fields: Any) -> bytes:
    """RLP of a header; fields not given have the values of an empty first block."""
    unknown = fields.keys() - _HEADER_DEFAULTS.keys()
    if unknown:
        raise ValueError(f"no such header fields: {sorted(unknown)}")
    values = {**_HEADER_DEFAULTS, **fields}
    return _encode([values[name] for name in HEADER_FIELDS])


def header_fields(encoded: bytes) -> dict[str, Any]:
    """The fields of a header by name, numbers as int."""
    values = rlp.decode(encoded)
    if len(values) != len(HEADER_FIELDS):
        raise ValueError(f"a header has {len(HEADER_FIELDS)} fields, not {len(values)}")
    named = dict(zip(HEADER_FIELDS, values, strict=True))
    return {
        name: int.from_bytes(value, "big") if name in _NUMBERS else value
        for name, value in named.items()
    }


def child_template(parent: bytes, **fields: Any) -> bytes:
    """Template of the next block: one second later, same gas limit, EIP-1559 base fee."""
    of = header_fields(parent)
    defaults = {
        "parent_hash": keccak(parent),
        "number": of["number"] + 1,
        "timestamp": of["timestamp"] + 1,
        "gas_limit": of["gas_limit"],
        "beneficiary": of["beneficiary"],
        "base_fee_per_gas": next_base_fee(of),
        "mix_hash": keccak(b"randomness" + parent),
        "extra_data": of["extra_data"],
    }
    return header_rlp(**{**defaults, **fields})


def next_base_fee(parent: Mapping[str, Any]) -> int:
    """EIP-1559 with elasticity 2 and denominator 8."""
    base, used, target = parent["base_fee_per_gas"], parent["gas_used"], parent["gas_limit"] // 2
    if used == target:
        return int(base)
    delta = base * abs(used - target) // target // 8
    return int(base + max(delta, 1)) if used > target else int(base - delta)


# --- genesis and chains -----------------------------------------------------------------------


def rules_json(
    fork: str = "prague",
    *,
    later_forks: Mapping[int, str] | None = None,  # by the timestamp from which they hold
    chain_id: int = CHAIN_ID,
    system_transactions: bool = False,
    blobs: bool = False,
    max_block_bytes: int = 1 << 20,
) -> bytes:
    """Rules for the engine, with `fork` from the beginning."""
    forks = {0: fork, **(later_forks or {})}
    return orjson.dumps(
        {
            "chain_id": chain_id,
            "forks": [{"timestamp": time, "name": name} for time, name in forks.items()],
            "system_transactions": system_transactions,
            "blobs": blobs,
            "max_block_bytes": max_block_bytes,
            "base_fee_max_change_denominator": 8,
            "elasticity_multiplier": 2,
        }
    )


def alloc_json(
    balances: Mapping[bytes, int] | None = None,
    code: Mapping[bytes, bytes] | None = None,
    storage: Mapping[bytes, Mapping[int, int]] | None = None,
    nonces: Mapping[bytes, int] | None = None,
) -> bytes:
    """geth's genesis allocation, each part keyed by address."""
    alloc: dict[bytes, dict[str, Any]] = {}

    def entry(address: bytes) -> dict[str, Any]:
        return alloc.setdefault(address, {"balance": "0x0"})

    for address, wei in (balances or {}).items():
        entry(address)["balance"] = hex(wei)
    for address, nonce in (nonces or {}).items():
        entry(address)["nonce"] = hex(nonce)
    for address, program in (code or {}).items():
        entry(address)["code"] = "0x" + program.hex()
    for address, slots in (storage or {}).items():
        entry(address)["storage"] = {f"0x{s:064x}": f"0x{v:064x}" for s, v in slots.items()}
    return orjson.dumps({"0x" + address.hex(): account for address, account in alloc.items()})


def funded(count: int, wei: int = 1_000_000 * ETHER) -> dict[bytes, int]:
    """Balances for `alloc_json`: the first `count` test keys."""
    return {key(index).address: wei for index in range(count)}


@dataclass(slots=True)
class Chain:
    """An engine over a store and its head: every block is built, verified, written."""

    engine: _native.Engine
    store: KeyValueStore
    rules: bytes
    headers: list[bytes] = field(default_factory=list)

    @property
    def head(self) -> bytes:
        return self.headers[-1]

    @property
    def number(self) -> int:
        return int(header_fields(self.head)["number"])

    def decode(self, raws: Iterable[bytes]) -> list[_native.Transaction]:
        """Decoded transactions; ValueError if one is refused."""
        rules = orjson.loads(self.rules)
        decoded = _native.decode_transactions(
            list(raws), chain_id=rules["chain_id"], allow_blobs=rules["blobs"]
        )
        refused = [item for item in decoded if isinstance(item, tuple)]
        if refused:
            raise ValueError(f"refused by the decoder: {refused[0]}")
        return [item for item in decoded if not isinstance(item, tuple)]

    def build(
        self,
        raws: Iterable[bytes] = (),
        *,
        system: Sequence[bytes] = (),
        max_bytes: int = 1 << 20,
        **header: Any,
    ) -> _native.Built:
        """Build on the head and leave the chain as it was."""
        template = child_template(self.head, **header)
        return self.engine.build(template, list(system), self.decode(raws), max_bytes=max_bytes)

    def extend(self, raws: Iterable[bytes] = (), **options: Any) -> _native.Prepared:
        """Build and import one block. Candidates that the build skips are left out."""
        built = self.build(raws, **options)
        return self.accept(built.header, built.transactions)

    def accept(self, header: bytes, transactions: Sequence[bytes]) -> _native.Prepared:
        """Verify a sealed block, write and commit it."""
        prepared = self.engine.verify(header, list(transactions))
        self._commit(prepared)
        return prepared

    def _commit(self, prepared: _native.Prepared) -> None:
        header = [
            (tables.header_key(prepared.number), prepared.header),
            (tables.number_key(prepared.hash), tables.be64(prepared.number)),
        ]
        self.engine.begin_write(prepared)
        self.store.write([*prepared.writes(), *header])
        self.engine.commit(prepared)
        self.headers.append(prepared.header)

    def reopened(self, store: KeyValueStore | None = None) -> Chain:
        """A second engine that continues at the head from the store alone (or from another)."""
        store = store or self.store
        engine = _native.Engine(self.rules, store.get_many)
        engine.open(self.number, self.head)
        return Chain(engine, store, self.rules, list(self.headers))


def new_chain(
    fork: str = "prague",
    *,
    alloc: bytes | None = None,
    rules: bytes | None = None,
    store: KeyValueStore | None = None,
    **genesis: Any,
) -> Chain:
    """A chain at genesis, in memory unless `store` is given.

    Without `alloc`, the first ten test keys hold a million ether each.
    """
    rules = rules or rules_json(fork)
    store = store or MemoryStore()
    chain = Chain(_native.Engine(rules, store.get_many), store, rules)
    template = header_rlp(**genesis)
    chain._commit(chain.engine.genesis(template, alloc or alloc_json(funded(10))))
    return chain
