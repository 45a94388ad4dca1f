"""The L1 attributes transaction: first of every L2 block, a deposit (`deposits.py`).

It calls the predeploy `L1Block` with what the block takes from its L1 origin. Every field is
derived from the origin and the height, so that a block is rebuilt from L1 without carrying it.
"""

from __future__ import annotations

from metis_node.codec import deposits
from metis_node.codec.deposits import Deposit, called_data, encode_deposit
from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidBlock
from metis_node.types.l1 import L1Origin
from metis_node.types.primitives import Address, Hash32

L1_BLOCK = Address(bytes.fromhex("4200000000000000000000000000000000000015"))
GAS_LIMIT = 1_000_000
SIGNATURE = b"setL1Block(uint64,uint64,uint256,uint256,bytes32,bytes32)"
SELECTOR = keccak256(SIGNATURE)[:4]
SOURCE_DOMAIN = 1  # OP's domain of L1 attributes deposits
CALLDATA_BYTES = 4 + 6 * 32


def encode_system_transaction(origin: L1Origin, height: int) -> bytes:
    """The transaction that announces `origin` in the block `height`."""
    return encode_deposit(
        Deposit(
            source_hash=source_hash(origin.hash, height),
            to=L1_BLOCK,
            gas_limit=GAS_LIMIT,
            data=encode_attributes(origin),
        )
    )


def decode_system_transaction(raw: bytes, height: int) -> L1Origin:
    """The origin that `raw` announces. Raises InvalidBlock unless `raw` is exactly the encoding of
    that origin at that height."""
    origin = decode_attributes(called_data(raw))
    if encode_system_transaction(origin, height) != raw:
        raise InvalidBlock(
            f"the system transaction of block {height} is not the one derived from its L1 origin "
            f"{origin.number}"
        )
    return origin


def source_hash(origin_hash: Hash32, height: int) -> Hash32:
    """keccak(uint256(1) ‖ keccak(origin hash ‖ uint256(height))): unique in every block."""
    return deposits.source_hash(SOURCE_DOMAIN, origin_hash + height.to_bytes(32, "big"))


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
