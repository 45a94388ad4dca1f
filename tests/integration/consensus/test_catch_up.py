"""A node that was down for a thousand blocks takes them from its peers, each by its certificate."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from metis_node._native import sign_digest
from metis_node.chain import block_store
from metis_node.chain.blockchain import Blockchain
from metis_node.codec.block_messages import DecidedBlock
from metis_node.codec.consensus import digest_of, encode_message
from metis_node.codec.headers import encode_header, open_sealed
from metis_node.errors import Fatal
from metis_node.storage.memory import MemoryStore
from metis_node.types.consensus import Certificate, SignedBy, Vote, VoteKind
from metis_node.types.network import PeerId
from metis_node.types.primitives import Address, Hash32
from metis_node.types.signing import SigningDomain
from tests import sequenced
from tests.integration.consensus.village import NO_POOL, Village, Villager, same_chain
from tests.sequenced import SequencedChain

BLOCKS = 1_000
SIZE = 4
SECRETS = {
    sequenced.signer(number): (sequenced.FIRST_KEY + number).to_bytes(32, "big")
    for number in range(1, SIZE + 1)
}


def certificate_of(
    domain: SigningDomain, height: int, block_hash: Hash32, signers: list[Address]
) -> bytes:
    """A commit certificate by the real keys."""
    votes = [
        Vote(
            kind=VoteKind.PRECOMMIT,
            height=height,
            round=0,
            block_hash=block_hash,
            sender=signer,
        )
        for signer in signers
    ]
    return encode_message(
        Certificate(
            kind=VoteKind.PRECOMMIT,
            height=height,
            round=0,
            block_hash=block_hash,
            signatures=tuple(
                SignedBy(
                    signer=vote.sender,
                    signature=sign_digest(SECRETS[vote.sender], digest_of(domain, vote)),
                )
                for vote in votes
            ),
        )
    )


def decided_chain(made: Village, blocks: int, *, forged_at: int = 0) -> MemoryStore:
    """A store of a chain whose every block has its certificate."""
    store = MemoryStore()
    chain = SequencedChain.on(Blockchain.initialise(store, made.genesis))
    domain = SigningDomain(chain_id=made.genesis.rules.chain_id, locking_pool=NO_POOL)
    for _ in range(blocks):
        imported = chain.extend()
        signers = list(SECRETS)[: 1 if imported.number == forged_at else SIZE]
        encoded = certificate_of(domain, imported.number, imported.sealed.hash, signers)
        store.write([block_store.certificate_write(imported.number, encoded)])
    return store


async def joined(made: Village, store: MemoryStore) -> tuple[Villager, Villager]:
    made.stores[PeerId("archive")] = store
    archive = await made.enter(None, name="archive")
    return archive, await made.enter(None, name="late")


async def test_a_thousand_blocks_are_caught_up(tmp_path: Path) -> None:
    made = Village(tmp_path, SIZE)
    archive, late = await joined(made, decided_chain(made, BLOCKS))
    started = time.monotonic()
    try:
        await made.until(lambda: late.head == BLOCKS, 110)
        seconds = time.monotonic() - started
        print(f"{BLOCKS} blocks in {seconds:.1f} s: {BLOCKS / seconds:.0f} a second")
        assert same_chain([archive, late])
        assert late.story.counts["heights_taken"] == BLOCKS
        assert late.serving.decided(BLOCKS, with_body=True) is not None
    finally:
        for villager in (archive, late):
            await made.leave(villager)


async def test_a_certificate_without_a_quorum_stops_the_range_and_costs_its_sender(
    tmp_path: Path,
) -> None:
    made = Village(tmp_path, SIZE)
    archive, late = await joined(made, decided_chain(made, 8, forged_at=5))
    try:
        await made.until(lambda: bool(late.offences))
        assert late.head == 4
        assert late.offences[0][0] == archive.name
    finally:
        for villager in (archive, late):
            await made.leave(villager)


async def test_a_decided_block_that_is_invalid_here_stops_the_node(tmp_path: Path) -> None:
    """More than 2/3 of the power signed it: it is this node that is wrong."""
    made = Village(tmp_path, SIZE)
    chain = SequencedChain.on(Blockchain.initialise(MemoryStore(), made.genesis))
    header_rlp, transactions = chain.sealed()
    header = replace(open_sealed(header_rlp).header, state_root=Hash32(b"\7" * 32))
    lie = open_sealed(encode_header(header))
    senders = [SignedBy(signer=signer, signature=bytes(65)) for signer in SECRETS]
    certificate = Certificate(
        kind=VoteKind.PRECOMMIT,
        height=1,
        round=0,
        block_hash=lie.hash,
        signatures=tuple(senders),
    )
    late = await made.enter(None, name="late")
    await made.until(lambda: late.host.window is not None)
    decided = DecidedBlock(
        certificate=certificate, header_rlp=lie.rlp, transactions=tuple(transactions)
    )
    given = asyncio.ensure_future(late.host.take_decided(PeerId("somebody"), decided))
    with pytest.raises(Fatal, match=r"decided block 1 .* invalid here"):
        await made.until(lambda: late.head > 0)
    given.cancel()
    with pytest.raises(Fatal):
        await made.leave(late)
