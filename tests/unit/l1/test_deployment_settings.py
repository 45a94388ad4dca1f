"""Deployment files: what they may say, and the words that refuse the rest."""

from __future__ import annotations

from typing import Any

import pytest

from metis_node.errors import InvalidConfig
from metis_node.l1.deployment.plan import Act, Creation, Probe, plan_deployment
from metis_node.l1.deployment.record import NAMES, parse_record, record_of
from metis_node.l1.deployment.settings import DEFAULT_SUPPLY, Governance, parse_deployment
from metis_node.types.primitives import Address

LEAST: dict[str, Any] = {"name": "net", "l1": {"chain_id": 1}, "l2": {"chain_id": 1088}}
DEPLOYER = Address(b"\x01" * 20)
CHECKSUMMED = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_the_least_file_has_the_defaults() -> None:
    deployment = parse_deployment(LEAST)
    assert deployment.token is None
    assert deployment.supply == DEFAULT_SUPPLY
    assert deployment.governance == Governance()
    assert deployment.parameters == ()


def test_figures_have_units() -> None:
    deployment = parse_deployment(
        LEAST
        | {
            "token": {"supply": "1,000.5", "allotments": {CHECKSUMMED: "1"}},
            "governance": {"timelock_delay": "2 days", "proposal_threshold": "5 METIS"},
            "parameters": {
                "minLock": "1 METIS",
                "exitDelay": "21 days",
                "slashFraction": "5%",
                "maxSequencers": 8,
                "epochLength": "200",
            },
        }
    )
    assert deployment.supply == 1_000_500_000_000_000_000_000
    assert deployment.allotments == ((Address(bytes.fromhex(CHECKSUMMED[2:])), 10**18),)
    assert deployment.governance.timelock_delay_s == 172_800
    assert deployment.governance.proposal_threshold == 5 * 10**9
    assert dict(deployment.parameters) == {
        "minLock": 10**18,
        "exitDelay": 1_814_400,
        "slashFraction": 500,
        "maxSequencers": 8,
        "epochLength": 200,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": None}, "name = None"),
        ({"name": "Has Spaces"}, "name = 'Has Spaces'"),
        ({"nmae": "x"}, "nmae: no such key"),
        ({"l1": {}}, "l1.chain_id = None"),
        ({"l1": {"chain_id": 0}}, "l1.chain_id = 0"),
        ({"l1": {"chain_id": True}}, "l1.chain_id = True"),
        ({"l1": {"chain_id": 1, "endpoints": "http://x"}}, "must be a list"),
        ({"l1": {"chain_id": 1, "endpoints": ["ws://x"]}}, "must be a list"),
        ({"l1": {"chain_id": 1, "endpoints": ["http://x"] * 17}}, "at most 16"),
        ({"l1": "mainnet"}, "must be a table"),
        ({"l2": {"chain_id": "1088"}}, "l2.chain_id = '1088'"),
        ({"token": {"address": "0x12"}}, "must be 0x and 40"),
        ({"token": {"address": CHECKSUMMED.replace("f39F", "F39F")}}, "EIP-55 checksum is wrong"),
        ({"token": {"address": "0x" + "00" * 20}}, "token.address is zero"),
        ({"token": {"address": CHECKSUMMED, "supply": "1"}}, "go with none"),
        ({"token": {"supply": 5}}, "write it as text with its unit"),
        ({"token": {"supply": "5 ETH"}}, "is no amount of METIS"),
        ({"token": {"supply": "1", "allotments": {CHECKSUMMED: "2"}}}, "more than token.supply"),
        ({"token": {"allotments": {"me": "2"}}}, "token.allotments = 'me'"),
        ({"token": {"allotments": [1]}}, "ADDRESS = AMOUNT"),
        ({"pool": {"whitelist_required": "yes"}}, "must be true or false"),
        ({"pool": {"whitelist": True}}, "pool.whitelist: no such key"),
        ({"governance": {"quorum_percent": 101}}, "from 1 to 100"),
        ({"governance": {"voting_period_blocks": 0}}, "from 1 to"),
        ({"governance": {"timelock_delay": 5}}, "write it as text"),
        ({"governance": {"timelock_delay": "soon"}}, "is no time"),
        ({"parameters": {"minlock": "1"}}, "did you mean minLock"),
        ({"parameters": {"minLock": 1}}, "write it as text"),
        ({"parameters": {"minLock": "1e5"}}, "is no amount"),
        ({"parameters": {"exitDelay": "21 weeks"}}, "is no time"),
        ({"parameters": {"slashFraction": "much"}}, "is no share"),
        ({"parameters": {"maxSequencers": -1}}, "is no number of seats"),
        ({"parameters": {"maxSequencers": 1.5}}, "write it as text"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        parse_deployment(LEAST | changes)


def test_a_plan_names_each_step_once_and_ends_with_the_deployers_power() -> None:
    plan = plan_deployment(parse_deployment(LEAST), DEPLOYER)
    labels = [step.label for step in plan.steps]
    assert len(set(labels)) == len(labels)
    assert labels[-1] == "TimelockController: the deployer gives up its power"
    assert set(plan.addresses) == set(NAMES)
    kinds = [type(step) for step in plan.steps]
    assert kinds == [Creation] * len(plan.creations) + [Act] * len(plan.acts)


def test_a_plan_fits_into_one_block_of_a_devnet() -> None:
    plan = plan_deployment(parse_deployment(LEAST), DEPLOYER)
    assert sum(step.gas for step in plan.steps) < 55_000_000
    assert max(step.gas for step in plan.steps) < 1 << 24  # EIP-7825


def test_probes_tell_nothing_from_something() -> None:
    exact = Probe(to=DEPLOYER, data=b"", want=b"\0" * 31 + b"\1")
    assert exact.holds(b"\0" * 31 + b"\1")
    assert not exact.holds(b"")
    some = Probe(to=DEPLOYER, data=b"", want=None)
    assert some.holds(b"\0" * 31 + b"\7")
    assert not some.holds(bytes(32))
    assert not some.holds(b"")


def test_an_incomplete_record_reads_back() -> None:
    plan = plan_deployment(parse_deployment(LEAST), DEPLOYER)
    record = record_of(plan, first_block=7, software="1")
    assert not record.is_complete
    assert parse_record(record.to_json(), "f") == record


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"{", b"", "is not JSON"),
        (b'"format": 1', b'"format": 2', "no addresses file of format 1"),
        (b'"LockingPool"', b'"Lockingpool"', "is damaged"),
        (b'"first_block": 7', b'"first_block": -7', "is damaged"),
        (b'"deployment": "0x', b'"deployment": "0xzz', "is damaged"),
        (b'"address": "0x', b'"address": "1x', "must be 0x and 40"),
    ],
)
def test_a_damaged_record_is_refused(old: bytes, new: bytes, words: str) -> None:
    plan = plan_deployment(parse_deployment(LEAST), DEPLOYER)
    data = record_of(plan, first_block=7, software="1").to_json()
    assert old in data
    with pytest.raises(InvalidConfig, match=words):
        parse_record(data.replace(old, new, 1), "the.file")
