"""Headers to canonical RLP and back: the 21 fields of Prague, in order."""

from __future__ import annotations

from metis_node.codec import rlp
from metis_node.codec.hashes import keccak256
from metis_node.errors import InvalidBlock
from metis_node.types.blocks import Header, SealedHeader
from metis_node.types.primitives import Address, Hash32

FIELDS = 21
BLOOM_BYTES = 256
NONCE_BYTES = 8


def encode_header(header: Header) -> bytes:
    """The RLP whose keccak is the block hash."""
    number, text = rlp.encode_int, rlp.encode_bytes
    return rlp.encode_list_payload(
        b"".join(
            (
                text(header.parent_hash),
                text(header.ommers_hash),
                text(header.beneficiary),
                text(header.state_root),
                text(header.transactions_root),
                text(header.receipts_root),
                text(header.logs_bloom),
                number(header.difficulty),
                number(header.number),
                number(header.gas_limit),
                number(header.gas_used),
                number(header.timestamp),
                text(header.extra_data),
                text(header.mix_hash),
                text(header.nonce),
                number(header.base_fee_per_gas),
                text(header.withdrawals_root),
                number(header.blob_gas_used),
                number(header.excess_blob_gas),
                text(header.parent_beacon_block_root),
                text(header.requests_hash),
            )
        )
    )


def decode_header(data: bytes) -> Header:
    """Raises InvalidBlock naming the field that is wrong."""
    try:
        return _header_of(rlp.decode(data))
    except rlp.MalformedRlp as error:
        raise InvalidBlock(f"malformed header: {error}") from None


def seal(header: Header) -> SealedHeader:
    """Encode and hash a complete header."""
    encoded = encode_header(header)
    return SealedHeader(header=header, rlp=encoded, hash=Hash32(keccak256(encoded)))


def open_sealed(data: bytes) -> SealedHeader:
    """Decode an encoded header and hash it. Raises InvalidBlock."""
    return SealedHeader(header=decode_header(data), rlp=data, hash=Hash32(keccak256(data)))


def _header_of(fields: rlp.Decoded) -> Header:
    if not isinstance(fields, list):
        raise rlp.MalformedRlp("expected a list of fields")
    if len(fields) != FIELDS:
        raise rlp.MalformedRlp(f"{len(fields)} fields, expected {FIELDS}")

    def hash_at(index: int, name: str) -> Hash32:
        return Hash32(rlp.fixed_bytes(fields[index], 32, name=name))

    def u64_at(index: int, name: str) -> int:
        return rlp.bytes_to_int(fields[index], name=name, max_bytes=8)

    extra_data = fields[12]
    if not isinstance(extra_data, bytes):
        raise rlp.MalformedRlp("extraData is a list, expected bytes")
    return Header(
        parent_hash=hash_at(0, "parentHash"),
        ommers_hash=hash_at(1, "sha3Uncles"),
        beneficiary=Address(rlp.fixed_bytes(fields[2], 20, name="miner")),
        state_root=hash_at(3, "stateRoot"),
        transactions_root=hash_at(4, "transactionsRoot"),
        receipts_root=hash_at(5, "receiptsRoot"),
        logs_bloom=rlp.fixed_bytes(fields[6], BLOOM_BYTES, name="logsBloom"),
        difficulty=rlp.bytes_to_int(fields[7], name="difficulty"),
        number=u64_at(8, "number"),
        gas_limit=u64_at(9, "gasLimit"),
        gas_used=u64_at(10, "gasUsed"),
        timestamp=u64_at(11, "timestamp"),
        extra_data=extra_data,
        mix_hash=hash_at(13, "mixHash"),
        nonce=rlp.fixed_bytes(fields[14], NONCE_BYTES, name="nonce"),
        base_fee_per_gas=rlp.bytes_to_int(fields[15], name="baseFeePerGas"),
        withdrawals_root=hash_at(16, "withdrawalsRoot"),
        blob_gas_used=u64_at(17, "blobGasUsed"),
        excess_blob_gas=u64_at(18, "excessBlobGas"),
        parent_beacon_block_root=hash_at(19, "parentBeaconBlockRoot"),
        requests_hash=hash_at(20, "requestsHash"),
    )
