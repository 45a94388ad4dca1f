"""Headers and blocks. Encodings are in `codec/headers.py`, rules in `chain/header_rules.py`."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.primitives import Address, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraData:
    """What an L2 header carries in its 29 bytes of `extraData` (design: consensus.md).

    version u8 ‖ epoch u64 ‖ builder_index u16 ‖ origin_number u64 ‖ stake_block u64 ‖
    milliseconds u16,
    big-endian. `builder_index` is the builder's place in order(epoch).
    """

    version: int = 1
    epoch: int = 0
    builder_index: int = 0
    origin_number: int = 0
    stake_block: int = 0
    milliseconds: int = 0  # 0..999


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """An Ethereum block header with the fields of Prague (yellow paper 4.4; EIPs 1559, 4399, 4895,
    4844, 4788, 7685). Numbers are plain ints, times in seconds."""

    parent_hash: Hash32
    ommers_hash: Hash32
    beneficiary: Address
    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes  # 256 bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: Hash32  # prevRandao
    nonce: bytes  # 8 zero bytes
    base_fee_per_gas: int
    withdrawals_root: Hash32
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_block_root: Hash32  # on L2: hash of the L1 origin
    requests_hash: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedHeader:
    """A header with its encoding and hash. Made by `codec.headers.seal` or `.open_sealed`."""

    header: Header
    rlp: bytes
    hash: Hash32

    @property
    def number(self) -> int:
        return self.header.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A sealed block. `transactions` are EIP-2718 encodings, system transactions first."""

    header: Header
    header_rlp: bytes
    hash: Hash32
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRef:
    """A block by number and hash."""

    number: int
    hash: Hash32
