"""Span batches to bytes and back.

A span batch is the carried part of consecutive blocks, column by column. No compression here, and
no rule about what a block may contain: that is derivation. Rules B5 to B9, B20 and B21 of
`docs/protocol/batches.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from metis_node.batching.columns import (
    U64_LIMIT,
    ColumnReader,
    ColumnWriter,
    encode_bits,
    encode_varint,
    encode_varints,
    read_run,
)
from metis_node.batching.sequencing_columns import (
    read_openings,
    read_votes,
    write_openings,
    write_votes,
)
from metis_node.batching.transaction_columns import TransactionColumns, read_transactions
from metis_node.errors import InvalidBatch
from metis_node.types.batches import BatchBlock, SpanBatch
from metis_node.types.epochs import EpochOpening
from metis_node.types.primitives import Address, Hash32

BATCH_VERSION = 1  # of chains with one sequencer
SEQUENCED_VERSION = 2  # of chains with validators: epochs and votes are carried
PARENT_CHECK_BYTES = 20
BLOCK_CHECK_BYTES = 4
MAX_BLOCKS = 16_384  # 4.5 hours of blocks of one second
MAX_TRANSACTIONS = 1 << 18
MAX_TRANSACTION_BYTES = 32 << 20  # raw bytes of a whole batch, above any `max_block_bytes`
MAX_BATCH_BYTES = 40 << 20  # encoded, decompressed


def encode_span_batch(batch: SpanBatch, *, chain_id: int) -> bytes:
    """The batch as bytes. The caller keeps within MAX_BLOCKS and MAX_TRANSACTION_BYTES."""
    blocks = batch.blocks
    assert 0 < len(blocks) <= MAX_BLOCKS
    assert all(b.number == a.number + 1 for a, b in pairwise(blocks))
    sequenced = blocks[0].participation is not None
    assert all((block.participation is not None) == sequenced for block in blocks)
    out = ColumnWriter()
    out.fixed(bytes((SEQUENCED_VERSION if sequenced else BATCH_VERSION,)))
    out.number(batch.first)
    out.number(len(blocks))
    out.fixed(batch.parent_check)
    out.fixed(batch.last_hash)
    _write_times(out, blocks)
    _write_origins(out, blocks)
    _write_runs(out, blocks)
    if sequenced:
        write_openings(out, blocks)
        write_votes(out, blocks)
    out.column(b"".join(block.check for block in blocks))
    out.column(encode_varints(len(block.transactions) for block in blocks))
    columns = TransactionColumns(chain_id)
    for block in blocks:
        columns.add_all(block.transactions)
    columns.write(out)
    return out.finish()


def _write_times(out: ColumnWriter, blocks: tuple[BatchBlock, ...]) -> None:
    out.number(blocks[0].time_ms)
    out.column(encode_varints(b.time_ms - a.time_ms for a, b in pairwise(blocks)))


def _write_origins(out: ColumnWriter, blocks: tuple[BatchBlock, ...]) -> None:
    steps = [b.origin_number - a.origin_number for a, b in pairwise(blocks)]
    out.number(blocks[0].origin_number)
    out.column(encode_bits([1 if step else 0 for step in steps]))
    out.column(encode_varints(step - 1 for step in steps if step))


def _write_runs(out: ColumnWriter, blocks: tuple[BatchBlock, ...]) -> None:
    builders, epochs, limits = [], [], []
    for (address, index), run in groupby(blocks, lambda b: (b.beneficiary, b.builder_index)):
        builders += [encode_varint(len(list(run))), address, encode_varint(index)]
    for pair, run in groupby(blocks, lambda b: (b.epoch, b.stake_block)):
        epochs.append(encode_varints((len(list(run)), *pair)))
    for limit, run in groupby(blocks, lambda b: b.gas_limit):
        limits.append(encode_varints((len(list(run)), limit)))
    for column in (builders, epochs, limits):
        out.column(b"".join(column))


def decode_span_batch(data: bytes, *, chain_id: int) -> SpanBatch:
    """The inverse of `encode_span_batch`, within the bounds above.

    Raises InvalidBatch, naming the column, on anything that is not exactly one batch.
    """
    if len(data) > MAX_BATCH_BYTES:
        raise InvalidBatch(f"a batch of {len(data)} bytes is beyond the bound {MAX_BATCH_BYTES}")
    reader = ColumnReader(data)
    version = reader.fixed(1)[0]
    if version not in (BATCH_VERSION, SEQUENCED_VERSION):
        raise InvalidBatch(
            f"batch version {version} is unknown, {BATCH_VERSION} and {SEQUENCED_VERSION} are known"
        )
    first = reader.number()
    count = reader.number(MAX_BLOCKS + 1)
    if not count:
        raise InvalidBatch("a batch without blocks")
    parent_check = reader.fixed(PARENT_CHECK_BYTES)
    last_hash = Hash32(reader.fixed(32))
    if first + count > U64_LIMIT:
        raise InvalidBatch("a block number is wider than 64 bits")
    times = _read_times(reader, count)
    origins = _read_origins(reader, count)
    builders, epochs, limits = _read_runs(reader, count)
    openings: dict[int, EpochOpening] = {}
    votes: Sequence[tuple[int, ...] | None] = [None] * count
    if version == SEQUENCED_VERSION:
        openings = read_openings(reader, epochs)
        votes = read_votes(reader, count)
    checks = _read_checks(reader, count)
    counts = _read_counts(reader, count)
    raws = read_transactions(
        reader, count=sum(counts), chain_id=chain_id, max_bytes=MAX_TRANSACTION_BYTES
    )
    reader.finish()
    blocks = []
    start = 0
    for index in range(count):
        stop = start + counts[index]
        blocks.append(
            BatchBlock(
                number=first + index,
                time_ms=times[index],
                origin_number=origins[index],
                beneficiary=builders[index][0],
                builder_index=builders[index][1],
                epoch=epochs[index][0],
                stake_block=epochs[index][1],
                gas_limit=limits[index],
                check=checks[index],
                transactions=tuple(raws[start:stop]),
                participation=votes[index],
                opening=openings.get(index),
            )
        )
        start = stop
    return SpanBatch(parent_check=parent_check, last_hash=last_hash, blocks=tuple(blocks))


def _read_times(reader: ColumnReader, count: int) -> list[int]:
    times = [reader.number()]
    column = reader.column("times")
    for delta in column.numbers(count - 1):
        times.append(times[-1] + delta)
    column.finish()
    if times[-1] >= U64_LIMIT:
        raise InvalidBatch("column times: a time is wider than 64 bits")
    return times


def _read_origins(reader: ColumnReader, count: int) -> list[int]:
    origins = [reader.number()]
    bits_column = reader.column("origin_bits")
    bits = bits_column.bits(count - 1)
    bits_column.finish()
    deltas_column = reader.column("origin_deltas")
    deltas = iter(deltas_column.numbers(sum(bits)))
    deltas_column.finish()
    for bit in bits:
        origins.append(origins[-1] + (next(deltas) + 1 if bit else 0))
    if origins[-1] >= U64_LIMIT:
        raise InvalidBatch("column origin_deltas: a number is wider than 64 bits")
    return origins


def _read_runs(
    reader: ColumnReader, count: int
) -> tuple[list[tuple[Address, int]], list[tuple[int, int]], list[int]]:
    builders: list[tuple[Address, int]] = []
    column = reader.column("builders")
    while len(builders) < count:
        run = read_run(column, count - len(builders))
        builders += [(Address(column.fixed(20)), column.number(1 << 16))] * run
    column.finish()
    epochs: list[tuple[int, int]] = []
    column = reader.column("epochs")
    while len(epochs) < count:
        run = read_run(column, count - len(epochs))
        epochs += [(column.number(), column.number())] * run
    column.finish()
    limits: list[int] = []
    column = reader.column("block_gas_limits")
    while len(limits) < count:
        run = read_run(column, count - len(limits))
        limits += [column.number()] * run
    column.finish()
    return builders, epochs, limits


def _read_checks(reader: ColumnReader, count: int) -> list[bytes]:
    column = reader.column("checks")
    raw = column.fixed(count * BLOCK_CHECK_BYTES)
    column.finish()
    size = BLOCK_CHECK_BYTES
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def _read_counts(reader: ColumnReader, count: int) -> list[int]:
    column = reader.column("transaction_counts")
    counts = column.numbers(count, MAX_TRANSACTIONS + 1)
    column.finish()
    if sum(counts) > MAX_TRANSACTIONS:
        raise InvalidBatch(f"more than {MAX_TRANSACTIONS} transactions")
    return counts
