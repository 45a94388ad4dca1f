"""What a builder fixes before execution: the header template and the system transactions."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.codec.extra_data import encode_extra_data
from metis_node.codec.hashes import keccak256
from metis_node.codec.headers import encode_header
from metis_node.codec.sequencer_transactions import system_transactions
from metis_node.codec.system_transaction import encode_system_transaction
from metis_node.execution.fees import next_base_fee, next_excess_blob_gas
from metis_node.types.blocks import ExtraData, Header, SealedHeader
from metis_node.types.epochs import SequencingRecord
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import (
    EMPTY_OMMERS_HASH,
    EMPTY_REQUESTS_HASH,
    EMPTY_TRIE_ROOT,
    ZERO_HASH,
    Address,
    Hash32,
)
from metis_node.types.rules import ChainRules


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTemplate:
    """Input of `Engine.build`."""

    number: int
    header: bytes  # RLP
    base_fee: int  # wei
    system: tuple[bytes, ...]


def l2_template(
    parent: SealedHeader,
    rules: ChainRules,
    *,
    time_ms: int,
    origin: L1Origin,
    beneficiary: Address,
    record: SequencingRecord | None = None,
) -> BlockTemplate:
    """The next block of a chain whose blocks name an L1 origin. Every field but the beneficiary and
    the time is derived from parent, origin and record.

    `record`: of a chain with validators, as `EpochWindow.record` makes it; None: of another."""
    assert (record is None) == (rules.consensus is None)
    number = parent.header.number + 1
    seconds, milliseconds = divmod(time_ms, 1000)
    extra = ExtraData(
        epoch=record.epoch if record is not None else 0,
        builder_index=record.place if record is not None else 0,
        origin_number=origin.number,
        stake_block=record.stake_block if record is not None else 0,
        milliseconds=milliseconds,
    )
    header = _header(
        parent,
        rules,
        timestamp=seconds,
        beneficiary=beneficiary,
        extra_data=encode_extra_data(extra),
        mix_hash=origin.prev_randao,
        beacon_root=origin.hash,
    )
    return BlockTemplate(
        number=number,
        header=encode_header(header),
        base_fee=header.base_fee_per_gas,
        system=(
            system_transactions(origin, record, number)
            if record is not None
            else (encode_system_transaction(origin, number),)
        ),
    )


def l1_template(
    parent: SealedHeader, rules: ChainRules, *, time_ms: int, beneficiary: Address
) -> BlockTemplate:
    """The next block of the embedded L1: whole seconds that rise, randomness from the parent."""
    header = _header(
        parent,
        rules,
        timestamp=max(time_ms // 1000, parent.header.timestamp + 1),
        beneficiary=beneficiary,
        extra_data=b"",
        mix_hash=Hash32(keccak256(b"randomness" + parent.hash)),
        beacon_root=ZERO_HASH,
    )
    return BlockTemplate(
        number=header.number,
        header=encode_header(header),
        base_fee=header.base_fee_per_gas,
        system=(),
    )


def _header(
    parent: SealedHeader,
    rules: ChainRules,
    *,
    timestamp: int,
    beneficiary: Address,
    extra_data: bytes,
    mix_hash: Hash32,
    beacon_root: Hash32,
) -> Header:
    excess = next_excess_blob_gas(parent.header, rules, timestamp) if rules.blobs else 0
    return Header(
        parent_hash=parent.hash,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=beneficiary,
        state_root=EMPTY_TRIE_ROOT,
        transactions_root=EMPTY_TRIE_ROOT,
        receipts_root=EMPTY_TRIE_ROOT,
        logs_bloom=bytes(256),
        difficulty=0,
        number=parent.header.number + 1,
        gas_limit=rules.gas_limit,
        gas_used=0,
        timestamp=timestamp,
        extra_data=extra_data,
        mix_hash=mix_hash,
        nonce=bytes(8),
        base_fee_per_gas=next_base_fee(parent.header, rules),
        withdrawals_root=EMPTY_TRIE_ROOT,
        blob_gas_used=0,
        excess_blob_gas=excess,
        parent_beacon_block_root=beacon_root,
        requests_hash=EMPTY_REQUESTS_HASH,
    )
