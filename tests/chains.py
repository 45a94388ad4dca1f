"""Whole chains for tests: a `Blockchain` on a store; its blocks are built by the real engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from metis_node._native import Transaction, decode_transactions
from metis_node.chain.blockchain import Blockchain, Imported
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.block_template import BlockTemplate, l1_template, l2_template
from metis_node.execution.genesis import Genesis, parse_genesis
from metis_node.storage.kv import KeyValueStore
from metis_node.storage.memory import MemoryStore
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Address, Hash32
from tests import factories

ACCOUNTS = 10
BENEFICIARY = Address(b"\xbe" * 20)
L1_START = 100
L1_BLOCK_TIME_S = 12


def l1_origin(number: int) -> L1Origin:
    """Block `number` of an L1 that made a block every 12 s up to the chain's genesis and on."""
    return L1Origin(
        number=number,
        hash=Hash32(number.to_bytes(32, "big")),
        timestamp=factories.GENESIS_TIME + (number - L1_START) * L1_BLOCK_TIME_S,
        base_fee_per_gas=7 + number,
        blob_base_fee=1,
        prev_randao=Hash32(bytes(reversed(number.to_bytes(32, "big")))),
    )


def genesis_document(
    *, alloc: Mapping[str, Any] | None = None, timestamp: int | None = None, **rules: Any
) -> dict[str, Any]:
    """A chain of Prague whose first test keys hold a million ether each."""
    origin = l1_origin(L1_START)
    system = rules.get("system_transactions", True)
    funded = {
        "0x" + address.hex(): {"balance": hex(wei)}
        for address, wei in factories.funded(ACCOUNTS).items()
    }
    document: dict[str, Any] = {
        "rules": {
            "chain_id": factories.CHAIN_ID,
            "forks": [{"timestamp": 0, "name": "prague"}],
            "gas_limit": factories.GAS_LIMIT,
            "l1_start": L1_START if system else 0,
            **rules,
        },
        "timestamp": factories.GENESIS_TIME if timestamp is None else timestamp,
        "alloc": {**funded, **(alloc or {})},
    }
    if system:
        document["l1"] = {
            "number": origin.number,
            "hash": "0x" + origin.hash.hex(),
            "timestamp": origin.timestamp,
            "base_fee_per_gas": origin.base_fee_per_gas,
            "blob_base_fee": origin.blob_base_fee,
            "prev_randao": "0x" + origin.prev_randao.hex(),
        }
    return document


def new_genesis(**options: Any) -> Genesis:
    return parse_genesis(orjson.dumps(genesis_document(**options)))


def new_blockchain(store: KeyValueStore | None = None, **options: Any) -> Blockchain:
    return Blockchain.initialise(
        store if store is not None else MemoryStore(), new_genesis(**options)
    )


def decode(raws: Sequence[bytes], *, allow_blobs: bool = False) -> list[Transaction]:
    """Decoded transactions; ValueError if one is refused."""
    decoded = decode_transactions(list(raws), chain_id=factories.CHAIN_ID, allow_blobs=allow_blobs)
    refused = [item for item in decoded if isinstance(item, tuple)]
    if refused:
        raise ValueError(f"refused by the decoder: {refused[0]}")
    return [item for item in decoded if not isinstance(item, tuple)]


def next_template(
    chain: Blockchain, *, time_ms: int | None = None, origin: L1Origin | None = None
) -> BlockTemplate:
    """The next block as soon as it is due, with the parent's origin."""
    parent = chain.head
    due = earliest_time_ms(parent.header, chain.rules) if time_ms is None else time_ms
    if not chain.rules.system_transactions:
        return l1_template(parent, chain.rules, time_ms=due, beneficiary=BENEFICIARY)
    number = decode_extra_data(parent.header.extra_data).origin_number
    return l2_template(
        parent,
        chain.rules,
        time_ms=due,
        origin=origin if origin is not None else l1_origin(number),
        beneficiary=BENEFICIARY,
    )


def sealed_block(
    chain: Blockchain, raws: Sequence[bytes] = (), **options: Any
) -> tuple[bytes, list[bytes]]:
    """Header and transactions of a next block that holds `raws`. Nothing is imported."""
    template = next_template(chain, **options)
    built = chain.engine.build(
        template.header,
        template.system,
        decode(raws, allow_blobs=chain.rules.blobs),
        max_bytes=chain.rules.max_block_bytes,
        strict=True,
    )
    return built.header, built.transactions


def extend(chain: Blockchain, raws: Sequence[bytes] = (), **options: Any) -> Imported:
    """Build and import the next block."""
    return chain.import_block(*sealed_block(chain, raws, **options))


def transfer(sender: int, nonce: int, **fields: Any) -> bytes:
    """A small payment from one test key to the next."""
    to = factories.key(sender + 1).address
    return factories.sign_dynamic_fee(
        factories.key(sender), nonce=nonce, **{"to": to, "value": 1, **fields}
    )
