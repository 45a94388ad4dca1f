"""Genesis files: what parses, and the field that every refusal names."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metis_node.codec.extra_data import decode_extra_data
from metis_node.codec.headers import decode_header
from metis_node.errors import InvalidConfig
from metis_node.execution.genesis import (
    BEACON_ROOTS,
    HISTORY_STORAGE,
    genesis_header,
    parse_genesis,
)

ADDRESS = "0x" + "11" * 20
GENESIS: dict[str, Any] = {
    "rules": {
        "chain_id": 1337,
        "forks": [{"timestamp": 0, "name": "prague"}],
        "gas_limit": 60_000_000,
        "batch_inbox": "0x" + "22" * 20,
        "batch_submitter": "0x" + "33" * 20,
        "l1_start": 7,
    },
    "timestamp": 1_700_000_000,
    "l1": {
        "number": 7,
        "hash": "0x" + "44" * 32,
        "timestamp": 1_699_999_000,
        "base_fee_per_gas": 5,
        "blob_base_fee": 1,
        "prev_randao": "0x" + "55" * 32,
    },
    "alloc": {
        ADDRESS: {
            "balance": "0xde0b6b3a7640000",
            "nonce": 3,
            "code": "0x6000",
            "storage": {"0x1": "0x02"},
        }
    },
}


def changed(path: str, value: Any) -> bytes:
    """The genesis above with one place set; the value `...` removes it."""
    document = copy.deepcopy(GENESIS)
    place: Any = document
    *parents, last = path.split("/")
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    key: Any = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return orjson.dumps(document)


def test_a_genesis_file_parses() -> None:
    genesis = parse_genesis(orjson.dumps(GENESIS))
    assert genesis.rules.chain_id == 1337
    assert genesis.rules.forks[0].name == "prague"
    assert genesis.rules.batch_inbox == b"\x22" * 20
    assert genesis.rules.block_time_ms == 1_000
    assert genesis.l1.hash == b"\x44" * 32
    assert genesis.alloc[ADDRESS] == {
        "balance": "0xde0b6b3a7640000",
        "nonce": "0x3",
        "code": "0x6000",
        "storage": {"0x" + "0" * 63 + "1": "0x" + "0" * 63 + "2"},
    }


@pytest.mark.parametrize(
    "account",
    [
        {"storage": {"0x1": "0x2"}, "nonce": 1},
        {"storage": {"0x1": "0x2"}, "code": "0x00"},
        {"storage": {"0x1": "0x0"}},
    ],
)
def test_storage_stands_beside_code_or_a_nonce(account: dict[str, Any]) -> None:
    parse_genesis(changed("alloc/" + ADDRESS, account))


def test_the_canonical_form_ignores_order_and_space() -> None:
    turned = dict(reversed(GENESIS.items()))
    spaced = orjson.dumps(turned, option=orjson.OPT_INDENT_2)
    assert parse_genesis(spaced).canonical == parse_genesis(orjson.dumps(GENESIS)).canonical
    stored = parse_genesis(orjson.dumps(GENESIS)).canonical
    assert parse_genesis(stored).canonical == stored


def test_the_first_header_names_the_l1_origin() -> None:
    header = decode_header(genesis_header(parse_genesis(orjson.dumps(GENESIS))))
    assert decode_extra_data(header.extra_data).origin_number == 7
    assert header.parent_beacon_block_root == b"\x44" * 32
    assert header.mix_hash == b"\x55" * 32
    assert (header.number, header.timestamp) == (0, 1_700_000_000)
    assert header.base_fee_per_gas == 10**9


def test_the_protocols_contracts_are_merged() -> None:
    genesis = parse_genesis(orjson.dumps(GENESIS))
    alloc = orjson.loads(genesis.alloc_json)
    assert set(alloc) == {
        ADDRESS,
        HISTORY_STORAGE,
        BEACON_ROOTS,
        "0x4200000000000000000000000000000000000015",
    }
    assert len(alloc["0x4200000000000000000000000000000000000015"]["code"]) > 100


def test_an_embedded_l1_has_neither_origin_nor_predeploy() -> None:
    document = {
        "rules": {
            "chain_id": 900,
            "forks": [{"timestamp": 0, "name": "osaka"}],
            "gas_limit": 60_000_000,
            "system_transactions": False,
            "blobs": True,
        },
        "timestamp": 5,
        "alloc": {"11" * 20: {"balance": "1000"}},
    }
    genesis = parse_genesis(orjson.dumps(document))
    assert genesis.alloc == {ADDRESS: {"balance": "0x3e8"}}
    assert set(orjson.loads(genesis.alloc_json)) == {ADDRESS, HISTORY_STORAGE, BEACON_ROOTS}
    header = decode_header(genesis_header(genesis))
    assert (header.extra_data, header.parent_beacon_block_root) == (b"", bytes(32))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("rules", ..., "rules is missing"),
        ("rules", [], "rules is not an object"),
        ("timestamp", ..., "timestamp is missing"),
        ("timestamp", "5", "timestamp is '5', expected a whole number"),
        ("timestamp", True, "timestamp is True, expected a whole number"),
        ("timestamp", -1, "timestamp is -1, expected 0 to"),
        ("alloc", ..., "alloc is missing"),
        ("alloc", [], "alloc is not an object"),
        ("aloc", {}, "unknown key 'aloc': meant 'alloc'?"),
        ("rules/chain_id", ..., "rules.chain_id is missing"),
        ("rules/chain_id", 0, "rules.chain_id is 0, expected 1 to"),
        ("rules/chain_id", "0x1", "rules.chain_id is '0x1'"),
        ("rules/gaslimit", 1, "unknown key 'gaslimit': meant 'gas_limit'?"),
        ("rules/gas_limit", 1_999_999, "rules.gas_limit is 1999999, expected 2000000"),
        ("rules/block_time_ms", 199, "rules.block_time_ms is 199, expected 200 to 60000"),
        ("rules/max_block_bytes", 0, "rules.max_block_bytes is 0"),
        ("rules/elasticity_multiplier", 0, "rules.elasticity_multiplier is 0"),
        ("rules/system_transactions", 1, "rules.system_transactions is 1, expected true or false"),
        ("rules/batch_inbox", "0x11", "rules.batch_inbox has 1 bytes, an address has 20"),
        ("rules/batch_inbox", "0xzz", "rules.batch_inbox is not 0x followed by"),
        ("rules/batch_submitter", ..., "rules.batch_submitter is missing beside"),
        ("rules/forks", [], "rules.forks is not a list of at least one"),
        ("rules/forks/0/name", "paris", "rules.forks[0].name is 'paris', known forks: cancun"),
        ("rules/forks/0/name", ..., "rules.forks[0].name is missing"),
        ("rules/forks/0/timestamp", 5, "rules.forks[0].timestamp is not 0"),
        (
            "rules/forks",
            [{"timestamp": 0, "name": "osaka"}, {"timestamp": 9, "name": "prague"}],
            "rules.forks is not in the order",
        ),
        (
            "rules/forks",
            [{"timestamp": 9, "name": "prague"}, {"timestamp": 0, "name": "osaka"}],
            "rules.forks is not in the order",
        ),
        ("l1/hash", "0x00", "l1.hash has 1 bytes, a hash has 32"),
        ("l1/number", ..., "l1.number is missing"),
        ("l1/number", 8, "l1.number 8 differs from rules.l1_start 7"),
        ("l1/nonce", 8, "l1 has the unknown key 'nonce'"),
        ("alloc/0x11", {}, "alloc.0x11 has 1 bytes, an address has 20"),
        ("alloc/" + "11" * 20, {}, "stands there twice"),
        ("alloc/" + ADDRESS, 5, f"alloc.{ADDRESS} is not an object"),
        ("alloc/" + ADDRESS + "/balance", "lots", "balance is 'lots', expected a number"),
        ("alloc/" + ADDRESS + "/balance", hex(2**256), "expected a number or a 0x string"),
        ("alloc/" + ADDRESS + "/balance", -1, "balance does not fit in 256 bits"),
        ("alloc/" + ADDRESS + "/nonce", hex(2**64), "nonce does not fit in 64 bits"),
        ("alloc/" + ADDRESS + "/code", "6000", "code is not 0x followed by"),
        ("alloc/" + ADDRESS + "/storage", [], "storage is not an object"),
        ("alloc/" + ADDRESS + "/storage", {"x": "0x1"}, "storage is 'x'"),
        ("alloc/" + ADDRESS, {"storage": {"0x1": "0x2"}}, "neither code nor a nonce"),
        ("alloc/" + ADDRESS + "/blance", 1, "unknown key 'blance': meant 'balance'?"),
        ("alloc/" + HISTORY_STORAGE, {}, "belongs to the protocol"),
    ],
)
def test_refusals_name_the_field(path: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_genesis(changed(path, value))
    assert words in caught.value.message
    assert caught.value.message.startswith("genesis")


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidConfig):
        parse_genesis(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from(["rules", "timestamp", "l1", "alloc", "rules/forks", "l1/hash"]), json_values
)
def test_any_value_anywhere_parses_or_is_invalid_config(path: str, value: Any) -> None:
    with contextlib.suppress(InvalidConfig):
        parse_genesis(changed(path, value))
