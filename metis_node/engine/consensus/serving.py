"""What this node answers its peers: how far it is, decided blocks with certificates, bodies of
proposals, transactions. Every answer is bounded."""

from __future__ import annotations

from collections.abc import Callable

from metis_node._native import TransactionRecord
from metis_node.chain import block_store
from metis_node.chain.blockchain import Blockchain
from metis_node.chain.mempool import Mempool
from metis_node.codec.block_messages import (
    DecidedBlock,
    decode_hashes,
    decode_range_request,
    decode_ref,
    encode_range,
    encode_ref,
    encode_transactions,
)
from metis_node.codec.consensus import decode_message
from metis_node.engine.consensus.candidates import Candidates
from metis_node.engine.consensus.workers import apart
from metis_node.errors import InvalidRequest
from metis_node.storage.tables import RECORDS, be64
from metis_node.types.blocks import BlockRef
from metis_node.types.consensus import Certificate
from metis_node.types.network import PeerId, RequestKind

MAX_ANSWER_BYTES = 3 << 20  # one block of the largest size goes always
Answer = Callable[[bytes], bytes]


class Serving:
    """`on_request` is the network's callback. Raises Invalid on a malformed request."""

    def __init__(self, *, chain: Blockchain, mempool: Mempool, candidates: Candidates) -> None:
        self._chain = chain
        self._mempool = mempool
        self._candidates = candidates
        self._answers: dict[RequestKind, Answer] = {
            RequestKind.STATUS: self._status,
            RequestKind.BLOCKS: self._blocks,
            RequestKind.CERTIFICATES: self._certificates,
            RequestKind.PROPOSAL: self._proposal,
            RequestKind.TRANSACTIONS: self._transactions,
        }

    async def on_request(self, peer: PeerId, kind: RequestKind, payload: bytes) -> bytes:  # noqa: ARG002
        if kind in (RequestKind.BLOCKS, RequestKind.CERTIFICATES):
            return await apart(lambda: self._answers[kind](payload))
        return self._answers[kind](payload)

    def _status(self, _: bytes) -> bytes:
        return encode_ref(BlockRef(number=self._chain.head.number, hash=self._chain.head.hash))

    def _blocks(self, payload: bytes) -> bytes:
        return encode_range(self._decided(payload, with_bodies=True))

    def _certificates(self, payload: bytes) -> bytes:
        return encode_range(self._decided(payload, with_bodies=False))

    def _decided(self, payload: bytes, *, with_bodies: bool) -> list[DecidedBlock]:
        first, count = decode_range_request(payload)
        blocks: list[DecidedBlock] = []
        size = 0
        for number in range(first, min(first + count, self._chain.head.number + 1)):
            block = self.decided(number, with_body=with_bodies)
            if block is None:
                break
            size += sum(len(raw) for raw in block.transactions or ()) + len(block.header_rlp)
            if blocks and size > MAX_ANSWER_BYTES:
                break
            blocks.append(block)
        return blocks

    def decided(self, number: int, *, with_body: bool) -> DecidedBlock | None:
        """A stored block; None where there is none, or no certificate of it. Any thread."""
        store = self._chain.store
        header = block_store.read_header(store, number)
        encoded = block_store.read_certificate(store, number)
        if header is None or encoded is None:
            return None
        certificate = decode_message(encoded)
        assert isinstance(certificate, Certificate)
        return DecidedBlock(
            certificate=certificate,
            header_rlp=header.rlp,
            transactions=self._body(number) if with_body else None,
        )

    def _body(self, number: int) -> tuple[bytes, ...]:
        start = RECORDS + be64(number)
        entries = self._chain.store.iterate(start, RECORDS + be64(number + 1))
        return tuple(TransactionRecord.decode(value).raw for _, value in entries)

    def _proposal(self, payload: bytes) -> bytes:
        """The body of a block of the present height, or of a decided one."""
        ref = decode_ref(payload)
        found = self._candidates.get(ref.hash)
        if found is not None and found.body is not None:
            return encode_transactions(list(found.raw_body))
        if block_store.read_number_of(self._chain.store, ref.hash) == ref.number:
            return encode_transactions(list(self._body(ref.number)))
        raise InvalidRequest(f"block 0x{ref.hash.hex()} is not known here")

    def _transactions(self, payload: bytes) -> bytes:
        found: list[bytes] = []
        size = 0
        for transaction_hash in decode_hashes(payload):
            transaction = self._mempool.get(transaction_hash)
            if transaction is None:
                continue
            size += transaction.size
            if size > MAX_ANSWER_BYTES:
                break
            found.append(transaction.raw)
        return encode_transactions(found)
