"""What counts on L1 and what is skipped, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metis_node.batching.channel import (
    CHANNEL_TIMEOUT_BLOCKS,
    Channel,
    channel_id,
    encode_channel,
)
from metis_node.batching.derivation import (
    BatchReader,
    Found,
    Skip,
    check_hash,
    check_origin_order,
    next_blocks,
)
from metis_node.batching.frames import encode_payload, split_channel
from metis_node.errors import InvalidBatch
from metis_node.types.batches import SpanBatch
from metis_node.types.primitives import Hash32
from tests.factories import CHAIN_ID
from tests.unit.batching.samples import block_of, signed_batch


def hash_of_block(number: int) -> bytes:
    """The hash that `samples.block_of` gives its blocks the check of; the parent of all is 2222."""
    return b"\x22" * 32 if number == 0 else number.to_bytes(4, "big").ljust(32, b"\x11")


def payloads_of(channel: Channel, size: int = 500) -> list[bytes]:
    return [encode_payload([frame]) for frame in split_channel(channel.id, channel.data, [size])]


def codes(results: list[Found | Skip]) -> list[str]:
    return [result.code if isinstance(result, Skip) else "found" for result in results]


def test_a_batch_is_found_where_its_last_frame_stands() -> None:
    batch = signed_batch()
    payloads = payloads_of(encode_channel(batch, chain_id=CHAIN_ID))
    reader = BatchReader(chain_id=CHAIN_ID)
    assert reader.read(7, payloads[:-1]) == []
    assert reader.resume_at(8) == 7
    (found,) = reader.read(8, payloads[-1:])
    assert isinstance(found, Found)
    assert (found.l1_block, found.batch) == (8, batch)
    assert reader.resume_at(9) == 9


def test_junk_between_frames_is_skipped_with_a_reason_and_harms_nothing() -> None:
    batch = signed_batch()
    payloads = payloads_of(encode_channel(batch, chain_id=CHAIN_ID))
    junk = [b"", b"\x09hello", b"\x01short", payloads[0], b"\x01" + bytes(22) + b"\x01"]
    reader = BatchReader(chain_id=CHAIN_ID)
    results = reader.read(7, [payloads[0], *junk, *payloads[1:]])
    assert codes(results) == ["payload", "payload", "payload", "frame", "frame", "found"]
    assert all(result.reason for result in results if isinstance(result, Skip))


def test_a_channel_of_junk_is_skipped() -> None:
    reader = BatchReader(chain_id=CHAIN_ID)
    whole = signed_batch(blocks=3)
    data = b"\x01" + encode_channel(whole, chain_id=CHAIN_ID).data[2:]
    junk = Channel(id=channel_id(data), data=data, first=1, last=1)
    assert codes(reader.read(8, payloads_of(junk))) == ["batch"]


def test_a_channel_that_takes_too_long_is_dropped_whole() -> None:
    payloads = payloads_of(encode_channel(signed_batch(), chain_id=CHAIN_ID))
    reader = BatchReader(chain_id=CHAIN_ID)
    reader.read(7, payloads[:-1])
    late = 8 + CHANNEL_TIMEOUT_BLOCKS
    assert codes(reader.read(late, payloads[-1:])) == ["timeout"]
    assert codes(reader.read(late, payloads[:-1])) == ["found"]


@pytest.mark.parametrize("head", [0, 1, 15, 29])
def test_the_blocks_above_the_head_are_next(head: int) -> None:
    batch = signed_batch(first=1, blocks=30)
    blocks = next_blocks(batch, head=head, hash_of=hash_of_block)
    assert [block.number for block in blocks] == list(range(head + 1, 31))


@pytest.mark.parametrize(
    ("first", "head", "words"),
    [(5, 3, "a gap"), (1, 30, "known"), (1, 99, "known")],
)
def test_gaps_and_known_batches_are_refused(first: int, head: int, words: str) -> None:
    with pytest.raises(InvalidBatch, match=words):
        next_blocks(signed_batch(first=first), head=head, hash_of=hash_of_block)


def test_a_batch_on_another_parent_is_refused() -> None:
    batch = replace(signed_batch(), parent_check=bytes(20))
    with pytest.raises(InvalidBatch, match="another block 0"):
        next_blocks(batch, head=0, hash_of=hash_of_block)
    with pytest.raises(InvalidBatch, match="another block 0"):
        next_blocks(signed_batch(), head=0, hash_of=lambda _number: None)


def test_an_overlap_with_another_history_is_refused() -> None:
    batch = signed_batch(first=1, blocks=30)
    blocks = list(batch.blocks)
    blocks[4] = replace(blocks[4], check=b"nope")
    with pytest.raises(InvalidBatch, match="another block 5"):
        next_blocks(replace(batch, blocks=tuple(blocks)), head=10, hash_of=hash_of_block)
    assert next_blocks(replace(batch, blocks=tuple(blocks)), head=4, hash_of=hash_of_block)


def batch_to(last: int) -> SpanBatch:
    return signed_batch(first=1, blocks=last)


def test_a_derived_block_must_have_the_hash_the_batch_names() -> None:
    batch = batch_to(3)
    for block in batch.blocks:
        check_hash(batch, block, hash_of_block(block.number))
        with pytest.raises(InvalidBatch, match="the batch says"):
            check_hash(batch, block, bytes(32))
    almost = hash_of_block(3)[:-1] + b"\0"
    with pytest.raises(InvalidBatch, match="the batch says"):
        check_hash(batch, batch.blocks[-1], almost)
    check_hash(batch, batch.blocks[0], Hash32(hash_of_block(1)[:-1] + b"\0"))


def test_origins_rise_and_stand_below_the_batch() -> None:
    block = block_of(1, origin_number=50)
    check_origin_order(50, block, l1_block=51)
    with pytest.raises(InvalidBatch, match="its parent 51"):
        check_origin_order(51, block, l1_block=60)
    with pytest.raises(InvalidBatch, match="not below L1 block 50"):
        check_origin_order(50, block, l1_block=50)


def test_a_channel_made_here_is_not_decoded_again() -> None:
    batch = signed_batch()
    channel = encode_channel(batch, chain_id=CHAIN_ID)
    reader = BatchReader(chain_id=CHAIN_ID, known={channel.id: batch}.get)
    (found,) = reader.read(7, payloads_of(channel))
    assert isinstance(found, Found)
    assert found.batch is batch
    assert found.is_own
    other = encode_channel(signed_batch(blocks=2), chain_id=CHAIN_ID)
    (found,) = reader.read(8, payloads_of(other))
    assert isinstance(found, Found)
    assert not found.is_own
