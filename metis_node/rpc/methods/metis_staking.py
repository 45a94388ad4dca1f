"""metis_: who validates, with which stake, and under which parameters.

Answered from what was read of the contracts on L1. All are null on a network without contracts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metis_node.engine.staking_book import StakingBook
from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend, StakingView
from metis_node.rpc.method import Method
from metis_node.rpc.session import Session
from metis_node.staking.registry import UnseenL1Block
from metis_node.staking.validators import Sequencer, Validator

LATEST = "latest"
MAX_NUMBER_DIGITS = 16

Json = dict[str, Any]


class MetisStaking:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def methods(self) -> list[Method]:
        return [
            Method("metis_validators", self._of_block(_validators)),
            Method("metis_sequencers", self._of_block(_sequencers)),
            Method("metis_parameters", self._of_block(_parameters)),
            Method("metis_stakingStatus", self.status),
        ]

    def status(self, params: list[Any], _session: Session) -> Any:
        """How far the contracts are followed."""
        hexadecimal.reject_more(params, 0)
        staking = self._backend.staking()
        return _status(staking) if staking is not None else None

    def _of_block(self, answer: Callable[[StakingBook, int], Json]) -> Any:
        """A handler that takes an L1 block, by default the newest that was followed."""

        def handler(params: list[Any], _session: Session) -> Any:
            hexadecimal.reject_more(params, 1)
            staking = self._backend.staking()
            if staking is None:
                return None
            book = staking.follower.book
            number = number_or_latest(params, "l1Block")
            try:
                return answer(book, book.cursor.number if number is None else number)
            except UnseenL1Block as error:
                raise InvalidRequest(error.message, code=-32000) from error

        return handler


def number_or_latest(params: list[Any], name: str) -> int | None:
    """A number; None for `latest`, or where nothing is given."""
    value = hexadecimal.optional(params, 0)
    if value is None or value == LATEST:
        return None
    if type(value) is not str or not hexadecimal.QUANTITY.fullmatch(value):
        raise hexadecimal.invalid(0, name, "expected a hex number or latest")
    if len(value) > MAX_NUMBER_DIGITS:
        raise hexadecimal.invalid(0, name, "the number is too large")
    return int(value, 16)


def _validators(book: StakingBook, number: int) -> Json:
    return {
        "l1Block": hex(number),
        "totalPower": hex(book.registry.total_power_at(number)),
        "validators": [validator_view(v) for v in book.registry.validators_at(number)],
    }


def validator_view(validator: Validator) -> Json:
    return {
        "id": hex(validator.sequencer_id),
        "signer": views.hex_data(validator.signer),
        "power": hex(validator.power),
    }


def _sequencers(book: StakingBook, number: int) -> Json:
    found = book.registry.sequencers_at(number)
    return {"l1Block": hex(number), "sequencers": [_sequencer(entry) for entry in found]}


def _sequencer(entry: Sequencer) -> Json:
    return {
        "id": hex(entry.sequencer_id),
        "signer": views.hex_data(entry.signer),
        "power": hex(entry.power),
        "status": entry.status.name.lower(),
        "jailed": entry.jailed,
        "tombstoned": entry.tombstoned,
        "locked": hex(entry.locked),
        "unbonding": hex(entry.unbonding),
    }


def _parameters(book: StakingBook, number: int) -> Json:
    found = book.registry.parameters_at(number)
    return {"l1Block": hex(number), "parameters": {key: hex(v) for key, v in found.items()}}


def _status(staking: StakingView) -> Json:
    book, follower = staking.follower.book, staking.follower
    cursor = book.cursor
    return {
        "lockingPool": views.hex_data(staking.pool),
        "l1Block": hex(cursor.number),
        "l1Hash": views.hex_data(cursor.hash),
        "behind": hex(follower.lag),
        "validators": hex(len(book.registry.validators_at(cursor.number))),
        "totalPower": hex(book.registry.total_power_at(cursor.number)),
        "reorganisations": hex(follower.reorganisations),
        "contradictions": hex(follower.contradictions),
        "problem": follower.problem or None,
    }
