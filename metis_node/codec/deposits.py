"""OP's deposit type 0x7E: what all system transactions of this chain have in common.

0x7E ‖ rlp([source hash, from, to, mint, value, gas, is system, data]), with mint and value 0, and
sent by the one account that nobody has the key of. What they call is in the modules beside this.
"""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.codec import rlp
from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidBlock
from metis_node.types.primitives import Address, Hash32

TYPE = 0x7E
DEPOSITOR = Address(bytes.fromhex("deaddeaddeaddeaddeaddeaddeaddeaddead0001"))
FIELDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """The fields that differ. `encode_deposit` of it is canonical."""

    source_hash: Hash32
    to: Address
    gas_limit: int
    data: bytes


def encode_deposit(deposit: Deposit) -> bytes:
    """The EIP-2718 encoding."""
    fields = (
        deposit.source_hash,
        DEPOSITOR,
        deposit.to,
        b"",
        b"",
        rlp.int_to_bytes(deposit.gas_limit),
        b"",
        deposit.data,
    )
    return bytes((TYPE,)) + rlp.encode(fields)


def is_deposit(raw: bytes) -> bool:
    """Whether an encoded transaction is of this type."""
    return raw[:1] == bytes((TYPE,))


def called_data(raw: bytes) -> bytes:
    """What a deposit passes to the contract. Raises InvalidBlock where `raw` is none; whoever reads
    the data encodes the transaction again and compares."""
    if not is_deposit(raw):
        raise InvalidBlock("the first transaction is not a system transaction (type 0x7e)")
    try:
        fields = rlp.decode(raw[1:])
    except rlp.MalformedRlp as error:
        raise InvalidBlock(f"malformed system transaction: {error}") from None
    if not isinstance(fields, list) or len(fields) != FIELDS or not isinstance(fields[7], bytes):
        raise InvalidBlock(f"malformed system transaction: expected {FIELDS} fields")
    return fields[7]


def source_hash(domain: int, inner: bytes) -> Hash32:
    """keccak(uint256(domain) ‖ keccak(inner)): OP's separation of where deposits come from."""
    return Hash32(keccak256(domain.to_bytes(32, "big") + keccak256(inner)))
