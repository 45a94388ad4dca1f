"""The blocks that the present height may come to: their bodies, whether they are valid, and the
prepared write of each, so that a decided block is not executed again.

What is remembered as invalid is only what the hash covers. What cannot be known yet (an origin
that this node's L1 does not show, a body that nobody sent) gets no verdict: the round's time-out
decides.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from metis_node.chain.blockchain import Blockchain, Imported, Verified
from metis_node.chain.mempool import Mempool
from metis_node.codec.consensus import encode_message
from metis_node.codec.extra_data import decode_extra_data, header_time_ms
from metis_node.codec.headers import open_sealed
from metis_node.codec.sequencer_transactions import participation_of
from metis_node.codec.system_transaction import decode_system_transaction
from metis_node.consensus.inputs import Verdict
from metis_node.engine.committer import Committer
from metis_node.engine.consensus.bodies import BodyFetcher, is_body_of
from metis_node.engine.consensus.origin_watch import OriginWatch
from metis_node.engine.consensus.participation import PrecommitBook
from metis_node.engine.ports import Clock
from metis_node.errors import InvalidBlock, Temporary
from metis_node.staking.epochs import EpochWindow
from metis_node.types.blocks import SealedHeader
from metis_node.types.consensus import Certificate, Vote
from metis_node.types.network import PeerId
from metis_node.types.primitives import Address, Hash32

if TYPE_CHECKING:
    from metis_node._native import Transaction

MAX_CANDIDATES = 128
MAX_PER_PROPOSER = 4  # different blocks: an honest one proposes one, and then those of others
BODY_PATIENCE_S = 10.0  # how long a body is asked for: longer than a round waits for it

log = structlog.get_logger(__name__)

Body = tuple["bytes | Transaction", ...]


@dataclass(slots=True)
class Candidate:
    """A block of the present height."""

    sealed: SealedHeader
    builder: Address
    body: Body | None  # None: some transactions are missing
    system: tuple[bytes, ...] = ()  # where the body comes by hashes: what is in no pool
    hashes: tuple[Hash32, ...] = ()
    proofs: tuple[Vote, ...] = ()  # precommits that prove what it records
    sender: PeerId | None = None
    verified: Verified | None = None
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def raw_body(self) -> tuple[bytes, ...]:
        assert self.body is not None
        return _raw(self.body)

    @property
    def size(self) -> int:
        """Bytes of header and transactions."""
        assert self.body is not None
        carried = (len(tx) if isinstance(tx, bytes) else tx.size for tx in self.body)
        return len(self.sealed.rlp) + sum(carried)


class Candidates:
    """Of one height at a time."""

    def __init__(
        self,
        *,
        chain: Blockchain,
        committer: Committer,
        mempool: Mempool,
        origins: OriginWatch,
        precommits: PrecommitBook,
        clock: Clock,
        bodies: BodyFetcher,
    ) -> None:
        self._chain = chain
        self._committer = committer
        self._mempool = mempool
        self._origins = origins
        self._precommits = precommits
        self._clock = clock
        self._bodies = bodies
        self._blocks: dict[Hash32, Candidate] = {}
        self._proposed: Counter[Address] = Counter()
        self._window: EpochWindow | None = None

    def begin(self, window: EpochWindow) -> None:
        """A new height: forget the last one's."""
        self._blocks.clear()
        self._proposed.clear()
        self._window = window

    def get(self, block_hash: Hash32) -> Candidate | None:
        return self._blocks.get(block_hash)

    def open(self, header_rlp: bytes) -> tuple[SealedHeader, Address]:
        """A header, and the builder it names. Raises InvalidBlock."""
        sealed = open_sealed(header_rlp)
        if sealed.number != self._chain.head.number + 1:
            raise InvalidBlock(f"block {sealed.number} does not follow the head")
        assert self._window is not None
        order = self._window.current.order
        place = decode_extra_data(sealed.header.extra_data).builder_index
        if place >= len(order):
            raise InvalidBlock(f"the header names builder {place} of {len(order)}")
        return sealed, order[place].signer

    def add(
        self,
        sealed: SealedHeader,
        builder: Address,
        *,
        body: Sequence[bytes | Transaction] | None,
        system: tuple[bytes, ...] = (),
        hashes: tuple[Hash32, ...] = (),
        proofs: tuple[Vote, ...] = (),
        sender: PeerId | None = None,
        proposer: Address | None = None,
    ) -> Candidate | None:
        """Keep what came with a proposal; None where there are too many, in all or of `proposer`. A
        `body` is one that the header commits to."""
        known = self._blocks.get(sealed.hash)
        if known is not None:
            if known.body is None and body is not None:
                known.body = tuple(body)
            known.proofs = known.proofs or proofs
            return known
        if proposer is not None:  # what is decided always has room
            if len(self._blocks) >= MAX_CANDIDATES or self._proposed[proposer] >= MAX_PER_PROPOSER:
                return None
            self._proposed[proposer] += 1
        found = Candidate(
            sealed=sealed,
            builder=builder,
            body=None if body is None else tuple(body),
            system=system,
            hashes=hashes,
            proofs=proofs,
            sender=sender,
        )
        self._blocks[sealed.hash] = found
        return found

    def add_built(
        self, verified: Verified, builder: Address, body: Body, proofs: tuple[Vote, ...]
    ) -> Candidate:
        """The block that this node built and verified."""
        found = Candidate(
            sealed=verified.sealed,
            builder=builder,
            body=body,
            proofs=proofs,
            verified=verified,
            verdict=Verdict.VALID,
        )
        self._blocks[verified.sealed.hash] = found
        return found

    async def validate(self, block_hash: Hash32) -> Verdict | None:
        """What the block is worth; None where that cannot be known here and now. Rules C10, C11."""
        found = self._blocks[block_hash]
        if found.verdict is not None:
            return found.verdict
        await self._clock.wait_until_ms(header_time_ms(found.sealed.header))
        if not await self._complete(found):
            found.reason = "nobody sent its transactions"
            return None
        return await self._judge(found)

    async def commit(self, certificate: Certificate, window: EpochWindow) -> Imported:
        """Make a decided block the head: one atomic write, with its certificate."""
        found = self._blocks[certificate.block_hash]
        if found.verified is None:
            await self._complete(found)
            assert found.body is not None
            found.verified = await self._committer.verify(found.sealed.rlp, found.body, window)
        encoded = encode_message(certificate)
        return await self._committer.commit_verified(found.verified, encoded)

    async def _judge(self, found: Candidate) -> Verdict | None:
        assert found.body is not None
        assert self._window is not None
        window = self._window
        try:
            body = found.raw_body[:3]
            origin = decode_system_transaction(body[0] if body else b"", found.sealed.number)
            record = participation_of(body)
            if not await self._origins.confirm(origin):
                found.reason = "its L1 origin is not a block of the L1 that this node reads"
                return None
            found.reason = self._precommits.unproven(found.sealed.number, record)
            if found.reason:  # a bad attachment spoils this copy, not the block
                return None
            found.verified = await self._committer.verify(found.sealed.rlp, found.body, window)
        except InvalidBlock as error:
            found.verdict, found.reason = Verdict.INVALID, error.message
            log.warning(
                "a proposed block is invalid",
                number=found.sealed.number,
                hash="0x" + found.sealed.hash.hex(),
                builder="0x" + found.builder.hex(),
                reason=error.message,
            )
        except Temporary:
            return None
        else:
            found.verdict = Verdict.VALID
        return found.verdict

    async def _complete(self, found: Candidate) -> bool:
        """Put the body together: from the pool, then from whoever proposed it."""
        if found.body is None:
            found.body = self._from_pool(found)
        if found.body is None:
            try:
                async with asyncio.timeout(BODY_PATIENCE_S):
                    found.body = await self._bodies.fetch(found.sealed, found.sender)
            except TimeoutError:
                return False
        return True

    def _from_pool(self, found: Candidate) -> Body | None:
        """System transactions are in no pool: blocks that go by hashes bring them along."""
        pooled = [self._mempool.get(transaction_hash) for transaction_hash in found.hashes]
        body: Body = (*found.system, *[tx for tx in pooled if tx is not None])
        if not pooled or None in pooled or not is_body_of(found.sealed, _raw(body)):
            return None
        return body


def _raw(body: Body) -> tuple[bytes, ...]:
    return tuple(tx if isinstance(tx, bytes) else tx.raw for tx in body)
