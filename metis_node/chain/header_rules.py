"""The rules on a block that need no execution: its header against its parent's, and its frame.

What execution decides (roots, bloom, gas used) is checked by `Engine.verify`. Rules depend on the
two headers, the transactions and the epoch alone, never on a clock. On a chain with validators the
caller gives the `EpochWindow` of the block; what is held against it is in `sequencing_rules.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metis_node.chain.sequencing_rules import check_builder, check_records
from metis_node.codec.deposits import is_deposit
from metis_node.codec.extra_data import decode_extra_data, header_time_ms
from metis_node.codec.system_transaction import decode_system_transaction
from metis_node.errors import InvalidBlock
from metis_node.execution.fees import (
    BLOB_SCHEDULES,
    GAS_PER_BLOB,
    fork_at,
    next_base_fee,
    next_excess_blob_gas,
)
from metis_node.staking.epochs import EpochWindow
from metis_node.types.blocks import ExtraData, Header, SealedHeader
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import EMPTY_OMMERS_HASH, EMPTY_REQUESTS_HASH, EMPTY_TRIE_ROOT
from metis_node.types.rules import ChainRules

if TYPE_CHECKING:
    from metis_node._native import Transaction

MAX_EXTRA_DATA_BYTES = 32  # yellow paper
NO_NONCE = bytes(8)


def check_header(
    parent: SealedHeader,
    sealed: SealedHeader,
    rules: ChainRules,
    window: EpochWindow | None = None,
) -> None:
    """Raises InvalidBlock naming the field, what it is and what it had to be."""
    header, before = sealed.header, parent.header
    _expect("number", header.number, before.number + 1)
    _expect_bytes("parentHash", header.parent_hash, parent.hash)
    _check_constants(header)
    _expect("gasLimit", header.gas_limit, rules.gas_limit)
    if header.gas_used > header.gas_limit:
        raise InvalidBlock(f"gasUsed {header.gas_used} is above gasLimit {header.gas_limit}")
    _expect("baseFeePerGas", header.base_fee_per_gas, next_base_fee(before, rules))
    _check_blob_gas(before, header, rules)
    if rules.system_transactions:
        _check_extra_data(before, header)
        _check_sequencing(header, rules, window)
        _check_time(before, header, rules)
    else:
        _check_free_header(before, header)


def check_body(
    parent: Header,
    header: Header,
    transactions: Sequence[bytes | Transaction],
    rules: ChainRules,
    window: EpochWindow | None = None,
) -> None:
    """Size, and the system transactions against header, parent and epoch. Raises InvalidBlock."""
    size = sum([len(tx) if isinstance(tx, bytes) else tx.size for tx in transactions])
    if size > rules.max_block_bytes:
        raise InvalidBlock(
            f"the transactions have {size} bytes, at most {rules.max_block_bytes} are allowed"
        )
    rest = transactions
    if rules.system_transactions:
        if not transactions:
            raise InvalidBlock("the block lacks its system transaction")
        check_origin(parent, header, _origin_of(transactions[0], header.number), rules)
        rest = transactions[1:]
        assert (window is None) == (rules.consensus is None)
        if window is not None:
            rest = transactions[check_records(header, _raw(transactions[:3]), window) :]
    for tx in rest:
        if isinstance(tx, bytes) and is_deposit(tx):
            raise InvalidBlock("the block has a system transaction where none may stand")


def check_origin(parent: Header, header: Header, origin: L1Origin, rules: ChainRules) -> None:
    """The header names the origin of its system transaction, which is not behind the parent's and
    not older than the lag allows. Raises InvalidBlock."""
    extra, before = decode_extra_data(header.extra_data), decode_extra_data(parent.extra_data)
    _expect("origin number in extraData", extra.origin_number, origin.number)
    _expect_bytes("parentBeaconBlockRoot", header.parent_beacon_block_root, origin.hash)
    _expect_bytes("mixHash", header.mix_hash, origin.prev_randao)
    if origin.number == before.origin_number:
        _expect_bytes("origin hash", origin.hash, parent.parent_beacon_block_root)
    oldest = header.timestamp - rules.origin_max_lag_s
    if origin.timestamp < oldest:
        raise InvalidBlock(
            f"L1 origin {origin.number} is of time {origin.timestamp}, a block of time "
            f"{header.timestamp} needs one of {oldest} or later"
        )


def earliest_time_ms(parent: Header, rules: ChainRules) -> int:
    """When the block after `parent` is due, milliseconds since the Unix epoch."""
    return header_time_ms(parent) + rules.block_time_ms


def _origin_of(transaction: bytes | Transaction, number: int) -> L1Origin:
    return decode_system_transaction(_raw([transaction])[0], number)


def _raw(transactions: Sequence[bytes | Transaction]) -> list[bytes]:
    return [tx if isinstance(tx, bytes) else tx.raw for tx in transactions]


def _check_constants(header: Header) -> None:
    """Fields that proof of stake left without meaning, or that this chain does not use."""
    _expect("difficulty", header.difficulty, 0)
    _expect_bytes("nonce", header.nonce, NO_NONCE)
    _expect_bytes("sha3Uncles", header.ommers_hash, EMPTY_OMMERS_HASH)
    _expect_bytes("withdrawalsRoot", header.withdrawals_root, EMPTY_TRIE_ROOT)
    _expect_bytes("requestsHash", header.requests_hash, EMPTY_REQUESTS_HASH)


def _check_blob_gas(parent: Header, header: Header, rules: ChainRules) -> None:
    if not rules.blobs:
        _expect("blobGasUsed", header.blob_gas_used, 0)
        _expect("excessBlobGas", header.excess_blob_gas, 0)
        return
    expected = next_excess_blob_gas(parent, rules, header.timestamp)
    _expect("excessBlobGas", header.excess_blob_gas, expected)
    most = BLOB_SCHEDULES[fork_at(rules, header.timestamp)].maximum * GAS_PER_BLOB
    if header.blob_gas_used > most or header.blob_gas_used % GAS_PER_BLOB:
        raise InvalidBlock(
            f"blobGasUsed {header.blob_gas_used} is not a multiple of {GAS_PER_BLOB} up to {most}"
        )


def _check_extra_data(parent: Header, header: Header) -> None:
    """Layout, and what may not go back."""
    extra, before = decode_extra_data(header.extra_data), decode_extra_data(parent.extra_data)
    if extra.origin_number < before.origin_number:
        raise InvalidBlock(
            f"L1 origin {extra.origin_number} is behind the parent's {before.origin_number}"
        )


def _check_sequencing(header: Header, rules: ChainRules, window: EpochWindow | None) -> None:
    """Epoch and builder, on a chain that has them."""
    if window is not None:
        check_builder(header, window)
        return
    assert rules.consensus is None, "the caller knows the epoch of a chain with validators"
    extra = decode_extra_data(header.extra_data)
    expected = ExtraData(origin_number=extra.origin_number, milliseconds=extra.milliseconds)
    if extra != expected:
        raise InvalidBlock(
            "extraData names an epoch, builder or stake block on a chain with one sequencer"
        )


def _check_time(parent: Header, header: Header, rules: ChainRules) -> None:
    earliest, actual = earliest_time_ms(parent, rules), header_time_ms(header)
    if actual < earliest:
        raise InvalidBlock(f"the block's time is {actual} ms, it may not be before {earliest} ms")


def _check_free_header(parent: Header, header: Header) -> None:
    """A chain of plain Ethereum headers: the embedded L1."""
    if len(header.extra_data) > MAX_EXTRA_DATA_BYTES:
        raise InvalidBlock(
            f"extraData has {len(header.extra_data)} bytes, at most {MAX_EXTRA_DATA_BYTES} are "
            "allowed"
        )
    if header.timestamp <= parent.timestamp:
        raise InvalidBlock(
            f"timestamp {header.timestamp} is not after the parent's {parent.timestamp}"
        )


def _expect(field: str, actual: int, expected: int) -> None:
    if actual != expected:
        raise InvalidBlock(f"{field} is {actual}, expected {expected}")


def _expect_bytes(field: str, actual: bytes, expected: bytes) -> None:
    if actual != expected:
        raise InvalidBlock(f"{field} is 0x{actual.hex()}, expected 0x{expected.hex()}")
