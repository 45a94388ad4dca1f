"""The system transactions that write `SequencerSet`: `openEpoch` and `recordBlock`, as deposits.

Pure encodings, and the gas that they are given. What may stand in them is in
`chain/sequencing_rules.py`; the normative text is `docs/protocol/blocks.md`, whose rules are cited.
"""

from __future__ import annotations

from collections.abc import Sequence

from metis_node.codec import deposits
from metis_node.codec.deposits import Deposit, called_data, encode_deposit
from metis_node.codec.hashes import keccak256
from metis_node.codec.system_transaction import encode_system_transaction
from metis_node.errors import InvalidBlock
from metis_node.types.epochs import EpochOpening, SequencingRecord, Validator
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Address, Hash32

SEQUENCER_SET = Address(bytes.fromhex("4200000000000000000000000000000000000100"))
MAX_SEATS = 256  # of SequencerSet: bits of a word

OPEN_EPOCH = keccak256(b"openEpoch(uint64,uint64,uint64,uint64,(uint64,address,uint64)[])")[:4]
RECORD_BLOCK = keccak256(b"recordBlock(uint16,uint256[])")[:4]

# Above OP's domains, which count from 0 (K3).
OPEN_EPOCH_DOMAIN = 0x6D65746973_01  # "metis" 1
RECORD_BLOCK_DOMAIN = 0x6D65746973_02  # "metis" 2

OPEN_EPOCH_GAS = 150_000  # and for each seat:
OPEN_EPOCH_SEAT_GAS = 60_000
RECORD_BLOCK_GAS = 350_000  # and for each seat:
RECORD_BLOCK_SEAT_GAS = 48_000

# What system transactions use at most in a block that opens no epoch, of 256 seats (K6).
ORDINARY_BLOCK_GAS = 3_000_000

WORD = 32
SEAT_BYTES = 3 * WORD
OPEN_EPOCH_HEAD = 4 + 6 * WORD  # four numbers, where the array begins, its length
RECORD_BLOCK_HEAD = 4 + 3 * WORD


def open_epoch_gas(seats: int) -> int:
    """Gas limit of `openEpoch` (K5)."""
    return OPEN_EPOCH_GAS + OPEN_EPOCH_SEAT_GAS * seats


def record_block_gas(seats: int) -> int:
    """Gas limit of `recordBlock` (K5)."""
    return RECORD_BLOCK_GAS + RECORD_BLOCK_SEAT_GAS * seats


def system_transactions(
    origin: L1Origin, record: SequencingRecord, height: int
) -> tuple[bytes, ...]:
    """All that a block of a chain with validators opens with, in order (K1)."""
    opening = record.opening
    return (
        encode_system_transaction(origin, height),
        *((encode_open_epoch(opening, height),) if opening is not None else ()),
        encode_record_block(
            place=record.place,
            participation=record.participation,
            seats=record.seats,
            height=height,
        ),
    )


def encode_open_epoch(opening: EpochOpening, height: int) -> bytes:
    """Opens an epoch in its first block."""
    numbers = (opening.epoch, opening.length, opening.stake_block, opening.version)
    data = OPEN_EPOCH + _words(*numbers, 5 * WORD, len(opening.order))
    for seat in opening.order:
        data += _words(seat.sequencer_id, int.from_bytes(seat.signer, "big"), seat.power)
    return encode_deposit(
        Deposit(
            source_hash=_source_hash(OPEN_EPOCH_DOMAIN, height),
            to=SEQUENCER_SET,
            gas_limit=open_epoch_gas(len(opening.order)),
            data=data,
        )
    )


def decode_open_epoch(raw: bytes, height: int) -> EpochOpening:
    """What `raw` opens. Raises InvalidBlock unless it is exactly the encoding of that."""
    opening = _opening_of(called_data(raw))
    if encode_open_epoch(opening, height) != raw:
        raise InvalidBlock(f"the opening of epoch {opening.epoch} is not encoded as it must be")
    return opening


