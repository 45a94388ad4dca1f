"""The two columns of a batch that say what stake decided and who voted: openings and votes.

Only on chains with validators. Rules B20 and B21 of `docs/protocol/batches.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from metis_node.batching.columns import (
    ColumnReader,
    ColumnWriter,
    encode_varint,
    encode_varints,
    read_run,
)
from metis_node.errors import InvalidBatch
from metis_node.types.batches import BatchBlock
from metis_node.types.epochs import EpochOpening, Validator
from metis_node.types.primitives import Address

MAX_SEATS = 256  # of `SequencerSet`
MAX_HEIGHTS = 8  # whose votes one block may record
WORD_BYTES = 32


def write_openings(out: ColumnWriter, blocks: Sequence[BatchBlock]) -> None:
    """Epoch and stake block stand in the column `epochs`."""
    parts: list[bytes] = []
    after = 0
    for index, block in enumerate(blocks):
        opening = block.opening
        if opening is None:
            continue
        numbers = (index - after, opening.length, opening.version, len(opening.order))
        parts.append(encode_varints(numbers))
        for seat in opening.order:
            parts += [encode_varint(seat.sequencer_id), seat.signer, encode_varint(seat.power)]
        after = index + 1
    out.column(b"".join(parts))


def read_openings(
    reader: ColumnReader, epochs: Sequence[tuple[int, int]]
) -> dict[int, EpochOpening]:
    """By the index of the block. `epochs`: epoch and stake block of each block."""
    column = reader.column("openings")
    openings: dict[int, EpochOpening] = {}
    after = 0
    while column.remaining:
        if after >= len(epochs):
            raise InvalidBatch("column openings: more openings than blocks")
        index = after + column.number(len(epochs) - after)
        length, version = column.number(), column.number()
        epoch, stake_block = epochs[index]
        openings[index] = EpochOpening(
            epoch=epoch,
            length=length,
            stake_block=stake_block,
            version=version,
            order=_read_order(column),
        )
        after = index + 1
    return openings


def _read_order(column: ColumnReader) -> tuple[Validator, ...]:
    count = column.number(MAX_SEATS + 1)
    if not count:
        raise InvalidBatch("column openings: an epoch of no validators")
    return tuple(
        Validator(
            sequencer_id=column.number(),
            signer=Address(column.fixed(20)),
            power=column.number(),
        )
        for _ in range(count)
    )


def write_votes(out: ColumnWriter, blocks: Sequence[BatchBlock]) -> None:
    """Runs, since most blocks record the votes of all and nothing else."""
    parts: list[bytes] = []
    for participation, run in groupby(blocks, lambda block: block.participation):
        assert participation is not None
        parts.append(encode_varints((len(list(run)), len(participation))))
        for places in participation:
            raw = places.to_bytes((places.bit_length() + 7) // 8, "big")
            parts += [bytes((len(raw),)), raw]
    out.column(b"".join(parts))


def read_votes(reader: ColumnReader, count: int) -> list[tuple[int, ...]]:
    """Of each block."""
    column = reader.column("votes")
    votes: list[tuple[int, ...]] = []
    while len(votes) < count:
        run = read_run(column, count - len(votes))
        heights = column.number(MAX_HEIGHTS + 1)
        participation = tuple(_read_places(column) for _ in range(heights))
        if participation and not participation[-1]:
            raise InvalidBatch("column votes: a record ends with a height without votes")
        votes += [participation] * run
    column.finish()
    return votes


def _read_places(column: ColumnReader) -> int:
    size = column.fixed(1)[0]
    if size > WORD_BYTES:
        raise InvalidBatch(
            f"column votes: {size} bytes of places, at most {WORD_BYTES} are allowed"
        )
    raw = column.fixed(size)
    if raw[:1] == b"\0":
        raise InvalidBatch("column votes: places with a leading zero byte")
    return int.from_bytes(raw, "big")
