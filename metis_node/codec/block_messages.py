"""What carries blocks between nodes <-> bytes: proposals, decided blocks, ranges, status.

RLP, canonical and bounded. Messages of the agreement inside are those of `codec/consensus.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.codec import rlp
from metis_node.codec.consensus import MalformedMessage, decode_message, encode_message
from metis_node.types.blocks import BlockRef
from metis_node.types.consensus import Certificate, Proposal, Vote, VoteKind
from metis_node.types.primitives import ZERO_ADDRESS, Hash32

MAX_TRANSACTIONS = 65_536  # of one block: 1 MiB of the smallest ones is a third of it
MAX_PRECOMMITS = 1_024  # attached to a proposal: eight heights of the largest set
MAX_RANGE = 256  # blocks asked for at once
MAX_HASHES = 8_192  # transactions asked for at once
INLINE_BYTES = 128 << 10  # above it a proposal carries hashes, and bodies go by stream


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockProposal:
    """A proposal with its block: all its transactions, or those that are in no mempool and the
    hashes of the others.

    `precommits` prove the participation that the block records: votes for blocks below it.
    """

    proposal: Proposal
    header_rlp: bytes
    transactions: tuple[bytes, ...] | None  # EIP-2718
    hashes: tuple[Hash32, ...] = ()
    precommits: tuple[Vote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedBlock:
    """A block with the certificate that makes it final. Without transactions: an announcement."""

    certificate: Certificate
    header_rlp: bytes
    transactions: tuple[bytes, ...] | None


def encode_block_proposal(value: BlockProposal) -> bytes:
    return rlp.encode(
        [
            encode_message(value.proposal),
            value.header_rlp,
            _optional(value.transactions),
            list(value.hashes),
            [_encode_precommit(vote) for vote in value.precommits],
        ]
    )


def decode_block_proposal(data: bytes) -> BlockProposal:
    """Senders are not recovered yet. Raises MalformedMessage."""
    message, header, transactions, hashes, precommits = _fields(data, 5, "a proposal")
    proposal = decode_message(_bytes(message, "proposal"))
    if not isinstance(proposal, Proposal):
        raise MalformedMessage("a block is proposed by a proposal, this is another message")
    votes = _list(precommits, MAX_PRECOMMITS, "precommits")
    return BlockProposal(
        proposal=proposal,
        header_rlp=_bytes(header, "header"),
        transactions=_decode_optional(transactions),
        hashes=tuple(
            Hash32(_sized(entry, 32, "a transaction hash"))
            for entry in _list(hashes, MAX_TRANSACTIONS, "hashes")
        ),
        precommits=tuple(_decode_precommit(entry) for entry in votes),
    )


def encode_decided(value: DecidedBlock) -> bytes:
    return rlp.encode(_decided_item(value))


def decode_decided(data: bytes) -> DecidedBlock:
    """Signers are not recovered yet. Raises MalformedMessage."""
    return _decided(_fields(data, 3, "a decided block"))


def encode_range(blocks: list[DecidedBlock]) -> bytes:
    return rlp.encode([_decided_item(block) for block in blocks])


def decode_range(data: bytes) -> list[DecidedBlock]:
    """Raises MalformedMessage."""
    entries = _list(_decoded(data), MAX_RANGE, "blocks")
    return [_decided(_items(entry, 3, "a decided block")) for entry in entries]


def encode_range_request(first: int, count: int) -> bytes:
    return first.to_bytes(8, "big") + count.to_bytes(2, "big")


def decode_range_request(data: bytes) -> tuple[int, int]:
    """First block and how many. Raises MalformedMessage."""
    if len(data) != 10:
        raise MalformedMessage("a request for blocks has 10 bytes")
    first, count = int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big")
    if not 0 < count <= MAX_RANGE:
        raise MalformedMessage(f"1 to {MAX_RANGE} blocks are asked for at once, not {count}")
    return first, count


def encode_ref(ref: BlockRef) -> bytes:
    """A block by number and hash: the status of a node, and a request for a body."""
    return ref.number.to_bytes(8, "big") + ref.hash


def decode_ref(data: bytes) -> BlockRef:
    """Raises MalformedMessage."""
    if len(data) != 40:
        raise MalformedMessage("a block is named by 40 bytes: number and hash")
    return BlockRef(number=int.from_bytes(data[:8], "big"), hash=Hash32(data[8:]))


def encode_hashes(hashes: list[Hash32]) -> bytes:
    return b"".join(hashes)


def decode_hashes(data: bytes) -> list[Hash32]:
    """Raises MalformedMessage."""
    if len(data) % 32 or len(data) > 32 * MAX_HASHES:
        raise MalformedMessage(f"at most {MAX_HASHES} hashes of 32 bytes are asked for at once")
    return [Hash32(data[at : at + 32]) for at in range(0, len(data), 32)]


def encode_transactions(transactions: list[bytes]) -> bytes:
    return rlp.encode(transactions)


def decode_transactions_message(data: bytes) -> list[bytes]:
    """Raises MalformedMessage."""
    entries = _list(_decoded(data), MAX_TRANSACTIONS, "transactions")
    return [_bytes(entry, "a transaction") for entry in entries]


def _decided_item(value: DecidedBlock) -> list[rlp.Item]:
    return [encode_message(value.certificate), value.header_rlp, _optional(value.transactions)]


def _decided(fields: list[rlp.Decoded]) -> DecidedBlock:
    certificate = decode_message(_bytes(fields[0], "certificate"))
    if not isinstance(certificate, Certificate) or certificate.kind is not VoteKind.PRECOMMIT:
        raise MalformedMessage("a block is decided by a commit certificate")
    return DecidedBlock(
        certificate=certificate,
        header_rlp=_bytes(fields[1], "header"),
        transactions=_decode_optional(fields[2]),
    )


def _encode_precommit(vote: Vote) -> bytes:
    return vote.height.to_bytes(8, "big") + vote.round.to_bytes(4, "big") + vote.signature


def _decode_precommit(item: rlp.Decoded) -> Vote:
    """The block voted for is the one of that height: whoever reads it puts it in."""
    data = _sized(item, 77, "a precommit")
    return Vote(
        kind=VoteKind.PRECOMMIT,
        height=int.from_bytes(data[:8], "big"),
        round=int.from_bytes(data[8:12], "big"),
        block_hash=Hash32(bytes(32)),
        sender=ZERO_ADDRESS,
        signature=data[12:],
    )


def _optional(transactions: tuple[bytes, ...] | None) -> list[rlp.Item]:
    return [] if transactions is None else [list(transactions)]


def _decode_optional(item: rlp.Decoded) -> tuple[bytes, ...] | None:
    outer = _list(item, 1, "transactions")
    if not outer:
        return None
    entries = _list(outer[0], MAX_TRANSACTIONS, "transactions")
    return tuple(_bytes(entry, "a transaction") for entry in entries)


def _decoded(data: bytes) -> rlp.Decoded:
    try:
        return rlp.decode(data)
    except rlp.MalformedRlp as error:
        raise MalformedMessage(f"the message is not RLP: {error}") from None


def _fields(data: bytes, count: int, name: str) -> list[rlp.Decoded]:
    return _items(_decoded(data), count, name)


def _items(item: rlp.Decoded, count: int, name: str) -> list[rlp.Decoded]:
    if not isinstance(item, list) or len(item) != count:
        raise MalformedMessage(f"{name} is a list of {count} fields")
    return item


def _list(item: rlp.Decoded, most: int, name: str) -> list[rlp.Decoded]:
    if not isinstance(item, list):
        raise MalformedMessage(f"{name}: expected a list")
    if len(item) > most:
        raise MalformedMessage(f"{name}: {len(item)} of them, at most {most} are allowed")
    return item


def _bytes(item: rlp.Decoded, name: str) -> bytes:
    if isinstance(item, list):
        raise MalformedMessage(f"{name}: expected bytes, found a list")
    return item


def _sized(item: rlp.Decoded, size: int, name: str) -> bytes:
    data = _bytes(item, name)
    if len(data) != size:
        raise MalformedMessage(f"{name} has {len(data)} bytes, expected {size}")
    return data
