"""Blocks, transactions and logs in the JSON shapes of the execution APIs. Reads no store itself.

Where a shape depends on nothing but one transaction, the native crate makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from metis_node.chain.log_index import LogMatch
from metis_node.types.blocks import SealedHeader

if TYPE_CHECKING:
    from metis_node._native import Transaction, TransactionRecord

Json = dict[str, Any]


def hex_data(value: bytes) -> str:
    return "0x" + value.hex()


def header_view(sealed: SealedHeader) -> Json:
    """A header as `newHeads` pushes it."""
    header = sealed.header
    return {
        "number": hex(header.number),
        "hash": hex_data(sealed.hash),
        "parentHash": hex_data(header.parent_hash),
        "nonce": hex_data(header.nonce),
        "mixHash": hex_data(header.mix_hash),
        "sha3Uncles": hex_data(header.ommers_hash),
        "logsBloom": hex_data(header.logs_bloom),
        "stateRoot": hex_data(header.state_root),
        "miner": hex_data(header.beneficiary),
        "difficulty": hex(header.difficulty),
        "extraData": hex_data(header.extra_data),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "transactionsRoot": hex_data(header.transactions_root),
        "receiptsRoot": hex_data(header.receipts_root),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": hex_data(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": hex_data(header.parent_beacon_block_root),
        "requestsHash": hex_data(header.requests_hash),
    }


def block_view(sealed: SealedHeader, records: Sequence[TransactionRecord], *, full: bool) -> Json:
    """A block with its transactions, or with their hashes."""
    view = header_view(sealed)
    view["size"] = hex(block_size(sealed, records))
    view["uncles"] = []
    view["withdrawals"] = []
    if full:
        view["transactions"] = [
            included_view(record, sealed, index) for index, record in enumerate(records)
        ]
    else:
        view["transactions"] = [hex_data(record.hash) for record in records]
    return view


def included_view(record: TransactionRecord, sealed: SealedHeader, index: int) -> Json:
    """A transaction that is in a block."""
    view = record.transaction_dict()
    view["blockHash"] = hex_data(sealed.hash)
    view["blockNumber"] = hex(sealed.number)
    view["blockTimestamp"] = hex(sealed.header.timestamp)
    view["transactionIndex"] = hex(index)
    return view


def pending_view(transaction: Transaction) -> Json:
    """A transaction that waits in the mempool."""
    view = transaction.to_dict()
    view["blockHash"] = None
    view["blockNumber"] = None
    view["blockTimestamp"] = None
    view["transactionIndex"] = None
    return view


def receipt_view(record: TransactionRecord, sealed: SealedHeader, index: int) -> Json:
    return _receipt(
        record,
        hex_data(sealed.hash),
        hex(sealed.header.number),
        hex(index),
        hex(sealed.header.timestamp),
    )


def receipt_views(records: Iterable[TransactionRecord], sealed: SealedHeader) -> list[Json]:
    """The receipts of a whole block."""
    block_hash, number = hex_data(sealed.hash), hex(sealed.number)
    timestamp = hex(sealed.header.timestamp)
    return [
        _receipt(record, block_hash, number, hex(index), timestamp)
        for index, record in enumerate(records)
    ]


def _receipt(
    record: TransactionRecord, block_hash: str, number: str, index: str, timestamp: str
) -> Json:
    view = record.receipt_dict(block_hash, number, index)
    for log in view["logs"]:  # type: ignore[attr-defined]
        log["blockTimestamp"] = timestamp
    return view


def log_view(match: LogMatch) -> Json:
    return {
        "address": hex_data(match.address),
        "topics": [hex_data(topic) for topic in match.topics],
        "data": hex_data(match.data),
        "blockNumber": hex(match.block_number),
        "transactionHash": hex_data(match.transaction_hash),
        "transactionIndex": hex(match.transaction_index),
        "blockHash": hex_data(match.block_hash),
        "blockTimestamp": hex(match.timestamp),
        "logIndex": hex(match.log_index),
        "removed": False,
    }


def log_views(matches: Iterable[LogMatch]) -> list[Json]:
    return [log_view(match) for match in matches]


def block_size(sealed: SealedHeader, records: Iterable[TransactionRecord]) -> int:
    """Bytes of the block's RLP: header, transactions, no ommers, no withdrawals."""
    body = sum(_in_list(record.raw) for record in records)
    content = len(sealed.rlp) + _with_prefix(body) + 2  # two empty lists of one byte each
    return _with_prefix(content)


def _in_list(raw: bytes) -> int:
    """Legacy transactions stand in the list as they are, typed ones as a byte string (EIP-2718)."""
    return len(raw) if raw[0] >= 0xC0 else _with_prefix(len(raw))


def _with_prefix(size: int) -> int:
    """Length of an RLP list or string (of two bytes and more) with this much content."""
    if size <= 55:
        return 1 + size
    return 1 + (size.bit_length() + 7) // 8 + size
