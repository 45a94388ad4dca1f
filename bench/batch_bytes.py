"""Bytes posted to L1 per transaction: raw RLP, brotli over raw RLP, and our span batch.

Transactions are signed for real. Recipients: `few` draws from 1,000 accounts that come again,
`new` sends each payment to an account never seen. Amounts have up to six significant decimal
digits, as people send them, or, in `odd wei`, are random up to the last wei. Fees of half of the
transactions are a wallet's usual values, of the rest random. Time is processor time of one thread.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import brotli

from bench.report import publish
from metis_node.batching.channel import Channel, decode_channel, encode_channel
from metis_node.batching.frames import encode_payload, split_channel
from metis_node.l1.blobs import BLOB_BYTES, BLOB_CAPACITY
from metis_node.l1.inbox import MAX_CALLDATA_PAYLOAD
from metis_node.types.batches import BatchBlock, SpanBatch
from metis_node.types.primitives import Address, Hash32
from tests import factories

SENDERS = 500
GWEI = 10**9
TOKEN = b"\x70" * 20
TRANSFER = bytes.fromhex("a9059cbb")
SIGNATURE_BYTES = 64  # r and s, which nothing compresses

Recipient = Callable[[random.Random], bytes]


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench batch_bytes", description=__doc__)
    parser.add_argument("--transactions", type=int, default=15_000)
    parser.add_argument("--per-block", type=int, default=1_000)
    options = parser.parse_args(arguments)
    rows = [
        _measure(f"{kind}, {who}{', odd wei' if odd else ''}", kind, who, odd, options)
        for kind in ("transfer", "erc20")
        for who, odd in (("few", False), ("few", True), ("new", False))
    ]
    rows += [
        _measure(f"{kind}, few, a block of 1", kind, "few", False, _sparse(options))
        for kind in ("transfer", "erc20")
    ]
    columns = [
        "workload",
        "raw RLP",
        "brotli 9 of raw",
        "brotli 11 of raw",
        "span batch",
        "above signature",
        "as calldata",
        "as blobs",
        "encode us",
        "decode us",
    ]
    publish(
        "batch_bytes",
        columns,
        rows,
        unit="bytes (microseconds) per transaction",
        transactions=options.transactions,
        blobs_note="bytes of whole blobs, the last one rarely full",
    )


def _sparse(options: argparse.Namespace) -> argparse.Namespace:
    count = min(options.transactions, 3_000)
    return argparse.Namespace(transactions=count, per_block=1)


def _measure(
    name: str, kind: str, who: str, odd: bool, options: argparse.Namespace
) -> list[object]:
    rng = random.Random(name)
    raws = _transactions(rng, kind, who, odd, options.transactions)
    batch = _batch(rng, raws, options.per_block)
    started = time.thread_time()
    channel = encode_channel(batch, chain_id=factories.CHAIN_ID)
    encoded = time.thread_time()
    assert decode_channel(channel.data, chain_id=factories.CHAIN_ID) == batch
    decoded = time.thread_time()
    joined = b"".join(raws)
    count = len(raws)
    return [
        name,
        *(round(size / count, 2) for size in (len(joined), *_brotli_sizes(joined))),
        round(len(channel.data) / count, 2),
        round(len(channel.data) / count - SIGNATURE_BYTES, 2),
        round(_posted(channel, MAX_CALLDATA_PAYLOAD) / count, 2),
        round(_blobs(channel) * BLOB_BYTES / count, 2),
        round((encoded - started) * 1e6 / count, 1),
        round((decoded - encoded) * 1e6 / count, 1),
    ]


def _brotli_sizes(data: bytes) -> list[int]:
    return [len(brotli.compress(data, quality=quality, lgwin=22)) for quality in (9, 11)]


def _posted(channel: Channel, capacity: int) -> int:
    frames = split_channel(channel.id, channel.data, [capacity])
    return sum(len(encode_payload([frame])) for frame in frames)


def _blobs(channel: Channel) -> int:
    return len(split_channel(channel.id, channel.data, [BLOB_CAPACITY]))


def _transactions(rng: random.Random, kind: str, who: str, odd: bool, count: int) -> list[bytes]:
    known = [factories.key(10_000 + index).address for index in range(1_000)]
    recipient: Recipient = (
        (lambda r: r.choice(known)) if who == "few" else (lambda r: r.randbytes(20))
    )
    nonces = [rng.randrange(300) for _ in range(SENDERS)]
    raws = []
    for _ in range(count):
        sender = rng.randrange(SENDERS)
        raws.append(_transaction(rng, kind, recipient(rng), odd, sender, nonces[sender]))
        nonces[sender] += 1
    return raws


def _transaction(
    rng: random.Random, kind: str, to: bytes, odd: bool, sender: int, nonce: int
) -> bytes:
    usual = rng.random() < 0.5
    fee = 2 * GWEI if usual else rng.randrange(GWEI, 5 * GWEI)
    amount = (
        rng.randrange(1, 10**19) if odd else rng.randrange(1, 10**6) * 10 ** rng.choice((12, 15))
    )
    call = (
        {"to": to, "value": amount, "gas_limit": 21_000}
        if kind == "transfer"
        else {
            "to": TOKEN,
            "data": _token_transfer(to, amount),
            "gas_limit": rng.choice((60_000, 65_000)),
        }
    )
    return factories.sign_dynamic_fee(
        factories.key(sender),
        nonce=nonce,
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=GWEI if usual else fee // 10,
        **call,
    )


def _token_transfer(to: bytes, amount: int) -> bytes:
    return TRANSFER + to.rjust(32, b"\0") + amount.to_bytes(32, "big")


def _batch(rng: random.Random, raws: list[bytes], per_block: int) -> SpanBatch:
    blocks = []
    for number, start in enumerate(range(0, len(raws), per_block), start=1):
        blocks.append(
            BatchBlock(
                number=number,
                time_ms=1_700_000_000_000 + number * 1_000,
                origin_number=20_000_000 + number // 12,
                beneficiary=Address(b"\xbe" * 20),
                builder_index=0,
                epoch=0,
                stake_block=0,
                gas_limit=60_000_000,
                check=rng.randbytes(4),
                transactions=tuple(raws[start : start + per_block]),
            )
        )
    return SpanBatch(
        parent_check=rng.randbytes(20), last_hash=Hash32(rng.randbytes(32)), blocks=tuple(blocks)
    )
