"""The rules on what a block says of epoch, builder and votes, on a chain with validators.

Pure: whoever calls knows the epoch. Whether the votes were really cast is no question of the block:
the host that holds the signatures asks it. Rules K1 to K9 of `docs/protocol/blocks.md`.
"""

from __future__ import annotations

from collections.abc import Sequence

from metis_node.codec.deposits import is_deposit
from metis_node.codec.extra_data import decode_extra_data
from metis_node.codec.sequencer_transactions import (
    decode_open_epoch,
    decode_record_block,
    encode_open_epoch,
    encode_record_block,
)
from metis_node.errors import InvalidBlock
from metis_node.staking.epochs import EpochWindow
from metis_node.types.blocks import ExtraData, Header


def check_builder(header: Header, window: EpochWindow) -> None:
    """The header names the epoch of its height and a place in its order (K7). The beneficiary is
    free: it is where the builder wants its fees (K8). Raises InvalidBlock."""
    extra, epoch = decode_extra_data(header.extra_data), window.current
    if not epoch.start <= header.number <= epoch.end:
        raise InvalidBlock(
            f"block {header.number} was held against epoch {epoch.number}, which has the blocks "
            f"{epoch.start} to {epoch.end}"
        )
    if extra.epoch != epoch.number:
        raise InvalidBlock(f"epoch in extraData is {extra.epoch}, expected {epoch.number}")
    if extra.stake_block != epoch.stake_block:
        raise InvalidBlock(
            f"stake block in extraData is {extra.stake_block}, expected {epoch.stake_block}"
        )
    if extra.builder_index >= len(epoch.order):
        raise InvalidBlock(
            f"builder index in extraData is {extra.builder_index}, epoch {epoch.number} has "
            f"{len(epoch.order)} places"
        )


def check_records(header: Header, transactions: Sequence[bytes], window: EpochWindow) -> int:
    """After the L1 attributes: `openEpoch` iff the epoch begins here, then `recordBlock` (K1). How
    many transactions that are. Raises InvalidBlock."""
    number = header.number
    rest = list(transactions[1:3])
    if number == window.current.start:
        _check_opening(rest.pop(0) if rest else b"", number, window)
    raw = rest[0] if rest else b""
    _check_record(raw, decode_extra_data(header.extra_data), number, window)
    return 3 if number == window.current.start else 2


def _check_opening(raw: bytes, number: int, window: EpochWindow) -> None:
    expected = window.current.opening
    if not is_deposit(raw):
        raise InvalidBlock(f"block {number} does not open epoch {expected.epoch}, which begins")
    if raw == encode_open_epoch(expected, number):
        return
    found = decode_open_epoch(raw, number)
    for field in ("epoch", "length", "stake_block", "version", "order"):
        if getattr(found, field) != getattr(expected, field):
            raise InvalidBlock(
                f"block {number} opens epoch {expected.epoch} with another {field} than follows "
                "from the stake"
            )
    raise AssertionError("two openings of equal fields have one encoding")


def _check_record(raw: bytes, extra: ExtraData, number: int, window: EpochWindow) -> None:
    if not is_deposit(raw):
        raise InvalidBlock(f"block {number} does not record its builder")
    place, participation = decode_record_block(raw)
    if place != extra.builder_index:
        raise InvalidBlock(
            f"block {number} records the builder {place}, its header names {extra.builder_index}"
        )
    check_participation(participation, number, window)
    expected = encode_record_block(
        place=place, participation=participation, seats=window.seats, height=number
    )
    if raw != expected:
        raise InvalidBlock(f"the record of block {number} is not encoded as it must be")


def check_participation(participation: Sequence[int], number: int, window: EpochWindow) -> None:
    """The shape of the votes that block `number` records (K4). Raises InvalidBlock."""
    most = window.recordable(number)
    if len(participation) > most:
        raise InvalidBlock(
            f"block {number} records votes of {len(participation)} heights, at most {most} are "
            "allowed"
        )
    if participation and not participation[-1]:
        raise InvalidBlock(f"block {number} ends its record with a height without votes")
    for index, places in enumerate(participation):
        height = number - 1 - index
        seats = len(window.order_at(height))
        if places >> seats:
            raise InvalidBlock(
                f"block {number} records a vote of place {places.bit_length() - 1} for height "
                f"{height}, whose epoch has {seats} places"
            )
