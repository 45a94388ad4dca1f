"""The peer id of a network key, without libp2p: base58 of the identity hash of its public key.

libp2p's specification "Peer Ids and Keys": protobuf `{1: 2 (secp256k1), 2: compressed point}`,
small enough to be its own multihash.
"""

from __future__ import annotations

from eth_keys.datatypes import PrivateKey

from metis_node.types.network import PeerId

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SECP256K1 = 2


def peer_id_of(secret: bytes) -> PeerId:
    """The id that peers see; begins with 16Uiu2HA."""
    point = PrivateKey(secret).public_key.to_compressed_bytes()
    key = bytes([0x08, SECP256K1, 0x12, len(point)]) + point
    return PeerId(_base58(bytes([0x00, len(key)]) + key))


def _base58(data: bytes) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = ALPHABET[digit] + digits
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + digits
