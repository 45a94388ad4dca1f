"""Which Ethereum fork an L1 is at, as far as it matters here: the version of blob sidecars."""

from __future__ import annotations

from metis_node.l1.client import L1Client
from metis_node.l1.endpoint import CallRefused
from metis_node.types.primitives import Address

P256_VERIFY = Address((0x100).to_bytes(20, "big"))  # EIP-7951, a precompile from Osaka on
# sha256("metis") signed on secp256r1: hash, r, s, public key. Valid, so Osaka answers 1.
P256_PROBE = bytes.fromhex(
    "2c7b1ebe11c52677a549978a2a0c3d5d0dde477f4ce3b56a4d738d5dcc14d117"
    "3ed113b7883b4c590638379db0c21cda16742ed0255048bf433391d374bc21d1"
    "14bec98629c34b5ab5e4a5882e7ca3934431def49b2e5eeba748fa2045e4f697"
    "8e533b6fa0bf7b4625bb30667c01fb607ef9f8b8a80fef5b300628703187b2a3"
    "73eb1dbde03318366d069f83a6f5900053c73633cb041b21c55e1a86c1f400b4"
)


async def sidecar_version(client: L1Client) -> int:
    """1 (cell proofs) from Osaka on, else 0. Raises Temporary where the L1 does not answer."""
    try:
        answer = await client.call_contract(P256_VERIFY, P256_PROBE)
    except CallRefused:
        return 0
    return 1 if answer == (1).to_bytes(32, "big") else 0
