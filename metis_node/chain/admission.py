"""Which transactions the mempool takes, and the words it refuses others with (geth's)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metis_node.codec.sequencer_transactions import ORDINARY_BLOCK_GAS
from metis_node.errors import InvalidTransaction
from metis_node.execution.fees import BLOB_SCHEDULES, MAX_TRANSACTION_GAS, fork_at, is_osaka
from metis_node.types.rules import ChainRules

if TYPE_CHECKING:
    from metis_node._native import Transaction

MAX_TRANSACTION_BYTES = 128 * 1024  # geth's txMaxSize
MAX_INITCODE_BYTES = 49_152  # EIP-3860
MAX_BLOBS_OSAKA = 6  # per transaction, EIP-7594
MAX_NONCE = (1 << 64) - 1  # EIP-2681
BLOB_TYPE = 3
SET_CODE_TYPE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """What a transaction is held against apart from its sender's account."""

    gas_limit: int  # what a block has for one transaction at most
    max_bytes: int
    osaka: bool  # EIP-7825 cap on gas
    blobs: bool
    max_blobs: int = 6  # per transaction
    min_tip: int = 0  # wei per gas

    @classmethod
    def of(cls, rules: ChainRules, timestamp: int, *, min_tip: int = 0) -> AdmissionRules:
        """Rules for blocks at `timestamp` (seconds)."""
        osaka = is_osaka(rules, timestamp)
        of_block = BLOB_SCHEDULES[fork_at(rules, timestamp)].maximum
        system = ORDINARY_BLOCK_GAS if rules.consensus is not None else 0
        return cls(
            gas_limit=rules.gas_limit - system,
            max_bytes=min(MAX_TRANSACTION_BYTES, rules.max_block_bytes),
            osaka=osaka,
            blobs=rules.blobs,
            max_blobs=MAX_BLOBS_OSAKA if osaka else of_block,
            min_tip=min_tip,
        )


def check_transaction(tx: Transaction, fee_cap: int, tip: int, rules: AdmissionRules) -> None:
    """Everything that can be told from the transaction alone. Raises InvalidTransaction.

    The caller has read the two fees already; crossing into native code twice would cost more.
    """
    gas, kind = tx.gas_limit, tx.type
    if tx.size > rules.max_bytes:
        raise _refusal(
            "too_large", f"oversized data: transaction size {tx.size}, limit {rules.max_bytes}"
        )
    if kind == BLOB_TYPE and not rules.blobs:
        raise _refusal(
            "unsupported_type", "transaction type not supported: blobs are for the L1 only"
        )
    if gas > rules.gas_limit:
        raise _refusal("gas_limit", "exceeds block gas limit")
    if rules.osaka and gas > MAX_TRANSACTION_GAS:
        raise _refusal(
            "gas_limit", f"transaction gas limit too high (cap: {MAX_TRANSACTION_GAS}, tx: {gas})"
        )
    if fee_cap < tip:
        raise _refusal(
            "fee",
            "max priority fee per gas higher than max fee per gas: "
            f"maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee_cap}",
        )
    if tx.nonce == MAX_NONCE:
        raise _refusal("nonce", "nonce has max value")
    if gas < tx.intrinsic_gas:
        raise _refusal(
            "intrinsic_gas",
            f"intrinsic gas too low: gas {gas}, minimum needed {tx.intrinsic_gas}",
        )
    if gas < tx.floor_gas:
        raise _refusal(
            "floor_gas",
            f"insufficient gas for floor data gas cost: gas {gas}, minimum needed {tx.floor_gas}",
        )
    if tip < rules.min_tip:
        raise _refusal(
            "underpriced",
            f"transaction underpriced: gas tip cap {tip}, minimum needed {rules.min_tip}",
        )
    if kind == BLOB_TYPE:
        _check_blobs(tx, rules)
    if tx.to is None:
        _check_creation(tx, kind)
    if kind == SET_CODE_TYPE and not tx.to_dict()["authorizationList"]:
        raise _refusal("authorizations", "set code tx must have at least one authorization tuple")


def _check_blobs(tx: Transaction, rules: AdmissionRules) -> None:
    count = len(tx.blob_hashes)
    if count == 0:
        raise _refusal("blobs", "blobless blob transaction")
    if count > rules.max_blobs:
        raise _refusal(
            "blobs",
            f"too many blobs in transaction: have {count}, permitted {rules.max_blobs}",
        )


def _check_creation(tx: Transaction, kind: int) -> None:
    if kind in (BLOB_TYPE, SET_CODE_TYPE):
        raise _refusal("creation", f"transaction type {kind} cannot create a contract")
    size = len(tx.data)
    if size > MAX_INITCODE_BYTES:
        raise _refusal(
            "initcode",
            f"max initcode size exceeded: code size {size}, limit {MAX_INITCODE_BYTES}",
        )


def _refusal(code: str, message: str) -> InvalidTransaction:
    return InvalidTransaction(message, code=code)
