"""`rules.consensus` of genesis files."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from metis_node.codec.sequencer_transactions import SEQUENCER_SET
from metis_node.errors import InvalidConfig
from metis_node.execution.genesis import Genesis, parse_genesis
from metis_node.types.epochs import Validator
from metis_node.types.rules import ConsensusRules, StakedSet, StaticSet, Timeouts
from tests import chains, sequenced

POOL = "0x" + "aa" * 20
PARAMETERS = "0x" + "bb" * 20
STAKING = {"locking_pool": POOL, "network_parameters": PARAMETERS, "first_block": 90}
SEAT = {"id": 1, "signer": "0x" + "11" * 20, "power": 5}


def parsed(consensus: Any, **rules: Any) -> Genesis:
    return parse_genesis(orjson.dumps(chains.genesis_document(consensus=consensus, **rules)))


def test_a_static_set() -> None:
    rules = parsed({"validators": [SEAT], "epoch_length": 64}).rules.consensus
    validator = Validator(sequencer_id=1, signer=bytes.fromhex("11" * 20), power=5)
    assert rules == ConsensusRules(source=StaticSet(validators=(validator,), epoch_length=64))
    assert rules is not None
    assert rules.locking_pool is None


def test_an_epoch_has_200_blocks_unless_the_file_says_otherwise() -> None:
    rules = parsed({"validators": [SEAT]}).rules.consensus
    assert rules is not None
    assert isinstance(rules.source, StaticSet)
    assert rules.source.epoch_length == 200


def test_a_staked_set() -> None:
    rules = parsed({"staking": STAKING}).rules.consensus
    assert rules is not None
    assert rules.source == StakedSet(
        locking_pool=b"\xaa" * 20, network_parameters=b"\xbb" * 20, first_block=90
    )
    assert rules.locking_pool == b"\xaa" * 20


def test_timeouts_have_defaults_and_may_be_set_one_by_one() -> None:
    rules = parsed({"validators": [SEAT], "timeouts": {"propose_ms": 300}}).rules.consensus
    assert rules is not None
    assert rules.timeouts == Timeouts(
        propose_ms=300, propose_step_ms=500, vote_ms=500, vote_step_ms=250, cap_ms=30_000
    )


def test_the_predeploy_is_there_with_validators_and_not_without() -> None:
    name = "0x" + SEQUENCER_SET.hex()
    assert name in orjson.loads(parsed({"validators": [SEAT]}).alloc_json)
    without = parsed(None)
    assert without.rules.consensus is None
    assert name not in orjson.loads(without.alloc_json)


def test_gas_for_the_openings_of_256_seats_is_what_staking_needs() -> None:
    parsed({"staking": STAKING}, gas_limit=30_000_000)
    with pytest.raises(InvalidConfig, match="need at least 29148000"):
        parsed({"staking": STAKING}, gas_limit=29_000_000)
    parsed(sequenced.static_set(4), gas_limit=6_000_000)
    with pytest.raises(InvalidConfig, match="need at least 6000000"):
        parsed(sequenced.static_set(4), gas_limit=5_999_999)


@pytest.mark.parametrize(
    ("consensus", "words"),
    [
        ([], "rules.consensus is not an object"),
        ({}, "rules.consensus needs either validators"),
        ({"validators": [SEAT], "staking": STAKING}, "needs either validators"),
        ({"validator": [SEAT]}, "unknown key 'validator': meant 'validators'?"),
        ({"validators": []}, "rules.consensus.validators is not a list of 1 to 256 validators"),
        ({"validators": [SEAT] * 257}, "not a list of 1 to 256"),
        ({"validators": {}}, "not a list of 1 to 256"),
        ({"validators": [5]}, "rules.consensus.validators[0] is not an object"),
        ({"validators": [{**SEAT, "id": 0}]}, "validators[0].id is 0, expected 1 to"),
        ({"validators": [{**SEAT, "power": 0}]}, "validators[0].power is 0, expected 1 to"),
        ({"validators": [{**SEAT, "power": "5"}]}, "validators[0].power is '5', expected a whole"),
        ({"validators": [{**SEAT, "signer": "0x00"}]}, "validators[0].signer has 1 bytes"),
        ({"validators": [{**SEAT, "signer": "0x" + "00" * 20}]}, "validators[0].signer is zero"),
        ({"validators": [{"id": 1, "power": 5}]}, "validators[0].signer is missing"),
        ({"validators": [SEAT, SEAT]}, "validators[1].id stands there twice"),
        ({"validators": [SEAT, {**SEAT, "id": 2}]}, "validators[1].signer stands there twice"),
        (
            {
                "validators": [
                    {**SEAT, "power": (1 << 64) - 1},
                    {"id": 2, "signer": POOL, "power": 1},
                ]
            },
            "all power is 18446744073709551616",
        ),
        ({"validators": [SEAT], "epoch_length": 63}, "epoch_length is 63, expected 64 to 86400"),
        ({"staking": STAKING, "epoch_length": 64}, "epoch_length stands beside staking"),
        ({"staking": {**STAKING, "pool": POOL}}, "rules.consensus.staking has the unknown key"),
        ({"staking": {"locking_pool": POOL}}, "staking.network_parameters is missing"),
        ({"staking": {**STAKING, "locking_pool": "0x"}}, "staking.locking_pool has 0 bytes"),
        ({"validators": [SEAT], "timeouts": {"propose_ms": 0}}, "timeouts.propose_ms is 0"),
        ({"validators": [SEAT], "timeouts": {"propose": 10}}, "timeouts has the unknown key"),
    ],
)
def test_refusals_name_the_field(consensus: Any, words: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parsed(consensus)
    assert words in caught.value.message
    assert caught.value.message.startswith("genesis")


def test_it_needs_system_transactions_and_room_for_them() -> None:
    consensus = {"validators": [SEAT]}
    parsed(consensus, max_block_bytes=64 << 10)
    with pytest.raises(InvalidConfig, match="max_block_bytes is 65535"):
        parsed(consensus, max_block_bytes=(64 << 10) - 1)
    with pytest.raises(InvalidConfig, match=r"needs rules\.system_transactions"):
        parsed(consensus, system_transactions=False)


def test_a_staked_set_needs_to_know_its_first_l1_block() -> None:
    document = chains.genesis_document(consensus={"staking": STAKING})
    parse_genesis(orjson.dumps(document))
    del document["l1"]
    with pytest.raises(InvalidConfig, match="l1 is missing: the first epoch takes"):
        parse_genesis(orjson.dumps(document))
    document["rules"]["consensus"] = {"validators": [SEAT]}
    parse_genesis(orjson.dumps(document))
