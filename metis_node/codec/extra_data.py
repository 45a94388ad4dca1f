"""The 29 bytes of an L2 header's `extraData`, and block times in milliseconds.

Layout (big-endian): version u8, epoch u64, builder index u16, origin number u64, stake block u64,
milliseconds u16. 29 bytes fit Ethereum's limit of 32, so that unpatched clients read the header.
"""

from __future__ import annotations

import struct

from metis_node.errors import InvalidBlock
from metis_node.types.blocks import ExtraData, Header

VERSION = 1
SIZE = 29
_LAYOUT = struct.Struct(">BQHQQH")


def encode_extra_data(value: ExtraData) -> bytes:
    """29 bytes. Raises InvalidBlock where a field is out of its range."""
    if not 0 <= value.milliseconds < 1000:
        raise InvalidBlock(f"extraData: milliseconds {value.milliseconds} is not in 0..999")
    try:
        return _LAYOUT.pack(
            value.version,
            value.epoch,
            value.builder_index,
            value.origin_number,
            value.stake_block,
            value.milliseconds,
        )
    except struct.error as error:
        raise InvalidBlock(f"extraData: a field is out of range: {error}") from None


def decode_extra_data(data: bytes) -> ExtraData:
    """Raises InvalidBlock unless `data` is the layout of version 1."""
    if len(data) != SIZE:
        raise InvalidBlock(f"extraData has {len(data)} bytes, expected {SIZE}")
    version, epoch, builder_index, origin_number, stake_block, milliseconds = _LAYOUT.unpack(data)
    if version != VERSION:
        raise InvalidBlock(f"extraData has version {version}, this software knows {VERSION}")
    if milliseconds > 999:
        raise InvalidBlock(f"extraData: milliseconds {milliseconds} is not in 0..999")
    return ExtraData(
        version=version,
        epoch=epoch,
        builder_index=builder_index,
        origin_number=origin_number,
        stake_block=stake_block,
        milliseconds=milliseconds,
    )


def header_time_ms(header: Header) -> int:
    """Block time in milliseconds since the Unix epoch. A header whose extraData is not of this
    layout (the embedded L1) has whole seconds."""
    extra = header.extra_data
    if len(extra) != SIZE or extra[0] != VERSION:
        return header.timestamp * 1000
    return header.timestamp * 1000 + int.from_bytes(extra[-2:], "big")