def encode_record_block(
    *, place: int, participation: Sequence[int], seats: int, height: int
) -> bytes:
    """Records builder and votes. `seats`: of the bigger of the epoch and the one before it."""
    data = RECORD_BLOCK + _words(place, 2 * WORD, len(participation), *participation)
    return encode_deposit(
        Deposit(
            source_hash=_source_hash(RECORD_BLOCK_DOMAIN, height),
            to=SEQUENCER_SET,
            gas_limit=record_block_gas(seats),
            data=data,
        )
    )


def decode_record_block(raw: bytes) -> tuple[int, tuple[int, ...]]:
    """Place of the builder, and participation. Raises InvalidBlock on a malformed call; the caller,
    who knows the seats, encodes it again and compares."""
    data = called_data(raw)
    if data[:4] != RECORD_BLOCK or len(data) < RECORD_BLOCK_HEAD:
        raise InvalidBlock("the last system transaction does not call recordBlock")
    place, offset, count = _numbers(data[4:RECORD_BLOCK_HEAD])
    if offset != 2 * WORD or place >> 16 or len(data) != RECORD_BLOCK_HEAD + count * WORD:
        raise InvalidBlock("the call of recordBlock is malformed")
    return place, tuple(_numbers(data[RECORD_BLOCK_HEAD:]))


def system_count(transactions: Sequence[bytes]) -> int:
    """How many system transactions a body opens with."""
    for index, raw in enumerate(transactions):
        if not deposits.is_deposit(raw):
            return index
    return len(transactions)


def participation_of(transactions: Sequence[bytes]) -> tuple[int, ...]:
    """The votes that a block records, from its encoded transactions: bit i of item k says that
    place i, in the order of that height's epoch, precommitted the block k + 1 below it.

    Raises InvalidBlock where the body does not open as one of a chain with validators."""
    count = system_count(transactions)
    if count < 2:
        raise InvalidBlock("the block lacks the system transaction that records its builder")
    return decode_record_block(transactions[count - 1])[1]


def opening_of(transactions: Sequence[bytes], height: int) -> EpochOpening | None:
    """The epoch that a block opens, from its encoded transactions; None: it opens none."""
    if system_count(transactions) < 3:
        return None
    return decode_open_epoch(transactions[1], height)


def _opening_of(data: bytes) -> EpochOpening:
    if data[:4] != OPEN_EPOCH or len(data) < OPEN_EPOCH_HEAD:
        raise InvalidBlock("the system transaction does not call openEpoch")
    epoch, length, stake_block, version, offset, count = _numbers(data[4:OPEN_EPOCH_HEAD])
    if offset != 5 * WORD or len(data) != OPEN_EPOCH_HEAD + count * SEAT_BYTES:
        raise InvalidBlock("the call of openEpoch is malformed")
    if not 0 < count <= MAX_SEATS:
        raise InvalidBlock(f"the call of openEpoch has {count} seats, expected 1 to {MAX_SEATS}")
    words = _numbers(data[OPEN_EPOCH_HEAD:])
    if max((epoch, length, stake_block, version, *words[::3], *words[2::3])) >> 64:
        raise InvalidBlock("the call of openEpoch has a number above 64 bits")
    if max(words[1::3]) >> 160:
        raise InvalidBlock("the call of openEpoch has a signer above 20 bytes")
    order = tuple(
        Validator(sequencer_id=seat, signer=Address(signer.to_bytes(20, "big")), power=power)
        for seat, signer, power in zip(words[::3], words[1::3], words[2::3], strict=True)
    )
    return EpochOpening(
        epoch=epoch, length=length, stake_block=stake_block, version=version, order=order
    )


def _source_hash(domain: int, height: int) -> Hash32:
    return deposits.source_hash(domain, height.to_bytes(WORD, "big"))


def _words(*values: int) -> bytes:
    return b"".join([value.to_bytes(WORD, "big") for value in values])


def _numbers(data: bytes) -> list[int]:
    starts = range(0, len(data), WORD)
    return [int.from_bytes(data[start : start + WORD], "big") for start in starts]
