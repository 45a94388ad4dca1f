"""The L1 attributes transaction: first of every L2 block, of OP's deposit type 0x7E.

It calls the predeploy `L1Block` with what the block takes from its L1 origin. Every field is
derived from the origin and the height, so that a block is rebuilt from L1 without carrying it.
"""

from __future__ import annotations

from metis_node.codec import rlp
from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidBlock
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Address, Hash32

TYPE = 0x7E
L1_BLOCK = Address(bytes.fromhex("4200000000000000000000000000000000000015"))
DEPOSITOR = Address(bytes.fromhex("deaddeaddeaddeaddeaddeaddeaddeaddead0001"))
GAS_LIMIT = 1_000_000
SIGNATURE = b"setL1Block(uint64,uint64,uint256,uint256,bytes32,bytes32)"
SELECTOR = keccak256(SIGNATURE)[:4]
SOURCE_DOMAIN = 1  # OP's domain of L1 attributes deposits
CALLDATA_BYTES = 4 + 6 * 32


def encode_system_transaction(origin: L1Origin, height: int) -> bytes:
    """0x7E ‖ rlp([source hash, from, to, mint, value, gas, is system, data])."""
    fields = (
        source_hash(origin.hash, height),
        DEPOSITOR,
        L1_BLOCK,
        b"",
        b"",
        rlp.int_to_bytes(GAS_LIMIT),
        b"",
        encode_attributes(origin),
    )
    return bytes((TYPE,)) + rlp.encode(fields)


def decode_system_transaction(raw: bytes, height: int) -> L1Origin:
    """The origin that `raw` announces. Raises InvalidBlock unless `raw` is exactly the encoding of
    that origin at that height."""
    origin = _origin_of(raw)
    if encode_system_transaction(origin, height) != raw:
        raise InvalidBlock(
            f"the system transaction of block {height} is not the one derived from its L1 origin "
            f"{origin.number}"
        )
    return origin


def source_hash(origin_hash: Hash32, height: int) -> Hash32:
    """keccak(uint256(1) ‖ keccak(origin hash ‖ uint256(height))): unique in every block."""
    inner = keccak256(origin_hash + height.to_bytes(32, "big"))
    return Hash32(keccak256(SOURCE_DOMAIN.to_bytes(32, "big") + inner))


def encode_attributes(origin: L1Origin) -> bytes:
    """ABI call of `setL1Block`."""
    words = (origin.number, origin.timestamp, origin.base_fee_per_gas, origin.blob_base_fee)
    numbers = b"".join([word.to_bytes(32, "big") for word in words])
    return SELECTOR + numbers + origin.hash + origin.prev_randao


def decode_attributes(data: bytes) -> L1Origin:
    """Read an ABI call of `setL1Block`. Raises InvalidBlock."""
    if len(data) != CALLDATA_BYTES or data[:4] != SELECTOR:
        raise InvalidBlock("the system transaction does not call setL1Block")
    words = [data[start : start + 32] for start in range(4, CALLDATA_BYTES, 32)]
    number, timestamp, base_fee, blob_base_fee = (int.from_bytes(w, "big") for w in words[:4])
    if number >> 64 or timestamp >> 64:
        raise InvalidBlock("the system transaction has an origin number or time above 64 bits")
    return L1Origin(
        number=number,
        hash=Hash32(words[4]),
        timestamp=timestamp,
        base_fee_per_gas=base_fee,
        blob_base_fee=blob_base_fee,
        prev_randao=Hash32(words[5]),
    )


def _origin_of(raw: bytes) -> L1Origin:
    if raw[:1] != bytes((TYPE,)):
        raise InvalidBlock("the first transaction is not a system transaction (type 0x7e)")
    try:
        fields = rlp.decode(raw[1:])
    except rlp.MalformedRlp as error:
        raise InvalidBlock(f"malformed system transaction: {error}") from None
    if not isinstance(fields, list) or len(fields) != 8 or not isinstance(fields[7], bytes):
        raise InvalidBlock("malformed system transaction: expected 8 fields")
    return decode_attributes(fields[7])
