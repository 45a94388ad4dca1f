"""What one block costs against the size of the state: build, verify, write, over LevelDB on disk.

Every block holds transfers from a few hundred senders to accounts drawn at random from the whole
state, so that each touches another path of the trie. Time is wall clock of one thread.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from bench.loadgen import BLOCK_BYTES, GAS_LIMIT
from bench.report import publish
from metis_node import _native
from metis_node.storage.leveldb import LevelStore, open_store
from tests import factories

SENDERS = 256


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench import_cost", description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--transactions", type=int, default=4_000, help="of one block")
    parser.add_argument("--blocks", type=int, default=8)
    options = parser.parse_args(arguments)
    rows: list[list[object]] = []
    for accounts in options.accounts:
        rows.append(_measure(accounts, options.transactions, options.blocks))
    publish(
        "import_cost",
        ["accounts", "build ms", "verify ms", "writes ms", "store ms", "us per tx", "keys per tx"],
        rows,
        transactions=options.transactions,
    )


def _measure(accounts: int, transactions: int, blocks: int) -> list[object]:
    with tempfile.TemporaryDirectory(prefix="metis-bench-") as folder:
        store = open_store(Path(folder) / "chain")
        try:
            world = _World(store, accounts)
            samples = [world.one_block(transactions) for _ in range(blocks)]
        finally:
            store.close()
    times = [statistics.median(column) for column in zip(*samples, strict=True)]
    build, verify, writes, stored, keys = times
    total = build + verify + writes + stored
    return [
        accounts,
        round(build, 1),
        round(verify, 1),
        round(writes, 1),
        round(stored, 1),
        round(1000 * total / transactions, 1),
        round(keys / transactions, 1),
    ]


class _World:
    """A chain on disk whose state holds `accounts` accounts, and what it takes to extend it."""

    def __init__(self, store: LevelStore, accounts: int) -> None:
        self.random = random.Random(accounts)
        self.senders = [factories.key(i) for i in range(SENDERS)]
        self.nonces = [0] * SENDERS
        self.others = [self.random.randbytes(20) for _ in range(accounts)]
        rules = factories.rules_json("prague", max_block_bytes=BLOCK_BYTES)
        self.engine = _native.Engine(rules, store.get_many)
        self.store = store
        balances = dict.fromkeys(self.others, 1) | factories.funded(SENDERS)
        template = factories.header_rlp(gas_limit=GAS_LIMIT)
        self.head = self._write(self.engine.genesis(template, factories.alloc_json(balances)))[0]

    def one_block(self, transactions: int) -> tuple[float, float, float, float, float]:
        """Milliseconds of build, verify, writes() and store, and the number of keys written."""
        raws = [self._transfer(i) for i in range(transactions)]
        decoded = _native.decode_transactions(raws, chain_id=factories.CHAIN_ID)
        candidates = [tx for tx in decoded if isinstance(tx, _native.Transaction)]
        template = factories.child_template(self.head)
        started = time.perf_counter()
        built = self.engine.build(template, [], candidates, max_bytes=BLOCK_BYTES)
        built_at = time.perf_counter()
        assert len(built.included) == transactions, built.skipped[:1]
        prepared = self.engine.verify(built.header, candidates)
        verified_at = time.perf_counter()
        self.head, writes_ms, store_ms, keys = self._write(prepared)
        build_ms, verify_ms = 1e3 * (built_at - started), 1e3 * (verified_at - built_at)
        return build_ms, verify_ms, writes_ms, store_ms, float(keys)

    def _transfer(self, index: int) -> bytes:
        sender = index % SENDERS
        nonce = self.nonces[sender]
        self.nonces[sender] += 1
        to = self.random.choice(self.others)
        return factories.sign_legacy(self.senders[sender], nonce=nonce, to=to, value=1)

    def _write(self, prepared: _native.Prepared) -> tuple[bytes, float, float, int]:
        self.engine.begin_write(prepared)
        started = time.perf_counter()
        writes = prepared.writes()
        made_at = time.perf_counter()
        self.store.write([*writes, (b"h" + prepared.number.to_bytes(8, "big"), prepared.header)])
        stored_at = time.perf_counter()
        self.engine.commit(prepared)
        return prepared.header, 1e3 * (made_at - started), 1e3 * (stored_at - made_at), len(writes)
