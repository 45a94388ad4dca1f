"""The decoder's thread: order, refusals per item, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from metis_node.engine.decoding import Decoding
from metis_node.storage.memory import MemoryStore
from tests import chains
from tests.chains import new_blockchain, transfer


@pytest.fixture
def decoding() -> Iterator[Decoding]:
    made = Decoding(new_blockchain(MemoryStore()).engine)
    yield made
    made.close()


async def test_answers_come_in_the_order_of_the_batches(decoding: Decoding) -> None:
    batches = [[transfer(n, nonce) for nonce in range(n + 1)] for n in range(5)] + [[]]
    answers = await asyncio.gather(*[decoding.decode(batch) for batch in batches])
    for batch, answer in zip(batches, answers, strict=True):
        wanted = [tx.hash for tx in chains.decode(batch)]
        assert [tx.hash for tx in answer if not isinstance(tx, tuple)] == wanted
    decoding.close()


async def test_a_large_batch_is_decoded_as_a_whole(decoding: Decoding) -> None:
    raws = [transfer(n % 5, n // 5) for n in range(500)]
    answer = await decoding.decode([*raws, b"\x02"])
    assert len(answer) == 501
    refused = answer[-1]
    assert isinstance(refused, tuple)
    assert refused[0] == "malformed"
    decoding.close()


async def test_an_answer_that_nobody_waits_for_is_not_given_to_the_next(
    decoding: Decoding,
) -> None:
    given_up = decoding.decode([transfer(0, 0)])
    given_up.cancel()
    answer = await decoding.decode([transfer(1, 0)])
    assert [tx.sender for tx in answer if not isinstance(tx, tuple)] == [
        tx.sender for tx in chains.decode([transfer(1, 0)])
    ]
    decoding.close()


async def test_a_closed_decoder_refuses_and_leaves_nobody_waiting(decoding: Decoding) -> None:
    waiting = decoding.decode([transfer(0, 0)])
    decoding.close()
    decoding.close()
    assert waiting.done()
    with pytest.raises(RuntimeError, match="closed"):
        decoding.decode([b""])


async def test_a_closed_loop_side_keeps_no_thread() -> None:
    """Closing waits for the batch under way, which may need the interpreter to read accounts."""
    decoding = Decoding(new_blockchain(MemoryStore()).engine)
    decoding.decode([transfer(n % 5, n // 5) for n in range(2_000)])
    decoding.close()
