"""Every error of every contract has its words, and the words can be filled in."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from metis_node.l1.contract_abi import Function, contract, contract_names
from metis_node.l1.refusal_words import REFUSALS
from metis_node.l1.refusals import explain
from metis_node.l1.reverts import ERROR_STRING, PANIC, decode_revert

ERRORS = [
    pytest.param(error, id=f"{name}.{error.name}")
    for name in contract_names()
    for error in contract(name).errors
]
ADDRESS = "0x" + "ab" * 20


def sample(kind: str) -> Any:
    if kind.endswith("[]"):
        return [sample(kind[:-2])]
    if kind == "address":
        return ADDRESS
    if kind == "string":
        return "words"
    if kind == "bool":
        return True
    if kind == "bytes":
        return b"\x01\x02"
    if kind.startswith("bytes"):
        return b"minLock".ljust(int(kind[5:]), b"\0")
    return 7


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_is_put_into_words_with_a_next_step(error: Function) -> None:
    arguments = [sample(kind) for kind in error.inputs]
    revert = decode_revert(error.selector + encode(error.inputs, arguments))
    assert revert.name == error.name
    words = explain(revert)
    assert "older than the contracts" not in words, (
        f"refusal_words.py has no words for {error.name}"
    )
    assert "{" not in words
    assert ":" in words  # what is wrong: what to do


def test_no_words_are_left_over() -> None:
    known = {error.name for name in contract_names() for error in contract(name).errors}
    of_every_contract = {"Error", "Panic"}
    assert set(REFUSALS) - known <= of_every_contract


def test_amounts_times_and_states_are_readable() -> None:
    def words(name: str, *arguments: Any) -> str:
        error = next(e for e in contract("LockingPool").errors if e.name == name)
        return explain(decode_revert(error.selector + encode(error.inputs, arguments)))

    below = words("BelowMinLock", 19_999 * 10**18 + 5 * 10**17, 20_000 * 10**18)
    assert "19,999.5 METIS" in below
    assert "20,000 METIS" in below
    assert "2026-11-22 20:00:00 UTC" in words("ActivationTooEarly", 3, 1_795_377_600)
    assert "sequencer 3 is inactive" in words("WrongStatus", 3, 1)


def test_strings_panics_and_what_nobody_knows() -> None:
    text = decode_revert(ERROR_STRING + encode(["string"], ["not today"]))
    assert explain(text) == "the contract says: not today"
    assert "code 17" in explain(decode_revert(PANIC + encode(["uint256"], [17])))
    for data in (b"", b"\x01", b"\xff" * 36, ERROR_STRING + b"\xff" * 40):
        assert "older than the contracts" in explain(decode_revert(data))
