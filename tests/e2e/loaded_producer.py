"""A process that makes blocks under load in a directory and says on standard output what is in
them, until it is killed. Run it as `python -m tests.e2e.loaded_producer DIRECTORY`.

Lines: `open NUMBER HASH` once, then `head NUMBER HASH COUNT` after each block that counts.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from metis_node.chain.admission import AdmissionRules
from metis_node.chain.block_store import read_head
from metis_node.chain.blockchain import Blockchain, Imported
from metis_node.chain.local_journal import LocalJournal
from metis_node.chain.mempool import Mempool
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.block_producer import BlockProducer
from metis_node.engine.clock import SystemClock
from metis_node.engine.committer import Committer
from metis_node.engine.heads import Heads
from metis_node.engine.intake import Intake
from metis_node.engine.ports import SoleProposer
from metis_node.storage.leveldb import open_store
from tests import chains, factories
from tests.chains import BENEFICIARY, L1_BLOCK_TIME_S, L1_START
from tests.fakes.origins import ShownOrigins

SENDERS = 8
PER_ROUND = 25  # transactions of each sender handed over at once
MOST_WAITING = 2_000
EMITTER = b"\xe1" * 20
EMITTER_CODE = "0x6020600060003760203560206000a100"  # log1(calldata[0:32], calldata[32:64])


def say(*words: object) -> None:
    print(*words, flush=True)


async def load(intake: Intake, mempool: Mempool, chain: Blockchain, heads: Heads) -> None:
    """Keep the pool busy: payments to old and new accounts, and logs."""
    keys = [factories.key(n) for n in range(SENDERS)]
    accounts = chain.engine.accounts([key.address for key in keys], chain.head.number)
    nonces = [
        max(nonce, mempool.next_nonce(key.address) or 0)
        for key, (nonce, _) in zip(keys, accounts, strict=True)
    ]
    while True:
        for place, key in enumerate(keys):
            raws = [sign(key, nonces[place] + n) for n in range(PER_ROUND)]
            await intake.submit_many(raws)
            nonces[place] += PER_ROUND
        while len(mempool) > MOST_WAITING:
            await heads.next()


def sign(key: factories.Key, nonce: int) -> bytes:
    if nonce % 3 == 0:
        data = nonce.to_bytes(32, "big") + (nonce % 5).to_bytes(32, "big")
        return factories.sign_dynamic_fee(key, nonce=nonce, to=EMITTER, data=data, gas_limit=60_000)
    fresh = nonce.to_bytes(4, "big") + key.address[4:]
    return factories.sign_dynamic_fee(key, nonce=nonce, to=fresh, value=1 + nonce)


async def main(directory: Path) -> None:
    store = open_store(directory)
    if read_head(store) is None:
        alloc = {"0x" + EMITTER.hex(): {"balance": "0x0", "code": EMITTER_CODE}}
        genesis = chains.new_genesis(alloc=alloc, block_time_ms=200, origin_max_lag_s=1 << 30)
        Blockchain.initialise(store, genesis)
    chain = Blockchain.open(store)
    say("open", chain.head.number, chain.head.hash.hex())
    mempool = Mempool(AdmissionRules.of(chain.rules, int(time.time())))
    heads = Heads()

    def announce(imported: Imported) -> None:
        count = len(imported.prepared.transaction_hashes)
        say("head", imported.number, imported.sealed.hash.hex(), count)

    heads.subscribe(announce)
    committer = Committer(blockchain=chain, mempool=mempool, heads=heads)
    intake = Intake(blockchain=chain, mempool=mempool, journal=LocalJournal(store))
    elapsed = int(time.time()) - factories.GENESIS_TIME
    producer = BlockProducer(
        leadership=SoleProposer(),
        builder=BlockBuilder(
            blockchain=chain,
            committer=committer,
            mempool=mempool,
            origins=ShownOrigins(L1_START + elapsed // L1_BLOCK_TIME_S),
            clock=SystemClock(),
            beneficiary=BENEFICIARY,
        ),
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(intake.run())
        await intake.reload()
        tasks.create_task(producer.run())
        tasks.create_task(load(intake, mempool, chain, heads))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
